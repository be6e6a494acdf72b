// How a cluster comes to be: protocols 1, and what must not make one.
#include "node/creation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "tests/unit/node/fake_outside.h"

namespace ringfort::node {
namespace {

using Kind = proto::PeerMessage::BodyCase;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Duration kPromise = std::chrono::milliseconds(200);

ring::ClusterConfig Config() {
  ring::ClusterConfig config;
  config.cluster_name = "test";
  config.shards = 4;
  config.replicas = 3;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    config.nodes.push_back({NodeId(i), "host-" + std::to_string(i) + ":1", "z", 1});
  }
  return config;
}

proto::CreationRecord RecordOf(std::uint64_t directory_of_2 = 0, std::uint64_t cluster = 5) {
  return MakeRecord(Config(),
                    {{NodeId(1), Peer(1).incarnation},
                     {NodeId(2), Peer(2, 1, directory_of_2).incarnation},
                     {NodeId(3), Peer(3).incarnation}},
                    ClusterId{cluster, 6}, kPromise);
}

class CreationTest : public testing::Test {
 protected:
  void Make(std::uint32_t node, std::optional<proto::CreationRecord> record = std::nullopt) {
    Creation::Doors doors;
    doors.control = &loop_;
    doors.transport = &transport_;
    doors.store = [this](const proto::CreationRecord& stored, std::function<void(Status)> done) {
      storing_.push_back({stored, std::move(done)});
    };
    doors.begin = [this](const proto::CreationRecord& begun) { begun_.push_back(begun); };
    doors.log = [this](const std::string& line) { lines_.push_back(line); };
    creation_ = std::make_unique<Creation>(Config(), Peer(node), kPromise, std::move(record),
                                           Random(1), doors);
    creation_->Start();
  }
  void AnswerEmpty(std::uint32_t node, bool empty = true) {
    proto::CreationAnswer answer;
    answer.set_empty(empty);
    creation_->OnAnswer(Peer(node), answer);
  }
  bool SaysEmpty() {
    creation_->OnQuestion(Peer(1));
    const auto answers = transport_.Take(Kind::kCreationAnswer);
    EXPECT_THAT(answers, SizeIs(1));
    return answers.at(0).message.creation_answer().empty();
  }
  void FinishStoring(Status status = Status::Ok()) {
    ASSERT_FALSE(storing_.empty());
    auto storing = std::move(storing_.front());
    storing_.pop_front();
    storing.done(std::move(status));
  }

  struct Storing {
    proto::CreationRecord record;
    std::function<void(Status)> done;
  };
  HandLoop loop_;
  NotingTransport transport_;
  std::deque<Storing> storing_;
  std::vector<proto::CreationRecord> begun_;
  std::vector<std::string> lines_;
  std::unique_ptr<Creation> creation_;
};

TEST_F(CreationTest, TheLowestNodeWaitsForAllToSayThatTheyAreEmpty) {
  Make(1);
  creation_->OnConnected(Peer(2), false);
  creation_->OnConnected(Peer(3), false);
  EXPECT_THAT(transport_.Take(Kind::kCreationQuestion), SizeIs(2));
  AnswerEmpty(2);
  AnswerEmpty(2);
  EXPECT_THAT(storing_, IsEmpty());
  EXPECT_THAT(creation_->waiting_for(), HasSubstr("node 3 has not answered"));
  AnswerEmpty(3);
  ASSERT_THAT(storing_, SizeIs(1));
  EXPECT_TRUE(IsNamed(storing_[0].record, Peer(3)));
}

TEST_F(CreationTest, TheRecordIsStoredBeforeAnybodyHearsOfItOrAnythingBegins) {
  Make(1);
  AnswerEmpty(2);
  AnswerEmpty(3);
  EXPECT_THAT(transport_.Take(Kind::kCreationRecord), IsEmpty());
  EXPECT_THAT(begun_, IsEmpty());
  EXPECT_FALSE(SaysEmpty()) << "a record that is being stored is one";
  FinishStoring();
  EXPECT_THAT(transport_.Take(Kind::kCreationRecord), SizeIs(2));
  EXPECT_THAT(begun_, SizeIs(1));
  EXPECT_EQ(creation_->waiting_for(), "");
}

TEST_F(CreationTest, ARecordThatCouldNotBeStoredIsNotHandedOut) {
  Make(1);
  AnswerEmpty(2);
  AnswerEmpty(3);
  FinishStoring(Status(Code::kIoError, "no disk"));
  EXPECT_THAT(transport_.Take(Kind::kCreationRecord), IsEmpty());
  EXPECT_THAT(begun_, IsEmpty());
}

TEST_F(CreationTest, OthersAskNobodyAndMakeNone) {
  Make(2);
  creation_->OnConnected(Peer(1), false);
  creation_->OnConnected(Peer(3), false);
  for (const auto& sent : transport_.sent) {
    EXPECT_EQ(sent.message.body_case(), Kind::kCreationAnswer);
  }
  AnswerEmpty(1);
  AnswerEmpty(3);
  EXPECT_THAT(storing_, IsEmpty());
  EXPECT_THAT(creation_->waiting_for(), HasSubstr("node 1 creates it"));
}

// Each direction has a link of its own: the question may come while the one for the answer is down.
TEST_F(CreationTest, WhoeverConnectsToTheCreatorSaysThatItIsEmptyUnasked) {
  Make(2);
  creation_->OnConnected(Peer(1), false);
  const auto answers = transport_.Take(Kind::kCreationAnswer);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].to, NodeId(1));
  EXPECT_TRUE(answers[0].message.creation_answer().empty());
}

