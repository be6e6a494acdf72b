// Numbers for things in flight: each is given a ticket, and the ticket finds it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ringfort::net {

/// Slots are used again, so a table in its stride allocates nothing. A ticket is never 0 and is not
/// used twice until its slot has been used 2^32 times: an answer that comes twice, or too late,
/// finds nothing. Not thread-safe.
template <typename T>
class SlotTable {
 public:
  std::uint64_t Insert(T value) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].value.emplace(std::move(value));
    ++size_;
    return Ticket(index);
  }

  /// Null when nothing has this ticket. Good until the next Insert or Take.
  T* Find(std::uint64_t ticket) {
    const auto index = static_cast<std::uint32_t>(ticket);
    if (index >= slots_.size() || !slots_[index].value || Ticket(index) != ticket) return nullptr;
    return &*slots_[index].value;
  }

  std::optional<T> Take(std::uint64_t ticket) {
    T* found = Find(ticket);
    if (found == nullptr) return std::nullopt;
    std::optional<T> value(std::move(*found));
    Release(static_cast<std::uint32_t>(ticket));
    return value;
  }

  /// Empties the table.
  std::vector<T> TakeAll() {
    std::vector<T> all;
    all.reserve(size_);
    for (std::uint32_t index = 0; index < slots_.size(); ++index) {
      if (!slots_[index].value) continue;
      all.push_back(std::move(*slots_[index].value));
      Release(index);
    }
    return all;
  }

  template <typename Visit>
  void ForEach(Visit visit) {
    for (Slot& slot : slots_) {
      if (slot.value) visit(*slot.value);
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    /// Never 0, so that no ticket is; grows with every use.
    std::uint32_t generation = 1;
    std::optional<T> value;
  };

  [[nodiscard]] std::uint64_t Ticket(std::uint32_t index) const {
    return (std::uint64_t{slots_[index].generation} << 32) | index;
  }
  void Release(std::uint32_t index) {
    Slot& slot = slots_[index];
    slot.value.reset();
    if (++slot.generation == 0) slot.generation = 1;
    free_.push_back(index);
    --size_;
  }

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace ringfort::net
