// A doubly linked list whose links lie in its elements: joining and leaving cost no allocation, and
// an element leaves by itself without knowing the list.
#pragma once

#include "base/check.h"

namespace ringfort::client {

/// One membership of one element. A Hook that is destroyed leaves its list.
class Hook {
 public:
  Hook() = default;
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
  ~Hook() { Leave(); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }

  /// Does nothing when in no list.
  void Leave() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename T, Hook T::*kHook>
  friend class IntrusiveList;

  Hook* previous_ = nullptr;
  Hook* next_ = nullptr;
  void* owner_ = nullptr;
};

/// Elements of type T, linked by their member `kHook`. Owns none of them.
template <typename T, Hook T::*kHook>
class IntrusiveList {
 public:
  IntrusiveList() { end_.next_ = end_.previous_ = &end_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty()) (front()->*kHook).Leave();
    end_.next_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return end_.next_ == &end_; }
  /// The list is not empty.
  [[nodiscard]] T* front() const { return static_cast<T*>(end_.next_->owner_); }

  /// The element is in no list by this hook.
  void PushBack(T* element) {
    Hook& hook = element->*kHook;
    RF_CHECK(!hook.linked());
    hook.owner_ = element;
    hook.previous_ = end_.previous_;
    hook.next_ = &end_;
    end_.previous_->next_ = &hook;
    end_.previous_ = &hook;
  }

  /// Moves all elements of `other` to the end of this list.
  void Splice(IntrusiveList* other) {
    if (other->empty()) return;
    Hook* first = other->end_.next_;
    Hook* last = other->end_.previous_;
    other->end_.next_ = other->end_.previous_ = &other->end_;
    first->previous_ = end_.previous_;
    end_.previous_->next_ = first;
    last->next_ = &end_;
    end_.previous_ = last;
  }

 private:
  Hook end_;
};

}  // namespace ringfort::client
