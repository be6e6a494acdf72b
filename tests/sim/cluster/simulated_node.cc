#include "tests/sim/cluster/simulated_node.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "raft/members.h"
#include "wire/id_codec.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

namespace {

constexpr int kLoops = 2;
constexpr std::uint64_t kDiskBytes = std::uint64_t{1} << 40;
// Below the 1 % that leases allow for, in millionths.
constexpr std::uint64_t kDriftMax = 9'000;
constexpr ShardStoreWhims kWhims{.flush_one_in = 60, .miss_one_in = 20, .overload_one_in = 50};

DriftingClock AnyClock(Events* events, Random& random) {
  const auto drift = static_cast<std::int64_t>(random.Below(2 * kDriftMax + 1)) -
                     static_cast<std::int64_t>(kDriftMax);
  return {events, Between(random, 0h, 1000h), drift};
}

}  // namespace

SimulatedNode::Running::Running(Events* events, Network* network, const DriftingClock* clock,
                                NodeId id, Random random)
    : state{id.value()}, pool(events, &state, random.Fork()), transport(network, id) {
  for (int i = 0; i < kLoops; ++i) {
    loops.push_back(std::make_unique<SimLoop>(events, &state, clock, random.Fork()));
  }
}

SimulatedNode::SimulatedNode(Events* events, Network* network, node::NodeOptions options,
                             ring::ClusterConfig config, NodeId id, Random random,
                             Complain complain, Watch* watch)
    : events_(events),
      network_(network),
      options_(options),
      config_(std::move(config)),
      id_(id),
      random_(random),
      damage_random_(Random(random).Fork()),
      life_random_(damage_random_.Fork()),
      complain_(std::move(complain)),
      watch_(watch),
      clock_(AnyClock(events, random_)),
      wall_(events),
      write_least_(100us),
      write_most_(2ms),
      log_({.relaxed = false,
            .when_written =
                [this](env::Task task) {
                  events_->After(Between(random_, write_least_, write_most_), process(), "disk",
                                 std::move(task));
                },
            .now = [this] { return clock_.Now(); },
            .watch =
                [this](const storage::LogUpdate& update, bool synced) {
                  CheckUnderstands(update);
                  watch_->OnLog(id_, update, synced);
                }}),
      shards_(random_.Next(), kWhims,
              [this](ShardId shard, storage::Applied before, storage::Applied now) {
                watch_->OnApplied(id_, shard, before, now);
              }) {
  DrawIdentity();
}

void SimulatedNode::DrawIdentity() {
  proto::Identity identity;
  identity.set_node(id_.value());
  incarnation_ = Incarnation{random_.Next(), random_.Next()};
  identity.set_incarnation(wire::EncodeId(incarnation_));
  joins_ = std::ranges::find(config_.nodes, id_, &ring::NodeInfo::id) == config_.nodes.end();
  identity.set_cluster_name(config_.cluster_name);
  identity_.stored = identity.SerializeAsString();
}

SimulatedNode::~SimulatedNode() {
  if (running()) Kill(Unsynced::kLost);
}

void SimulatedNode::EnterCluster(const proto::JoinedCluster& joined) {
  proto::Identity identity;
  RF_CHECK(identity.ParseFromString(identity_.stored));
  *identity.mutable_record() = joined.record();
  RF_CHECK(identity.mutable_map()->ParseFromString(joined.map()));
  identity.set_replicas_made(true);
  identity_.stored = identity.SerializeAsString();
  joins_ = false;
  joined_before_ = true;
}

