#include "replica/load_meter.h"

#include <algorithm>
#include <cmath>

namespace ringfort::replica {
namespace {

constexpr Duration kFoldEvery = std::chrono::milliseconds(100);
constexpr std::size_t kHotKeysShown = 10;
/// A key of fewer samples, decayed, may have been asked for once and never again.
constexpr double kSamplesMin = 3;

/// What is left of a weight after so long.
double Decayed(Duration passed, Duration time_constant) {
  return std::exp(-std::chrono::duration<double>(passed) / time_constant);
}

std::uint64_t BytesOf(const proto::Key& key) {
  return key.shard_key().size() + key.sort_key().size();
}

}  // namespace

void LoadMeter::CountRead(const proto::Request& read) {
  ++totals_[kReads];
  for (const proto::Key& key : read.get().keys()) {
    totals_[kBytesIn] += BytesOf(key);
    hot_keys_.Count(key.shard_key());
  }
  if (!read.has_scan()) return;
  const proto::Scan& scan = read.scan();
  totals_[kBytesIn] += scan.shard_key().size() + scan.begin().size() + scan.end().size();
  if (!scan.whole_shard()) hot_keys_.Count(scan.shard_key());
}

void LoadMeter::CountWrite(const proto::Write& write) {
  ++totals_[kWrites];
  for (const proto::Operation& operation : write.operations()) {
    totals_[kBytesIn] += BytesOf(operation.key()) + operation.value().size();
  }
  if (write.operations_size() > 0) hot_keys_.Count(write.operations(0).key().shard_key());
}

void LoadMeter::CountAnswer(const proto::Response& answer) {
  for (const proto::Entry& entry : answer.got().entries()) {
    totals_[kBytesOut] += entry.value().size();
  }
  for (const proto::Entry& entry : answer.scan_page().entries()) {
    totals_[kBytesOut] += BytesOf(entry.key()) + entry.value().size();
  }
}

void LoadMeter::Spend(Figure figure, Duration time, MonotonicTime now) {
  totals_[figure] += static_cast<std::uint64_t>(time.count());
  seen_at_ = std::max(seen_at_, now);
  if (folded_at_ == kNever || seen_at_ - folded_at_ >= kFoldEvery) Fold();
}

void LoadMeter::Fold() {
  if (folded_at_ == kNever) folded_at_ = seen_at_;
  const Duration passed = seen_at_ - folded_at_;
  const double kept = Decayed(passed, kLoadTimeConstant);
  for (std::size_t i = 0; i < kFigures; ++i) {
    weights_[i] = weights_[i] * kept + static_cast<double>(totals_[i] - folded_totals_[i]);
  }
  folded_totals_ = totals_;
  folded_at_ = seen_at_;
  hot_keys_.Decay(Decayed(passed, kHotKeysTimeConstant));
}

void LoadMeter::Fill(proto::ReplicaLoad* load, MonotonicTime now, std::size_t* hot_key_bytes) {
  load->set_reads(totals_[kReads]);
  load->set_writes(totals_[kWrites]);
  load->set_bytes_in(totals_[kBytesIn]);
  load->set_bytes_out(totals_[kBytesOut]);
  load->set_loop_ns(totals_[kLoopNs]);
  load->set_pool_ns(totals_[kPoolNs]);
  if (seen_at_ == kNever) return;
  Fold();
  const Duration since = std::max(now, seen_at_) - seen_at_;
  const double per_second =
      Decayed(since, kLoadTimeConstant) / std::chrono::duration<double>(kLoadTimeConstant).count();
  load->set_reads_per_second(weights_[kReads] * per_second);
  load->set_writes_per_second(weights_[kWrites] * per_second);
  load->set_bytes_in_per_second(weights_[kBytesIn] * per_second);
  load->set_bytes_out_per_second(weights_[kBytesOut] * per_second);
  load->set_loop_ns_per_second(weights_[kLoopNs] * per_second);
  load->set_pool_ns_per_second(weights_[kPoolNs] * per_second);
  // Once no sample weighs anything, nothing is hot.
  if (hot_keys_.weight() * Decayed(since, kHotKeysTimeConstant) < 1) return;
  for (const HotKeys::Share& hot : hot_keys_.Hottest(kHotKeysShown)) {
    if (hot.share * hot_keys_.weight() < kSamplesMin) break;
    if (hot.key.size() > *hot_key_bytes) break;
    *hot_key_bytes -= hot.key.size();
    proto::HotKey* key = load->add_hot_keys();
    key->set_shard_key(hot.key.data(), hot.key.size());
    key->set_share(hot.share);
  }
}

}  // namespace ringfort::replica
