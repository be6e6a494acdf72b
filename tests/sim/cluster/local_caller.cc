#include "tests/sim/cluster/local_caller.h"

#include <utility>

#include "tests/sim/cluster/loops.h"
#include "wire/status_codec.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

LocalCaller::LocalCaller(Events* events, SimulatedNode* node, std::uint32_t who,
                         std::vector<std::vector<std::string>> keys_by_shard, Random random)
    : events_(events),
      node_(node),
      who_(who),
      keys_(std::move(keys_by_shard)),
      random_(random),
      writers_(keys_.size()) {}

void LocalCaller::Start() {
  events_->After(Between(random_, 0ms, 20ms), nullptr, "local", [this] {
    if (stopped_) return;
    if (node_->running()) Call();
    Start();
  });
}

void LocalCaller::Call() {
  const auto shard = static_cast<std::uint32_t>(random_.Below(keys_.size()));
  const std::string& key = keys_[shard][random_.Below(keys_[shard].size())];
  if (random_.OneIn(3)) {
    Write(shard, key);
  } else {
    Read(shard, key);
  }
}

void LocalCaller::Ask(std::uint32_t shard, proto::Request request, OnAnswer on_answer) {
  request.set_shard(shard);
  request.set_timeout_ms(1000);
  events_->At(events_->now(), node_->process(), "handle",
              [this, request = std::move(request), on_answer = std::move(on_answer)]() mutable {
                std::vector<node::Node::Incoming> batch(1);
                batch[0].request = std::move(request);
                batch[0].reply = std::move(on_answer);
                node_->node().Handle(std::move(batch));
              });
}

void LocalCaller::Read(std::uint32_t shard, const std::string& key) {
  Operation read;
  read.client = who_;
  read.key = key;
  read.invoked_at = events_->step();
  proto::Request request;
  request.mutable_get()->add_keys()->set_shard_key(key);
  Ask(shard, std::move(request), [this, read](const proto::Response& response) mutable {
    if (!response.has_got()) return;
    const proto::Entry& entry = response.got().entries(0);
    if (entry.found()) {
      read.found = entry.value();
      read.version = entry.version();
    }
    read.ended_at = events_->step();
    history_.push_back(std::move(read));
  });
}

void LocalCaller::Write(std::uint32_t shard, const std::string& key) {
  Writer& writer = writers_[shard];
  const BootNumber boot = node_->node().self().boot;
  if (writer.waiting && writer.boot == boot) return;
  writer.boot = boot;
  writer.waiting = true;
  if (writer.session == 0) {
    OpenSession(shard);
    return;
  }
  Operation* operation = &history_.emplace_back();
  operation->kind = Operation::Kind::kPut;
  operation->client = who_;
  operation->key = key;
  operation->value = std::to_string(who_) + "." + std::to_string(++last_value_);
  operation->invoked_at = events_->step();
  proto::Request request;
  proto::Write* write = request.mutable_write();
  write->set_session(writer.session);
  write->set_sequence(++writer.sequence);
  write->set_first_unanswered(writer.sequence);
  proto::Operation* put = write->add_operations();
  put->mutable_key()->set_shard_key(key);
  put->set_value(operation->value);
  Ask(shard, std::move(request), [this, shard, operation](const proto::Response& response) {
    writers_[shard].waiting = false;
    operation->ended_at = events_->step();
    if (response.has_written()) {
      operation->found = operation->value;
      operation->version = response.written().version();
      return;
    }
    const Status status = wire::DecodeStatus(response.error());
    operation->code = status.code();
    operation->effect = status.effect();
    if (status.code() == Code::kSessionExpired) writers_[shard].session = 0;
  });
}

void LocalCaller::OpenSession(std::uint32_t shard) {
  proto::Request request;
  request.mutable_open_session();
  Ask(shard, std::move(request), [this, shard](const proto::Response& response) {
    writers_[shard].waiting = false;
    writers_[shard].sequence = 0;
    writers_[shard].session = response.session_opened().session();
  });
}

}  // namespace ringfort::sim