void SimulatedNode::Start() {
  RF_CHECK(!running());
  if (joins_ || absent_) return;
  if (!put_back_ && !has_damaged_data() && (!copy_ || life_random_.OneIn(3))) {
    copy_ = Copy{log_.CopyDisk(), shards_.CopyDisk(), identity_.stored};
  }
  proto::Identity identity;
  RF_CHECK(identity.ParseFromString(identity_.stored));
  CountBoot(&identity);
  events_->trace.Say(events_->now(), id_.value(),
                     [&] { return "starts, boot " + std::to_string(identity.boot()); });
  process_ = std::make_unique<Running>(events_, network_, &clock_, id_, random_.Fork());
  knew_ = std::max(knew_, knows_);
  knows_ = installed_;
  node::NodeOptions options = options_;
  options.knows = knows_;
  process_->node = std::make_unique<node::Node>(options, config_, identity, Doors());
  node::Node* node = process_->node.get();
  env::Lineage lineage;
  for (const proto::Life& life : identity.lineage().lives()) {
    lineage.push_back({BootNumber(life.boot()), life.nonce()});
  }
  network_->Attach({node->self(), &process_->state, node, [node] { return node->has_record(); },
                    std::move(lineage), node::SeenLives::Stored(identity)});
  node->SetRoom(storage::DiskRoom::kEnough, kDiskBytes);
  node->Start();
}

void SimulatedNode::CountBoot(proto::Identity* identity) {
  identity->set_boot(identity->boot() + 1);
  proto::Life* life = identity->mutable_lineage()->add_lives();
  life->set_boot(identity->boot());
  life->set_nonce(life_random_.Next() | 1);
  identity_.stored = identity->SerializeAsString();
}

env::PeerIdentity SimulatedNode::newest_start() const {
  proto::Identity identity;
  RF_CHECK(identity.ParseFromString(identity_.stored));
  env::PeerIdentity start{id_, incarnation_, BootNumber(identity.boot())};
  if (const auto& lives = identity.lineage().lives(); !lives.empty()) {
    start.nonce = lives.rbegin()->nonce();
  }
  return start;
}

bool SimulatedNode::Remembers(const env::PeerIdentity& start) const {
  proto::Identity identity;
  RF_CHECK(identity.ParseFromString(identity_.stored));
  return std::ranges::any_of(identity.seen(), [&start](const proto::SeenLife& seen) {
    return seen.node() == start.node.value() && seen.life().nonce() == start.nonce &&
           seen.life().boot() == start.boot.value();
  });
}

bool SimulatedNode::PutBackCopy(std::set<NodeId> known_by) {
  if (!copy_) return false;
  if (running()) Kill(Unsynced::kLost);
  events_->trace.Say(events_->now(), id_.value(), [] { return "has an old copy of its disk"; });
  log_.PutBack(*copy_->log);
  shards_.PutBack(copy_->shards);
  identity_.stored = copy_->identity;
  put_back_ = true;
  network_->old_copies().OnPutBack(id_, std::move(known_by));
  watch_->OnWiped(id_);
  return true;
}

Result<raft::Copy> SimulatedNode::RecoverMeta(bool dry_run) {
  RF_CHECK(!running());
  proto::Identity identity;
  RF_CHECK(identity.ParseFromString(identity_.stored));
  const node::StoppedNode stopped{std::move(identity), log_.TakeRecovery(), &log_, &shards_,
                                  &identity_};
  const auto plan = node::PlanMetaRecovery(stopped);
  if (!plan.ok()) return plan.status();
  const Status status = dry_run ? node::ForgetPlan(*plan, stopped)
                                : node::BeginMetaAnew(*plan, stopped, /*at_unix_ms=*/1);
  log_.ForgetUnsynced(Unsynced::kKept);
  shards_.Crash();
  if (!status.ok()) return status;
  return plan->copy;
}

node::NodeDoors SimulatedNode::Doors() {
  node::NodeDoors doors;
  for (const auto& loop : process_->loops) doors.loops.push_back(loop.get());
  doors.pool = doors.chunk_pool = doors.shard_pool = &process_->pool;
  doors.transport = &process_->transport;
  doors.log = &log_;
  doors.shards = &shards_;
  doors.identity = &identity_;
  doors.wall = &wall_;
  doors.on_fatal = [this](const Status& status) { OnFatal(status); };
  doors.on_removed = [this] { Leave(); };
  doors.log_line = [this](const std::string& line) {
    events_->trace.Say(events_->now(), id_.value(), [&] { return line; });
    if (line.find("set aside") != std::string::npos || IsUnexplained(line)) {
      complain_("nodes that run", Text(id_) + ": " + line);
    }
  };
  doors.counters = [] { return std::vector<std::pair<std::string, std::uint64_t>>(); };
  return doors;
}

