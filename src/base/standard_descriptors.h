// Descriptors 0 to 2, which a program is started with, or not.
#pragma once

namespace ringfort {

/// Opens /dev/null as each of 0, 1 and 2 that is closed: else the next file that is opened gets the
/// number, and what is meant for standard output or for the log is written into it. First of all in
/// main(), before any thread.
void OpenStandardDescriptors();

}  // namespace ringfort
