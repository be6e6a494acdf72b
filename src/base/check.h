// Checks are for bugs, never for input: they stay on in release and end the process with the place
// and the reason. (Not glog's: the client library links this, and must bring no flags with it.)
#pragma once

#include <sstream>
#include <string>

namespace ringfort::internal {

/// Prints `FILE:LINE: check failed: CONDITION MESSAGE` to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);

/// Collects what is streamed behind RF_CHECK and aborts at the end of the statement.
class CheckMessage {
 public:
  CheckMessage(const char* file, int line, const char* condition)
      : file_(file), line_(line), condition_(condition) {}
  CheckMessage(const CheckMessage&) = delete;
  CheckMessage& operator=(const CheckMessage&) = delete;
  [[noreturn]] ~CheckMessage() { CheckFailed(file_, line_, condition_, stream_.str()); }
  std::ostream& stream() { return stream_; }

 private:
  const char* file_;
  int line_;
  const char* condition_;
  std::ostringstream stream_;
};

struct Voidify {
  void operator&(std::ostream& /*unused*/) const {}
};

}  // namespace ringfort::internal

/// Use: RF_CHECK(commit <= last) << "commit " << commit;
#define RF_CHECK(condition)                       \
  (condition) ? (void)0                           \
              : ::ringfort::internal::Voidify() & \
                    ::ringfort::internal::CheckMessage(__FILE__, __LINE__, #condition).stream()
