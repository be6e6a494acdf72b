// The meta group's primary against its shard, whose answers come late and in any order: also to
// what was asked in an earlier term. One map is read at a time, and what is held in memory is what
// the shard holds.
#include "meta/meta_primary.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "ring/placement.h"
#include "tests/unit/node/fake_outside.h"
#include "wire/raft_codec.h"
#include "wire/status_codec.h"

namespace ringfort::meta {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using Body = proto::Request::BodyCase;

/// A MetaPrimary with its shard. What is asked is carried out at once, or not at all; when the
/// answer comes is the test's choice.
class MetaPrimaryTest : public testing::Test {
 protected:
  struct Asked {
    Body kind;
    proto::Response response;
    MetaPrimary::OnReply reply;
  };

  MetaPrimaryTest() {
    ring::ClusterConfig config;
    config.cluster_name = "test";
    config.shards = 8;
    for (std::uint32_t i = 1; i <= 3; ++i) {
      config.nodes.push_back({NodeId(i), "host-" + std::to_string(i) + ":1", "z", 1});
    }
    first_map_ = ring::FirstMap(config, ClusterId{1, 2});
    meta_ = std::make_unique<MetaPrimary>(
        MetaOptions(),
        MetaPrimary::Doors{
            .self = NodeId(1),
            .control = &loop_,
            .wall = &wall_,
            .submit =
                [this](const proto::Request& request, MetaPrimary::OnReply reply) {
                  asked_.push_back({request.body_case(), CarryOut(request), std::move(reply)});
                },
            .send = [](NodeId /*to*/, const proto::PeerMessage& /*message*/) {},
            .on_map = [this](const ring::ClusterMap& map) { maps_.push_back(map); },
            .record = [this]() -> const proto::CreationRecord& { return record_; },
            .first_map = [this] { return first_map_; },
            .log_line = [](const std::string& /*line*/) {},
            .on_unknown = [](const Status& /*status*/) {}});
  }

  // The shard.

  static proto::Response Error(const Status& status) {
    proto::Response response;
    wire::EncodeStatus(status, response.mutable_error());
    return response;
  }
  proto::Response CarryOut(const proto::Request& request) {
    if (!takes_) return Error({Code::kNotPrimary, "no", Effect::kUnknown});
    proto::Response response;
    if (request.has_open_session()) {
      response.mutable_session_opened()->set_session(++index_);
    } else if (request.has_scan()) {
      proto::ScanPage* page = response.mutable_scan_page();
      for (auto at = entries_.lower_bound(request.scan().begin()); at != entries_.end(); ++at) {
        if (page->entries_size() == kPage) {
          page->set_more(true);
          break;
        }
        proto::Entry* entry = page->add_entries();
        entry->mutable_key()->set_sort_key(at->first);
        entry->set_value(at->second.first);
        entry->set_version(at->second.second);
      }
    } else {
      return Write(request.write());
    }
    return response;
  }
  proto::Response Write(const proto::Write& write) {
    const proto::Operation& fenced = write.operations(0);
    const auto entry = entries_.find(fenced.key().sort_key());
    const std::uint64_t version = entry == entries_.end() ? 0 : entry->second.second;
    if (fenced.condition().version() != version) {
      return Error({Code::kConditionFailed, "another version", Effect::kNotApplied});
    }
    ++index_;
    for (const proto::Operation& operation : write.operations()) {
      if (operation.kind() == proto::Operation::PUT) {
        entries_[operation.key().sort_key()] = {operation.value(), index_};
      } else {
        entries_.erase(operation.key().sort_key());
      }
    }
    proto::Response response;
    response.mutable_written()->set_version(index_);
    return response;
  }
  /// What the shard holds.
  std::optional<State> Stored() const {
    StateReader reader;
    for (const auto& [key, entry] : entries_) EXPECT_TRUE(reader.Add(key, entry.first).ok()) << key;
    auto state = reader.Finish();
    EXPECT_TRUE(state.ok()) << state.status().ToString();
    return state.ok() ? *state : std::nullopt;
  }

