// ringfort::Status as it travels in proto::Error.
#pragma once

#include "ringfort/client.pb.h"
#include "ringfort/status.h"

namespace ringfort::wire {

/// Fills `error` from a status that is not ok. Leaves `primary_hint` to the caller.
void EncodeStatus(const Status& status, proto::Error* error);

/// The message is one line without controls, cut after 2,000 bytes: whoever sent it, it may be
/// printed. Never ok: a code that is unknown here, or is "ok", becomes kInternal with an effect of
/// kUnknown, for the sender knows what happened and we do not.
Status DecodeStatus(const proto::Error& error);

}  // namespace ringfort::wire