TEST_F(CreationTest, OnePeerWithARecordEndsTheCreation) {
  Make(1);
  AnswerEmpty(2);
  creation_->OnConnected(Peer(3), true);
  AnswerEmpty(3);  // Of before: late.
  EXPECT_THAT(storing_, IsEmpty());
  EXPECT_THAT(creation_->waiting_for(), HasSubstr("already belongs to a cluster"));
}

// The run: a node was removed, its directory wiped, and it starts by the first config again. Nobody
// dials it, so no record comes.
TEST_F(CreationTest, WhoeverFindsAClusterSaysSo) {
  Make(2);
  creation_->OnConnected(Peer(1), true);
  EXPECT_THAT(creation_->waiting_for(), HasSubstr("already belongs to a cluster"));
  EXPECT_THAT(creation_->waiting_for(), HasSubstr("--join"));
}

TEST_F(CreationTest, AnAnswerThatIsNotEmptyEndsTheCreation) {
  Make(1);
  AnswerEmpty(2, false);
  AnswerEmpty(3);
  AnswerEmpty(2);
  EXPECT_THAT(storing_, IsEmpty());
}

// The run of protocols 1: C's directory is wiped, and it must not be a voter at term 0. It joins
// the cluster that is there, in which it has no replica.
TEST_F(CreationTest, AWipedDirectoryTakesTheRecordThatDoesNotNameIt) {
  Make(2);
  creation_->OnRecord(Peer(1), RecordOf(/*directory_of_2=*/99));
  ASSERT_THAT(storing_, SizeIs(1));
  EXPECT_FALSE(IsNamed(storing_[0].record, Peer(2)));
  EXPECT_THAT(lines_, SizeIs(1));
}

TEST_F(CreationTest, ANodeThatTheRecordDoesNotHaveIsLeftOut) {
  Make(3);
  proto::CreationRecord record = RecordOf();
  for (proto::RecordNode& node : *record.mutable_nodes()) {
    if (node.node() == 3) node.set_node(9);
  }
  const auto rename = [](proto::RecordShard* shard) {
    for (proto::Member& member : *shard->mutable_members()) {
      if (member.node() == 3) member.set_node(9);
    }
  };
  for (proto::RecordShard& shard : *record.mutable_shards()) rename(&shard);
  rename(record.mutable_meta());
  creation_->OnRecord(Peer(1), record);
  EXPECT_THAT(storing_, IsEmpty());
  EXPECT_THAT(creation_->waiting_for(), HasSubstr("has no node 3"));
}