  // Answers.

  std::size_t Waiting(Body kind) const {
    return static_cast<std::size_t>(std::ranges::count(asked_, kind, &Asked::kind));
  }
  Asked Take(std::size_t i) {
    Asked asked = std::move(asked_.at(i));
    asked_.erase(asked_.begin() + static_cast<std::ptrdiff_t>(i));
    return asked;
  }
  static void Answer(const Asked& asked) { asked.reply(asked.response); }
  void AnswerAll() {
    while (!asked_.empty()) Answer(Take(0));
  }
  void Weigh(std::uint32_t node, std::uint32_t weight) {
    proto::MetaRequest request;
    request.mutable_change_node()->set_kind(proto::ChangeNode::SET_WEIGHT);
    request.mutable_change_node()->set_node(node);
    request.mutable_change_node()->set_weight(weight);
    meta_->Handle(std::move(request), [this](const Result<proto::MetaReply>& reply) {
      replies_.push_back(reply.ok() ? Status::Ok() : reply.status());
    });
  }
  Status TransferMeta(std::uint32_t to) {
    proto::MetaRequest request;
    request.mutable_transfer()->set_shard(first_map_.shards());
    request.mutable_transfer()->set_to(to);
    Status answered;
    meta_->Handle(std::move(request), [&](const Result<proto::MetaReply>& reply) {
      answered = reply.ok() ? Status::Ok() : reply.status();
    });
    return answered;
  }
  /// The node leads the meta group, alone of all that may.
  void Report(std::uint32_t node) {
    proto::NodeReport report;
    report.set_term(5);
    report.set_sequence(1);
    proto::LedReport* led = report.add_led();
    led->set_shard(first_map_.shards());
    led->set_term(5);
    raft::Members members;
    for (const NodeId voter : first_map_.meta) {
      members.voters.push_back({ReplicaId(voter.value()), voter, Incarnation{1, 1}});
    }
    wire::EncodeMembers(members, led->mutable_members());
    meta_->OnReport({NodeId(node), Incarnation{1, 1}, BootNumber(1)}, report);
  }
  void LeadAgain(std::uint64_t term) {
    meta_->OnLeads(std::nullopt);
    meta_->OnLeads(Term(term));
  }

  /// Several pages for every map.
  static constexpr int kPage = 4;

