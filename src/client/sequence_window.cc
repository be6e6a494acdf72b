#include "client/sequence_window.h"

#include "base/check.h"

namespace ringfort::client {

Sequence SequenceWindow::Take() {
  RF_CHECK(!full());
  const Sequence taken = next_;
  ++next_;
  return taken;
}

void SequenceWindow::Finish(Sequence sequence) {
  RF_CHECK(sequence >= first_ && sequence < next_) << "sequence " << sequence;
  RF_CHECK(!finished_[sequence.value() % kSpan]) << "sequence " << sequence << " again";
  finished_.set(sequence.value() % kSpan);
  while (first_ < next_ && finished_[first_.value() % kSpan]) {
    finished_.reset(first_.value() % kSpan);
    ++first_;
  }
}

}  // namespace ringfort::client