// The same, where the wiped node is the one that creates: it makes no second cluster.
TEST_F(CreationTest, AWipedCreatorMakesNoSecondCluster) {
  Make(1);
  proto::CreationRecord record = MakeRecord(Config(),
                                            {{NodeId(1), Peer(1, 1, 99).incarnation},
                                             {NodeId(2), Peer(2).incarnation},
                                             {NodeId(3), Peer(3).incarnation}},
                                            ClusterId{5, 6}, kPromise);
  creation_->OnRecord(Peer(2), record);
  AnswerEmpty(2);
  AnswerEmpty(3);
  ASSERT_THAT(storing_, SizeIs(1));
  EXPECT_EQ(storing_[0].record.SerializeAsString(), record.SerializeAsString());
}

TEST_F(CreationTest, ARecordOfAnotherClusterIsIgnored) {
  Make(2, RecordOf());
  EXPECT_THAT(begun_, SizeIs(1));
  creation_->OnRecord(Peer(1), RecordOf(0, /*cluster=*/77));
  EXPECT_THAT(storing_, IsEmpty());
  EXPECT_EQ(creation_->record()->cluster_id(), RecordOf().cluster_id());
  EXPECT_THAT(lines_, SizeIs(1));

  Make(2);
  proto::CreationRecord foreign = RecordOf();
  foreign.set_cluster_name("another");
  creation_->OnRecord(Peer(1), foreign);
  EXPECT_THAT(storing_, IsEmpty());
}

TEST_F(CreationTest, ARecordThatMakesNoSenseIsIgnored) {
  Make(2);
  proto::CreationRecord damaged = RecordOf();
  damaged.clear_shards();
  creation_->OnRecord(Peer(1), damaged);
  EXPECT_THAT(storing_, IsEmpty());
  creation_->OnRecord(Peer(1), RecordOf());
  EXPECT_THAT(storing_, SizeIs(1));
}

TEST_F(CreationTest, ARecordThatWasLostIsHandedOutAgainOnReconnect) {
  Make(3, RecordOf());  // Any node that has one, not only the creator.
  creation_->OnConnected(Peer(2), false);
  EXPECT_THAT(transport_.Take(Kind::kCreationRecord), SizeIs(1));
  creation_->OnConnected(Peer(2), false);
  EXPECT_THAT(transport_.Take(Kind::kCreationRecord), SizeIs(1));
  creation_->OnConnected(Peer(2), true);
  EXPECT_THAT(transport_.Take(Kind::kCreationRecord), IsEmpty());
}

// The hello said "none" just before the record was stored here, and the reconnect was never needed.
TEST_F(CreationTest, APeerWhoConnectedWhileTheRecordWasBeingStoredGetsIt) {
  Make(2);
  creation_->OnRecord(Peer(1), RecordOf());
  creation_->OnRecord(Peer(1), RecordOf());
  ASSERT_THAT(storing_, SizeIs(1)) << "stored once";
  creation_->OnConnected(Peer(3), false);
  transport_.sent.clear();
  FinishStoring();
  std::vector<NodeId> handed;
  for (const auto& sent : transport_.Take(Kind::kCreationRecord)) handed.push_back(sent.to);
  EXPECT_THAT(handed, testing::Contains(NodeId(3)));
}

TEST_F(CreationTest, AStoredRecordBeginsAtOnce) {
  Make(1, RecordOf());
  EXPECT_THAT(begun_, SizeIs(1));
  EXPECT_FALSE(SaysEmpty());
}

TEST(CreationRecordTest, TheMapComesBack) {
  const proto::CreationRecord record = RecordOf();
  const auto map = MapOf(record);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->shards(), 4U);
  EXPECT_EQ(map->nodes.size(), 3U);
  EXPECT_EQ(record.longest_promise_ms(), 200U);
  EXPECT_TRUE(IsNamed(record, Peer(2)));
  EXPECT_FALSE(IsNamed(record, Peer(2, 1, 99)));
  for (const proto::RecordShard& shard : record.shards()) EXPECT_EQ(shard.members_size(), 3);
}

}  // namespace
}  // namespace ringfort::node
