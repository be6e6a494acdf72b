#include "ringfort/status.h"

namespace ringfort {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kNotFound: return "NotFound";
    case Code::kConditionFailed: return "ConditionFailed";
    case Code::kInvalidArgument: return "InvalidArgument";
    case Code::kTooLarge: return "TooLarge";
    case Code::kOverloaded: return "Overloaded";
    case Code::kDiskFull: return "DiskFull";
    case Code::kNotPrimary: return "NotPrimary";
    case Code::kUnavailable: return "Unavailable";
    case Code::kDeadlineExceeded: return "DeadlineExceeded";
    case Code::kSessionExpired: return "SessionExpired";
    case Code::kWrongCluster: return "WrongCluster";
    case Code::kCorruption: return "Corruption";
    case Code::kIoError: return "IoError";
    case Code::kCancelled: return "Cancelled";
    case Code::kUnsupported: return "Unsupported";
    case Code::kInternal: return "Internal";
  }
  return "Unknown";
}

std::string Status::ToString() const {
  std::string text(CodeName(code_));
  if (!message_.empty()) text.append(": ").append(message_);
  return text;
}

}  // namespace ringfort
