#include "node/reporter.h"

#include <algorithm>

namespace ringfort::node {

void Reporter::Answer(NodeId primary, const proto::MetaPulse& pulse,
                      std::function<void(proto::NodeReport)> send) {
  if (looking_) return;
  looking_ = true;
  if (primary != primary_ || pulse.term() != term_) said_.clear();
  primary_ = primary;
  term_ = pulse.term();
  const bool adds = pulse.reported() != 0 && pulse.reported() == sequence_;
  LookAt(0, std::make_shared<Look>(), [this, adds, send = std::move(send)](Look look) {
    looking_ = false;
    send(Compare(std::move(look), adds));
  });
}

void Reporter::LookAt(std::size_t i, std::shared_ptr<Look> look, std::function<void(Look)> then) {
  if (i == loops_.size()) {
    control_->Post([look, then = std::move(then)] { then(std::move(*look)); });
    return;
  }
  ShardLoop* loop = loops_[i];
  loop->loop()->Post([this, i, loop, look, then = std::move(then)] {
    const MonotonicTime now = loop->Now();
    loop->ForEach([&](replica::Replica& replica) {
      ++look->replicas;
      look->data_bytes += replica.DataBytes();
      look->ready = look->ready && replica.IsSettled();
      if (replica.raft().role() == raft::Role::kPrimary) {
        replica.FillReport(&look->led[replica.shard()], now);
      }
    });
    LookAt(i + 1, look, then);
  });
}

proto::NodeReport Reporter::Compare(Look look, bool adds) {
  proto::NodeReport report;
  report.set_term(term_);
  report.set_replicas(look.replicas);
  report.set_data_bytes(look.data_bytes);
  report.set_ready(look.ready);
  if (adds) {
    report.set_base(sequence_);
  } else {
    said_.clear();
  }
  report.set_sequence(++sequence_);
  std::map<ShardId, std::string> says;
  for (auto& [shard, led] : look.led) {
    std::string bytes = led.SerializeAsString();
    const auto before = said_.find(shard);
    if (before == said_.end() || before->second != bytes) *report.add_led() = std::move(led);
    says.emplace(shard, std::move(bytes));
  }
  for (const auto& [shard, bytes] : said_) {
    if (!says.contains(shard)) report.add_no_longer_led(shard.value());
  }
  said_ = std::move(says);
  return report;
}

}  // namespace ringfort::node
