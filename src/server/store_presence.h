// Whether the stores of a data directory are there at all. A store that is absent is not damaged:
// its disk may be mounted a moment later.
#pragma once

#include <string>

#include "ringfort/status.h"
#include "server/data_dir.h"

namespace ringfort::server {

enum class StoreKind : std::uint8_t { kLog, kData };

/// Why no store of that kind stands at `path`, in words that follow the path: "is empty", "is a
/// link to X, where nothing is". Empty when one does, whole or damaged. kIoError where the place
/// cannot be looked at. Reads names only.
Result<std::string> WhyAbsent(const std::string& path, StoreKind kind);

/// kUnavailable when the identity says that the directory has stores and one of them is absent:
/// what is absent, that nothing was changed, and what to do.
Status CheckStoresPresent(const DataDir& dir);

}  // namespace ringfort::server
