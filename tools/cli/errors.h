// How a tool ends: exit codes, and the one form of its errors, `error: WHAT: WHY (what to do)`.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "ringfort/status.h"

namespace ringfort::cli {

enum ExitCode : int {
  kDone = 0,
  kFailed = 1,      ///< The cluster, or the machine, refused or failed.
  kWrongWords = 2,  ///< The command line makes no sense.
};

/// Prints the error of doing `what`; the status's message brings the cause and the next step. Of a
/// failed write it says when it may have happened. kWrongWords for kInvalidArgument and kTooLarge,
/// which are about what was typed; else kFailed.
int Fail(std::ostream& err, std::string_view what, const Status& status);

/// For printing on one line: without controls, cut after 64 bytes.
std::string Printable(std::string_view bytes);

}  // namespace ringfort::cli
