#include "tools/cli/fd_output.h"

#include "base/descriptors.h"

namespace ringfort::cli {

FdOutput::FdOutput(int descriptor) : descriptor_(descriptor) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

FdOutput::~FdOutput() {
  FdOutput::sync();
}

FdOutput::int_type FdOutput::overflow(int_type byte) {
  if (FdOutput::sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(byte, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(byte);
    pbump(1);
  }
  return traits_type::not_eof(byte);
}

int FdOutput::sync() {
  const bool written = WriteAll(descriptor_, {pbase(), static_cast<std::size_t>(pptr() - pbase())});
  if (written) setp(buffer_.data(), buffer_.data() + buffer_.size());
  return written ? 0 : -1;
}

}  // namespace ringfort::cli
