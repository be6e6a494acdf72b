// Standard input and output as other programs leave them: also those that do not block.
#pragma once

#include <array>
#include <cstdint>
#include <streambuf>

namespace ringfort::cli {

enum class Direction : std::uint8_t { kRead, kWrite };

/// After a read or write that failed, by errno: true when it is to be tried again, at once after a
/// signal, and after a wait where the descriptor does not block and is not ready.
bool MayTryAgain(int descriptor, Direction direction);

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
