// Standard output as other programs leave it: also one that does not block.
#pragma once

#include <array>
#include <streambuf>

namespace ringfort::cli {

/// Writes to a descriptor, which is not owned. One that does not block is waited for. For one
/// thread.
class FdOutput final : public std::streambuf {
 public:
  explicit FdOutput(int descriptor);
  ~FdOutput() override;
  FdOutput(const FdOutput&) = delete;
  FdOutput& operator=(const FdOutput&) = delete;

 protected:
  int_type overflow(int_type byte) override;
  int sync() override;

 private:
  const int descriptor_;
  std::array<char, 8192> buffer_;
};

}  // namespace ringfort::cli
