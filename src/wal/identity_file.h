// A small file that is replaced as a whole or not at all: the node's identity lives in one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::wal {

/// At most this many bytes.
inline constexpr std::size_t kBlobBytesMax = 64 << 20;

/// Puts the bytes into `path`, durably: a crash at any moment leaves the old contents or the new
/// ones. One caller at a time for a path. Blocks on the disk.
Status SaveBlob(const std::string& path, std::string_view bytes);

/// What SaveBlob put there; none when the file is not there. kCorruption when it is not what was
/// put, kUnsupported for the format of a newer release.
Result<std::optional<std::string>> LoadBlob(const std::string& path);

}  // namespace ringfort::wal
