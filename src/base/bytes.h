// Bytes: shared immutable payloads, and numbers laid out in a fixed byte order.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace ringfort {

/// An immutable byte string that is shared instead of copied: one log entry is at the same time on
/// its way to the disk, to two followers and to the state machine. Thread-safe like shared_ptr.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(std::string bytes)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

  [[nodiscard]] std::string_view view() const {
    return bytes_ == nullptr ? std::string_view() : std::string_view(*bytes_);
  }
  [[nodiscard]] std::size_t size() const { return bytes_ == nullptr ? 0 : bytes_->size(); }
  bool operator==(const SharedBytes& other) const { return view() == other.view(); }

 private:
  std::shared_ptr<const std::string> bytes_;
};

// Little-endian numbers for frames and log records.

template <typename T>
void AppendLittle(std::string* out, T value) {
  static_assert(std::is_unsigned_v<T>);
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  out->append(bytes, sizeof(T));
}

/// Reads a T from `bytes`, which holds at least sizeof(T).
template <typename T>
T LoadLittle(const char* bytes) {
  static_assert(std::is_unsigned_v<T>);
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

// Big-endian numbers for keys: they sort as bytes as they sort as numbers.

template <typename T>
void AppendBig(std::string* out, T value) {
  static_assert(std::is_unsigned_v<T>);
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out->append(bytes, sizeof(T));
}

/// Reads a T from `bytes`, which holds at least sizeof(T).
template <typename T>
T LoadBig(const char* bytes) {
  static_assert(std::is_unsigned_v<T>);
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace ringfort
