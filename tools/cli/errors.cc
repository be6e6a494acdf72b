#include "tools/cli/errors.h"

#include "base/text.h"

namespace ringfort::cli {
namespace {

constexpr std::size_t kPrintableMax = 64;

}  // namespace

int Fail(std::ostream& err, std::string_view what, const Status& status) {
  err << "error: " << what << ": " << status.message();
  if (status.effect() == Effect::kUnknown) {
    err << "; whether the write happened is not known (read it back)";
  }
  if (status.effect() == Effect::kApplied) err << "; the write happened";
  err << "\n";
  const bool words = status.code() == Code::kInvalidArgument || status.code() == Code::kTooLarge;
  return words ? kWrongWords : kFailed;
}

std::string Printable(std::string_view bytes) {
  return OneLine(bytes, kPrintableMax);
}

}  // namespace ringfort::cli