void SimulatedNode::CheckUnderstands(const storage::LogUpdate& update) {
  const auto newer = [](const raft::Members& members) {
    return members.format != raft::MembersFormat::kPlain;
  };
  bool wrong = update.base && newer(update.base->members);
  for (const raft::Entry& entry : update.entries) {
    wrong = wrong || (entry.kind == raft::EntryKind::kMembers &&
                      newer(raft::DecodeMembers(entry.data.view()).value()));
  }
  if (!wrong) return;
  if (knows_ < features::kMembers1) {
    complain_("feature levels", Text(id_) + " was given members of a format that it does not know");
  }
  proto::Identity identity;
  RF_CHECK(identity.ParseFromString(identity_.stored));
  const std::uint32_t level =
      identity.has_map() ? identity.map().feature_level() : identity.record().feature_level();
  if (FeatureLevel(level) < features::kMembers1) {
    complain_("feature levels",
              Text(id_) +
                  " stores members of a format that its directory's map, by which "
                  "it starts, does not speak of");
  }
}

// It went back to an older release after it had reported that it knows the newer level: nobody
// could know. Or it was away for so long that nobody waited for it. But no other process may be
// left behind that never said so.
void SimulatedNode::OnTooOld() {
  if (knew_ < features::kNewest && !watch_->moves().WasLost(id_)) {
    complain_("feature levels", Text(id_) + " was left behind, and never said that it knows more");
  }
  Install(features::kNewest);
}

// Of damage that nobody has done.
bool SimulatedNode::IsUnexplained(const std::string& line) const {
  std::uint32_t shard = 0;
  if (std::sscanf(line.c_str(), "shard %u: damaged, it votes", &shard) != 1) return false;
  if (line.find("damaged, it votes") == std::string::npos) return false;
  return std::ranges::none_of(
      damaged_, [shard](const auto& one) { return one.first.shard == ShardId(shard); });
}

void SimulatedNode::OnFatal(const Status& status) {
  if (status.code() == Code::kUnsupported && knows_ < features::kNewest) {
    OnTooOld();
  } else if (!disk_fails_) {
    complain_("nodes that run", Text(id_) + " stopped by itself: " + status.ToString());
  }
  if (!std::exchange(process_->state.alive, false)) return;  // It said so before.
  events_->trace.Say(events_->now(), id_.value(), [&] { return "stops: " + status.ToString(); });
  events_->At(events_->now(), nullptr, "stop", [this, process = process_.get()] {
    if (process_.get() == process) Kill(random_.OneIn(2) ? Unsynced::kKept : Unsynced::kLost);
  });
  events_->After(Between(random_, 1ms, 2s), nullptr, "start", [this] {
    if (!running()) Start();
  });
}

void SimulatedNode::Leave() {
  if (!running() || leaving_) return;
  leaving_ = true;
  events_->trace.Say(events_->now(), id_.value(), [] { return "is asked to stop"; });
  node().Leave(5s, [this, process = process_.get()] {
    events_->After(0ms, nullptr, "left", [this, process] {
      if (process_.get() != process) return;
      Kill(Unsynced::kKept);
      events_->After(Between(random_, 1ms, 1s), nullptr, "start", [this] {
        if (!running()) Start();
      });
    });
  });
}

void SimulatedNode::FailDisk() {
  if (!running()) return;
  disk_fails_ = true;
  events_->trace.Say(events_->now(), id_.value(), [] { return "has a disk that fails"; });
  log_.FailWrites(Status(Code::kInternal, "the simulated disk failed (it will be replaced)"));
}

void SimulatedNode::Wipe() {
  if (running()) Kill(Unsynced::kLost);
  events_->trace.Say(events_->now(), id_.value(), [] { return "loses its data directory"; });
  log_.Wipe();
  shards_.Wipe();
  copy_.reset();
  put_back_ = false;
  network_->old_copies().OnWiped(id_);
  DrawIdentity();
  watch_->OnWiped(id_);
}