  node::HandLoop loop_;
  node::StoppedWallClock wall_;
  proto::CreationRecord record_;
  ring::ClusterMap first_map_;
  std::map<std::string, std::pair<std::string, std::uint64_t>> entries_;
  std::uint64_t index_ = 0;
  bool takes_ = true;
  std::vector<Asked> asked_;
  std::vector<ring::ClusterMap> maps_;
  std::vector<Status> replies_;
  std::unique_ptr<MetaPrimary> meta_;
};

// The run: the answer to the first write of all comes when its author leads in a later term and
// reads the map; taken for news of that term, it lets a second reading begin. The first is over and
// a change is written, and then the second ends with a map of which one page is older than another:
// it would be taken for the newest.
TEST_F(MetaPrimaryTest, AnAnswerOfAnEarlierTermBeginsNoSecondReading) {
  for (const bool applied : {true, false}) {
    entries_.clear();
    maps_.clear();
    meta_->OnLeads(Term(5));
    loop_.Pass(1s);
    Answer(Take(0));  // The session,
    takes_ = applied;
    Answer(Take(0));  // and the only page.
    takes_ = true;
    ASSERT_EQ(Waiting(Body::kWrite), 1U);
    const Asked late = Take(0);
    LeadAgain(7);
    loop_.Pass(1s);
    ASSERT_EQ(asked_.size(), 1U);
    Answer(late);
    EXPECT_TRUE(maps_.empty());
    loop_.Pass(5s);
    EXPECT_EQ(Waiting(Body::kOpenSession), 1U) << "applied: " << applied;
    AnswerAll();
    ASSERT_TRUE(Stored().has_value());
    ASSERT_EQ(maps_.size(), 1U);
    EXPECT_EQ(maps_[0], first_map_);
    EXPECT_EQ(Stored()->next_event, 2U) << "the cluster is created once";
    meta_->OnLeads(std::nullopt);
  }
}

TEST_F(MetaPrimaryTest, AnAnswerOfAnEarlierTermChangesNothing) {
  meta_->OnLeads(Term(5));
  AnswerAll();
  Weigh(1, 3);
  ASSERT_EQ(Waiting(Body::kWrite), 1U);
  const Asked late = Take(0);
  LeadAgain(7);
  loop_.Pass(1s);
  const std::size_t maps = maps_.size();
  Answer(late);
  ASSERT_EQ(replies_.size(), 1U);
  EXPECT_EQ(replies_[0].effect(), Effect::kUnknown);
  loop_.Pass(5s);
  EXPECT_EQ(Waiting(Body::kOpenSession), 1U);
  EXPECT_EQ(maps_.size(), maps);
  AnswerAll();
  EXPECT_EQ(maps_.back().FindNode(NodeId(1))->weight, 3U) << "read as it was written";
  EXPECT_EQ(maps_.back(), Stored()->map);
}

// Of what no node has reported so far nobody knows who could lead it.
TEST_F(MetaPrimaryTest, TransfersSpeakOfTheMetaGroupByItsName) {
  meta_->OnLeads(Term(5));
  AnswerAll();
  loop_.Pass(1s);
  AnswerAll();
  EXPECT_EQ(TransferMeta(9).ToString(),
            Status(Code::kConditionFailed,
                   "the meta group is not on node 9, or moves (ringfortctl shard meta shows where "
                   "it is)")
                .ToString());
  EXPECT_EQ(TransferMeta(2).code(), Code::kUnavailable);
  Report(1);
  const Status down = TransferMeta(2);
  EXPECT_EQ(down.code(), Code::kConditionFailed);
  EXPECT_NE(down.message().find("the meta group cannot be led by node 2 now"), std::string::npos);
}

class LateAnswers : public MetaPrimaryTest, public testing::WithParamInterface<std::uint64_t> {};

// Terms come and go, operators ask, requests get lost and answers come in any order.
TEST_P(LateAnswers, WhatIsHeldIsWhatIsStored) {
  Random random(GetParam());
  std::uint64_t term = 1;
  for (int i = 0; i < 600; ++i) {
    switch (random.Below(12)) {
      case 0: LeadAgain(++term); break;
      case 1: meta_->OnLeads(std::nullopt); break;
      case 2: meta_->OnLeads(Term(++term)); break;
      case 3:
      case 4:
        Weigh(1 + static_cast<std::uint32_t>(random.Below(3)),
              1 + static_cast<std::uint32_t>(random.Below(4)));
        break;
      case 5: loop_.Pass(300ms); break;
      case 6: takes_ = !random.OneIn(4); break;
      default:
        if (!asked_.empty()) Answer(Take(random.Below(asked_.size())));
    }
    ASSERT_LE(maps_.empty() ? 0 : maps_.back().version.value(),
              entries_.empty() ? 0 : Stored()->map.version.value());
  }
  takes_ = true;
  meta_->OnLeads(Term(++term));
  for (int i = 0; i < 10; ++i) {
    AnswerAll();
    loop_.Pass(6s);
  }
  Weigh(2, 9);
  AnswerAll();
  ASSERT_FALSE(maps_.empty());
  EXPECT_EQ(maps_.back(), Stored()->map) << "seed " << GetParam();
  EXPECT_EQ(maps_.back().FindNode(NodeId(2))->weight, 9U) << "seed " << GetParam();
  // One version, one map.
  std::map<MapVersion, ring::ClusterMap> seen;
  for (const ring::ClusterMap& map : maps_) {
    const auto [before, fresh] = seen.emplace(map.version, map);
    EXPECT_TRUE(fresh || before->second == map) << "seed " << GetParam();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LateAnswers, testing::Range<std::uint64_t>(1, 101));

}  // namespace
}  // namespace ringfort::meta
