// Messages as a reader sees them.
#pragma once

#include <string>

#include "raft/message.h"

namespace ringfort::raft {

/// One line: `1->2 t3 append after 4/2 entries 5..6 commit 4`.
std::string ToText(const Message& message);

}  // namespace ringfort::raft
