// File descriptors as other programs leave them: closed, or such that do not block.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringfort {

/// Opens /dev/null as each of 0, 1 and 2 that is closed: else the next file that is opened gets the
/// number, and what is meant for standard output or for the log is written into it. First of all in
/// main(), before any thread.
void OpenStandardDescriptors();

enum class Direction : std::uint8_t { kRead, kWrite };

/// After a read or write that failed, by errno: true when it is to be tried again, at once after a
/// signal, and after a wait where the descriptor does not block and is not ready. The wait has no
/// end of its own. Thread-safe.
bool MayTryAgain(int descriptor, Direction direction);

/// Writes everything, waiting for who reads; false, with errno, at the first error. Thread-safe.
bool WriteAll(int descriptor, std::string_view bytes);

}  // namespace ringfort
