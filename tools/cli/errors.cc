#include "tools/cli/errors.h"

#include "tools/cli/utf8.h"

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
  constexpr char kDigits[] = "0123456789abcdef";
  const bool cut = bytes.size() > kPrintableMax;
  if (cut) bytes = bytes.substr(0, kPrintableMax);
  std::string printable;
  while (!bytes.empty()) {
    const std::size_t length = Utf8Length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      printable += "\\x";
      printable += kDigits[first >> 4];
      printable += kDigits[first & 15];
      bytes.remove_prefix(1);
    } else {
      printable += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return cut ? printable + "..." : printable;
}

}  // namespace ringfort::cli
