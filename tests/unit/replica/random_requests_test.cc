// Three replicas and their clients in a random world: whatever happens, each request is answered
// once, and no answer is a lie.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "replica/reader.h"
#include "tests/unit/replica/commands.h"
#include "tests/unit/replica/lone_replica.h"

namespace ringfort::replica {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kNodes = 3;

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    for (std::uint32_t node = 1; node <= kNodes; ++node) {
      LoneReplicaSetup setup;
      setup.node = node;
      setup.seed = seed * 10 + node;
      setup.whims = {.flush_one_in = 10, .miss_one_in = 4, .overload_one_in = 8};
      setup.options.write_bytes_max = 2'000 + 30 * 512;  // Each counts 512 beside its bytes.
      setup.options.waiting_reads_max = 20;
      setup.options.raft.cache_bytes_max = 2'000;
      setup.options.raft.lease_reads = seed % 3 != 0;
      nodes_.push_back(std::make_unique<LoneReplica>(setup));
    }
  }

  void Step(bool healed) {
    switch (random_.Below(healed ? 5 : 9)) {
      case 0: PassTime(); break;
      case 1: Any().Sync(); break;
      case 2: Any().RunPool(); break;
      case 3: Turn(); break;
      case 4: Deliver(/*may_lose=*/!healed); break;
      case 5: AskSession(); break;
      case 6: AskWrite(); break;
      case 7: AskRead(); break;
      default:
        if (random_.OneIn(60)) Any().replica().StepDown(Any().Now());
    }
  }

  /// No losses and no new requests, for long enough that every deadline passes and all agree.
  void Heal() {
    const MonotonicTime end = nodes_[0]->Now() + std::chrono::seconds(4);
    while (nodes_[0]->Now() < end) Step(/*healed=*/true);
  }

  void Check() {
    const LogIndex last = nodes_[0]->replica().raft().log().last_index();
    ASSERT_GT(last, LogIndex(1));
    for (const auto& node : nodes_) {
      ASSERT_FALSE(node->failed());
      ASSERT_EQ(node->replica().raft().applied(), last);
      ASSERT_TRUE(Dump(*node->replica().data()) == Dump(*nodes_[0]->replica().data()));
    }
    for (const Asked& asked : asked_) {
      ASSERT_EQ(asked.answer->calls, 1);
      ASSERT_FALSE(asked.stale) << "a linearizable read missed a write that was answered before";
    }
    for (const Written& write : writes_) ASSERT_NO_FATAL_FAILURE(CheckWrite(write));
  }
  [[nodiscard]] int Good() const {
    return static_cast<int>(std::count_if(asked_.begin(), asked_.end(), [](const Asked& asked) {
      return asked.answer->calls == 1 && asked.answer->code() == Code::kOk;
    }));
  }

  /// Stops while requests wait.
  void AskAndStop() {
    for (int i = 0; i < 10; ++i) {
      AskWrite();
      AskRead();
      if (random_.OneIn(2)) Turn();
    }
    for (const auto& node : nodes_) node->replica().Stop();
    for (const auto& node : nodes_) node->Settle();
    for (const Asked& asked : asked_) ASSERT_EQ(asked.answer->calls, 1);
  }

 private:
  struct Asked {
    std::shared_ptr<Answer> answer;
    bool stale = false;
  };
  /// A write of a key of its own, tried once or more often.
  struct Written {
    std::uint64_t session;
    std::uint64_t sequence;
    std::string key;
    std::vector<std::shared_ptr<Answer>> tries;
  };

  LoneReplica& Any() { return *nodes_[random_.Below(kNodes)]; }
  LoneReplica& On(NodeId node) { return *nodes_.at(node.value() - 1); }

  std::shared_ptr<Answer> Ask(const proto::Request& request) {
    asked_.push_back({Any().Ask(request, milliseconds(50 + random_.Below(1'000)))});
    return asked_.back().answer;
  }

  void AskSession() {
    if (opened_.size() < 3 || random_.OneIn(50)) opened_.push_back(Ask(OpenRequest()));
  }

  void AskWrite() {
    if (!writes_.empty() && random_.OneIn(3)) {
      Written& again = writes_[random_.Below(writes_.size())];
      again.tries.push_back(
          Ask(WriteRequest(again.session, again.sequence, {PutIfAbsent(again.key, "v")})));
      return;
    }
    if (opened_.empty()) return;
    const auto& opened = opened_[random_.Below(opened_.size())];
    if (opened->code() != Code::kOk || opened->calls == 0) return;
    Written write{opened->response.session_opened().session(),
                  writes_.size() + 1,
                  "key " + std::to_string(writes_.size()),
                  {}};
    write.tries.push_back(
        Ask(WriteRequest(write.session, write.sequence, {PutIfAbsent(write.key, "v")})));
    writes_.push_back(std::move(write));
  }

  void AskRead() {
    if (writes_.empty()) return;
    const Written& write = writes_[random_.Below(writes_.size())];
    const bool answered = std::any_of(write.tries.begin(), write.tries.end(), Succeeded);
    const auto consistency = random_.OneIn(5) ? proto::Get::ANY_REPLICA : proto::Get::LINEARIZABLE;
    const std::size_t number = asked_.size();
    asked_.push_back({std::make_shared<Answer>()});
    LoneReplica& node = Any();
    node.replica().Submit({GetRequest(write.key, consistency),
                           [this, number, answered, consistency](const proto::Response& response) {
                             Asked& asked = asked_[number];
                             ++asked.answer->calls;
                             asked.answer->response = response;
                             asked.stale = answered && consistency == proto::Get::LINEARIZABLE &&
                                           !response.has_error() &&
                                           !response.got().entries(0).found();
                           },
                           node.Now() + milliseconds(50 + random_.Below(1'000))});
  }

  static bool Succeeded(const std::shared_ptr<Answer>& answer) {
    return answer->calls == 1 && answer->code() == Code::kOk;
  }

  void CheckWrite(const Written& write) {
    proto::Response response;
    ASSERT_TRUE(AnswerFor(write.key, &response));
    const proto::Entry& entry = response.got().entries(0);
    bool never = true;
    for (const auto& answer : write.tries) {
      if (Succeeded(answer)) {
        ASSERT_TRUE(entry.found());
        ASSERT_EQ(answer->response.written().version(), entry.version());
      }
      // Nobody else writes the key: a condition that failed is a write applied twice.
      ASSERT_NE(answer->code(), Code::kConditionFailed);
      never = never && !Succeeded(answer) && answer->effect() == Effect::kNotApplied;
    }
    ASSERT_FALSE(never && entry.found()) << "a write that was said not to happen has happened";
  }
  bool AnswerFor(const std::string& key, proto::Response* response) {
    return AnswerRead(*nodes_[0]->replica().data(), GetRequest(key), storage::ReadDepth::kDisk,
                      response)
        .ok();
  }

  void Turn() {
    LoneReplica& node = Any();
    node.TakeTurns();
    for (Effects::Outgoing& outgoing : node.TakeMessages())
      on_the_way_.push_back(std::move(outgoing));
  }

  void Deliver(bool may_lose) {
    for (int i = 0; i < 4 && !on_the_way_.empty(); ++i) {
      const std::size_t which = random_.OneIn(8) ? random_.Below(on_the_way_.size()) : 0;
      const Effects::Outgoing outgoing = std::move(on_the_way_[which]);
      on_the_way_.erase(on_the_way_.begin() + static_cast<std::ptrdiff_t>(which));
      if (may_lose && random_.OneIn(15)) continue;
      LoneReplica& to = On(outgoing.to);
      const NodeId from(outgoing.message.from.value() - LoneReplica::MemberOn(0).value());
      to.replica().Receive({from, {}, BootNumber(1)}, outgoing.message, to.Now());
    }
  }

  void PassTime() {
    for (const auto& node : nodes_) node->Move(milliseconds(5));
    if (++passed_ % 4 != 0) return;
    for (const auto& node : nodes_) node->replica().Tick(node->Now());
    for (std::uint32_t from = 1; from <= kNodes; ++from) {
      const std::optional<Term> led = nodes_[from - 1]->leads();
      if (!led) continue;
      for (std::uint32_t to = 1; to <= kNodes; ++to) {
        if (to != from && !random_.OneIn(10))
          Heartbeat(*nodes_[from - 1], from, *nodes_[to - 1], to, *led);
      }
    }
  }

  /// A heartbeat and its acknowledgement in one (protocols 2): the promise first, then the mark.
  static void Heartbeat(LoneReplica& primary, std::uint32_t from, LoneReplica& other,
                        std::uint32_t to, Term term) {
    other.SetPromise(NodeId(from), other.Now() + raft::Options().lease);
    if (other.cell().Follows(term, NodeId(from))) {
      other.replica().OnHeartbeat(NodeId(from), term, other.Now());
      primary.replica().OnPromise({NodeId(to), {}, {}}, term, primary.Now(), primary.Now());
    } else {
      primary.replica().OnNamed({NodeId(to), {}, {}}, other.cell().term(), other.replica().self(),
                                primary.Now(), primary.Now());
    }
  }

  Random random_;
  std::vector<std::unique_ptr<LoneReplica>> nodes_;
  std::vector<Effects::Outgoing> on_the_way_;
  std::uint64_t passed_ = 0;
  std::vector<Asked> asked_;
  std::vector<std::shared_ptr<Answer>> opened_;
  std::vector<Written> writes_;
};

TEST(RandomRequests, AreAnsweredOnceAndTruly) {
  int good = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int step = 0; step < 20'000; ++step) world.Step(/*healed=*/false);
    world.Heal();
    ASSERT_NO_FATAL_FAILURE(world.Check());
    good += world.Good();
    ASSERT_NO_FATAL_FAILURE(world.AskAndStop());
  }
  // The runs are worth something: clients got work done.
  EXPECT_GT(good, 30 * 100);
}

}  // namespace
}  // namespace ringfort::replica
