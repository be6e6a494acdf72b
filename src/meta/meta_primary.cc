#include "meta/meta_primary.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "meta/plan.h"
#include "wire/id_codec.h"
#include "wire/status_codec.h"

namespace ringfort::meta {
namespace {

constexpr std::uint32_t kPageEntries = 4096;
constexpr std::uint32_t kTimeoutMs = 5000;
// A round that is later than this was held up.
constexpr Duration kTickMax = std::chrono::seconds(3);
constexpr Duration kWritePause = std::chrono::seconds(5);
constexpr Duration kRetryFirst = std::chrono::seconds(1);
constexpr Duration kRetryMost = std::chrono::seconds(60);
// Roles that are handed over in one round.
constexpr std::size_t kTransfersMax = 4;

}  // namespace

std::uint64_t UnixMilliseconds(const env::WallClock& wall) {
  const auto passed = wall.Now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
}

MetaPrimary::MetaPrimary(MetaOptions options, Doors doors)
    : options_(options), doors_(std::move(doors)) {}

Status MetaPrimary::NotReady() {
  return {Code::kUnavailable,
          "the meta group has a new primary, which still reads the map and hears the nodes (try "
          "again)"};
}

void MetaPrimary::OnLeads(std::optional<Term> term) {
  if (term == term_ || stopped_) return;
  term_ = term;
  since_ = doors_.control->Now();
  loading_ = writing_ = false;
  state_.reset();
  steps_ = Steps();
  transfers_.clear();
  write_at_ = kNever;
  load_seen_at_ = kNever;
  for (Task& task : std::exchange(tasks_, {})) task.answer(NotReady());
  if (!term_ || ticking_) return;
  ticking_ = true;
  Tick();
}

void MetaPrimary::Stop() {
  OnLeads(std::nullopt);
  stopped_ = true;
}

void MetaPrimary::Tick() {
  if (!term_) {
    ticking_ = false;
    return;
  }
  const MonotonicTime now = doors_.control->Now();
  // A process that was suspended has not heard anybody meanwhile.
  if (ticked_at_ != kNever && now - ticked_at_ > kTickMax) since_ = now;
  ticked_at_ = now;
  if (state_ == nullptr) {
    Load();
  } else {
    Pulse();
    if (!writing_ && now >= write_at_) Reconcile();
  }
  const bool idle = state_ != nullptr && steps_.orders.empty() && !steps_.next &&
                    state_->map.moves.empty() && AllAreHeard() && !SomebodyJoins();
  doors_.control->RunAt(doors_.control->Now() + (idle ? options_.idle_pace : options_.pace),
                        [this] { Tick(); });
}

void MetaPrimary::Submit(proto::Request request, OnResponse then) {
  request.set_timeout_ms(kTimeoutMs);
  doors_.submit(std::move(request),
                [this, term = term_, then = std::move(then)](const proto::Response& response) {
                  then(response, term_ == term && !stopped_);
                });
}

// Nodes.

void MetaPrimary::Pulse() {
  const ring::NodeInfo* own = state_->map.FindNode(doors_.self);
  for (const ring::NodeInfo& node : state_->map.nodes) {
    if (node.state == ring::NodeState::kGone) continue;
    proto::PeerMessage message;
    proto::MetaPulse* pulse = message.mutable_meta_pulse();
    pulse->set_term(term_->value());
    pulse->set_map_version(state_->map.version.value());
    pulse->set_address(own == nullptr ? "" : own->address);
    const NodeNews* news = reports_.Of(node.id);
    pulse->set_reported(news == nullptr ? 0 : news->sequence);
    doors_.send(node.id, message);
  }
}

bool MetaPrimary::AllAreHeard() const {
  return std::ranges::all_of(state_->map.nodes, [this](const ring::NodeInfo& node) {
    return node.state == ring::NodeState::kGone || node.lost || reports_.Of(node.id) != nullptr;
  });
}

bool MetaPrimary::SomebodyJoins() const {
  return std::ranges::find(state_->map.nodes, ring::NodeState::kJoining, &ring::NodeInfo::state) !=
         state_->map.nodes.end();
}

void MetaPrimary::OnReport(const env::PeerIdentity& from, const proto::NodeReport& report) {
  if (!term_ || state_ == nullptr || report.term() != term_->value()) return;
  reports_.Take(from, report, doors_.control->Now(), UnixMilliseconds(*doors_.wall));
  strays_.LookAt(state_->map, reports_, reports_.TakeChanged());
}

void MetaPrimary::Reconcile() {
  steps_ = meta::Reconcile(*state_, reports_, strays_.shards(), since_, doors_.control->Now(),
                           options_.reconciler);
  if (steps_.next) {
    Make("ringfort", *std::move(steps_.next), steps_.events, [](const Status&) {});
    return;  // What follows from a map that is not written yet waits for it.
  }
  GiveOrders();
  EvenOutLoad();
}

// A transfer that does not come about holds up writes while it is tried: not again and again.
void MetaPrimary::GiveOrders() {
  const MonotonicTime now = doors_.control->Now();
  std::map<ShardId, Retry> transfers;
  std::size_t begun = 0;
  for (const Order& order : steps_.orders) {
    if (!std::holds_alternative<TransferTo>(order.what)) {
      GiveOrder(order);
      continue;
    }
    const auto before = transfers_.find(order.shard);
    Retry retry = before == transfers_.end() ? Retry{now, kRetryFirst} : before->second;
    if (now >= retry.at && begun < kTransfersMax) {
      ++begun;
      GiveOrder(order);
      retry = {now + retry.pause, std::min(2 * retry.pause, kRetryMost)};
    }
    transfers.emplace(order.shard, retry);
  }
  transfers_ = std::move(transfers);
}

void MetaPrimary::EvenOutLoad() {
  const MonotonicTime now = doors_.control->Now();
  if (load_seen_at_ == kNever) load_seen_at_ = now;  // The first means are not yet of a whole span.
  if (now - load_seen_at_ < options_.load_pace) return;
  load_seen_at_ = now;
  if (state_->paused || !state_->map.moves.empty()) return;
  std::vector<std::uint64_t> load;
  std::uint64_t sum = 0;
  for (std::uint32_t shard = 0; shard < state_->map.shards(); ++shard) {
    const ShardNews* news = reports_.Of(ShardId(shard));
    if (news == nullptr) return;
    load.push_back(news->load_ns);
    sum += news->load_ns;
  }
  if (sum < options_.load_least_ns) return;
  State next = *state_;
  std::string changed = EvenOutPrimaries(&next, load);
  CountVersion(*state_, &next);
  Make("ringfort", std::move(next), {std::move(changed)}, [](const Status&) {});
}

void MetaPrimary::GiveOrder(const Order& order) {
  proto::PeerMessage message;
  proto::ShardOrder* out = message.mutable_shard_order();
  out->set_meta_term(term_->value());
  out->set_shard(order.shard.value());
  out->set_members_index(order.members_index.value());
  if (const auto* transfer = std::get_if<TransferTo>(&order.what)) {
    out->set_transfer_to(transfer->node.value());
  } else {
    const auto& change = std::get<SetMembers>(order.what);
    for (const NodeId node : change.voters) out->mutable_change()->add_voters(node.value());
    for (const auto& [node, incarnation] : change.learners) {
      proto::NewLearner* learner = out->mutable_change()->add_learners();
      learner->set_node(node.value());
      learner->set_incarnation(wire::EncodeId(incarnation));
    }
  }
  doors_.send(order.primary, message);
}

// Reading.

void MetaPrimary::Load() {
  if (loading_ || writing_) return;  // Also the first state.
  loading_ = true;
  proto::Request request;
  request.mutable_open_session();
  Submit(std::move(request), [this](const proto::Response& response, bool current) {
    if (!current) return;
    if (response.has_error()) {
      loading_ = false;  // Tried again at the next tick.
      return;
    }
    session_ = SessionId(response.session_opened().session());
    sequence_ = Sequence();
    LoadPage(std::make_shared<StateReader>(), "");
  });
}

void MetaPrimary::LoadPage(std::shared_ptr<StateReader> reader, const std::string& begin) {
  proto::Request request;
  proto::Scan* scan = request.mutable_scan();
  scan->set_shard_key(std::string(kShardKey));
  scan->set_begin(begin);
  scan->set_entries_max(kPageEntries);
  Submit(std::move(request), [this, reader = std::move(reader)](const proto::Response& response,
                                                                bool current) {
    if (!current) return;
    Status status = response.has_error() ? wire::DecodeStatus(response.error()) : Status::Ok();
    const proto::ScanPage& page = response.scan_page();
    for (const proto::Entry& entry : page.entries()) {
      if (entry.key().sort_key() == kClusterKey) fence_ = entry.version();
      if (status.ok()) status = reader->Add(entry.key().sort_key(), entry.value());
    }
    if (!status.ok()) {
      OnLoaded(status);
    } else if (page.more()) {
      LoadPage(reader, page.entries().rbegin()->key().sort_key() + '\0');
    } else {
      OnLoaded(reader->Finish());
    }
  });
}

void MetaPrimary::OnLoaded(Result<std::optional<State>> state) {
  loading_ = false;
  if (!state.ok()) {
    if (state.status().code() == Code::kUnsupported) doors_.on_unknown(state.status());
    if (state.status().code() == Code::kCorruption) doors_.log_line(state.status().message());
    return;
  }
  if (state->has_value()) {
    TakeOver(**std::move(state));
    return;
  }
  State first;
  first.map = doors_.first_map();
  Write(nullptr, std::move(first), "ringfort", {"the cluster is created"}, [](const Status&) {});
}

void MetaPrimary::TakeOver(State state) {
  if (state_ == nullptr) {
    since_ = doors_.control->Now();
    reports_ = Reports(state.map.meta_shard());
  }
  state_ = std::make_unique<State>(std::move(state));
  for (const auto& [shard, epoch] : state_->map.epochs) reports_.ExpectEpoch(shard, epoch);
  strays_.LookAtAll(state_->map, reports_);
  doors_.on_map(state_->map);
}

// Changing.

void MetaPrimary::Make(const std::string& who, State next, std::vector<std::string> events,
                       const std::function<void(Status)>& done) {
  std::erase(events, "");
  if (next == *state_) return done(Status::Ok());
  Write(state_.get(), std::move(next), who, events, done);
}

void MetaPrimary::Write(const State* before, State next, const std::string& who,
                        const std::vector<std::string>& events, std::function<void(Status)> done) {
  writing_ = true;
  std::vector<EntryChange> event_entries;
  for (const std::string& what : events) {
    proto::MetaEvent event;
    event.set_number(next.next_event++);
    event.set_at_unix_ms(UnixMilliseconds(*doors_.wall));
    event.set_who(who);
    event.set_what(what);
    std::ranges::move(EventEntries(event), std::back_inserter(event_entries));
  }
  std::vector<EntryChange> changes = Difference(before, next);
  std::ranges::move(event_entries, std::back_inserter(changes));
  proto::Request request;
  proto::Write* write = request.mutable_write();
  ++sequence_;
  write->set_session(session_.value());
  write->set_sequence(sequence_.value());
  write->set_first_unanswered(sequence_.value());
  for (EntryChange& change : changes) {
    proto::Operation* operation = write->add_operations();
    operation->mutable_key()->set_shard_key(std::string(kShardKey));
    operation->mutable_key()->set_sort_key(std::move(change.sort_key));
    operation->set_kind(change.value ? proto::Operation::PUT : proto::Operation::DELETE);
    if (change.value) operation->set_value(*std::move(change.value));
  }
  proto::Condition* condition = write->mutable_operations(0)->mutable_condition();
  condition->set_kind(before == nullptr ? proto::Condition::IF_ABSENT
                                        : proto::Condition::IF_VERSION);
  condition->set_version(before == nullptr ? 0 : fence_);
  Submit(std::move(request), [this, next = std::move(next), events, done = std::move(done)](
                                 const proto::Response& response, bool current) mutable {
    if (!current) {
      Status lost = NotReady();
      return done(std::move(lost.set_effect(Effect::kUnknown)));
    }
    writing_ = false;
    if (response.has_error()) {
      const Status status = wire::DecodeStatus(response.error());
      OnNotWritten(status);
      return done(status);
    }
    fence_ = response.written().version();
    for (const std::string& what : events) doors_.log_line("meta: " + what);
    TakeOver(std::move(next));
    done(Status::Ok());
    TakeNext();
  });
}

void MetaPrimary::OnNotWritten(const Status& status) {
  const bool stands = status.effect() == Effect::kNotApplied &&
                      (status.code() == Code::kDiskFull || status.code() == Code::kOverloaded);
  if (stands && state_ != nullptr) {
    write_at_ = doors_.control->Now() + kWritePause;
    TakeNext();
    return;
  }
  // Whether it was written, or what else: the shard knows.
  state_.reset();
  for (Task& task : std::exchange(tasks_, {})) task.answer(NotReady());
}

}  // namespace ringfort::meta