void SimulatedNode::DamageData() {
  const std::vector<storage::ShardStore::Name> names = shards_.List();
  if (names.empty()) return;
  const storage::ShardStore::Name name = names[damage_random_.Below(names.size())];
  damaged_[name] = false;
  events_->trace.Say(events_->now(), id_.value(), [&] {
    return "has damaged data of shard " + std::to_string(name.shard.value());
  });
  shards_.Damage(name, damage_random_.Below(8));
}

void SimulatedNode::DamageDataKnown(ShardId shard, bool lost) {
  if (running()) Kill(damage_random_.OneIn(2) ? Unsynced::kKept : Unsynced::kLost);
  const storage::ShardStore::Name name{shard, log_.WrittenGeneration(shard)};
  if (Counts(name)) {
    // A log from the first entry on makes lost data anew.
    if (!lost || log_.WrittenBase(shard)->index > LogIndex()) damaged_[name] = true;
    events_->trace.Say(events_->now(), id_.value(), [&] {
      return std::string(lost ? "lost" : "found damage in") + " its data of shard " +
             std::to_string(shard.value());
    });
    if (lost) {
      shards_.Lose(name);
    } else {
      shards_.Damage(name, damage_random_.Below(8));
      RF_CHECK(shards_.MarkDamaged(name, Status(Code::kCorruption, "a simulated compaction failed"))
                   .ok());
      shards_.Crash();  // What comes next finds the mark.
    }
  }
  events_->After(Between(damage_random_, 1ms, 500ms), nullptr, "start", [this] {
    if (!running()) Start();
  });
}

bool SimulatedNode::Counts(storage::ShardStore::Name name) const {
  const std::vector<storage::ShardStore::Name> names = shards_.List();
  return std::ranges::find(names, name) != names.end() &&
         log_.WrittenGeneration(name.shard) == name.generation;
}

bool SimulatedNode::IsDamaged(ShardId shard) const {
  return std::ranges::any_of(
      damaged_, [&](const auto& one) { return one.first.shard == shard && Counts(one.first); });
}

bool SimulatedNode::has_damaged_data() const {
  return std::ranges::any_of(damaged_, [this](const auto& one) { return Counts(one.first); });
}

bool SimulatedNode::has_unknown_damage() const {
  return std::ranges::any_of(damaged_,
                             [this](const auto& one) { return !one.second && Counts(one.first); });
}

void SimulatedNode::HangLoop(Duration how_long) {
  if (!running()) return;
  events_->trace.Say(events_->now(), id_.value(), [] { return "has a loop that hangs"; });
  process_->loops.back()->Hang(events_->now() + how_long);
}

void SimulatedNode::JumpWall(Duration by) {
  events_->trace.Say(events_->now(), id_.value(), [&] {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(by).count();
    return "has its wall clock set by " + std::to_string(seconds) + " s";
  });
  wall_.Jump(by);
}

void SimulatedNode::Kill(Unsynced fate) {
  events_->trace.Say(events_->now(), id_.value(), [&] {
    return std::string("is killed; unsynced writes are ") + (fate == Unsynced::kLost   ? "lost"
                                                             : fate == Unsynced::kKept ? "kept"
                                                                                       : "torn");
  });
  leaving_ = false;
  process_->state.alive = false;
  network_->Detach(id_);
  events_->Forget(&process_->state);
  // The log's callbacks point into the node.
  log_.ForgetUnsynced(fate);
  process_->node.reset();
  events_->Forget(&process_->state);  // What the node's end has posted.
  process_.reset();
  shards_.Crash();
  disk_fails_ = false;
  watch_->OnCrash(id_, log_);
}

void SimulatedNode::Freeze(Duration how_long) {
  if (!running() || process_->state.frozen_until > events_->now()) return;
  process_->state.frozen_until = events_->now() + how_long;
  events_->trace.Say(events_->now(), id_.value(), [] { return "is frozen"; });
}

}  // namespace ringfort::sim
