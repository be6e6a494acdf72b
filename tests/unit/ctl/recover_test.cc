// The operator's way back: what is shown before anything is done, and that nothing is done unasked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/run_ctl.h"
#include "tests/unit/ctl/sample_cluster.h"
#include "tools/ctl/json_bytes.h"

namespace ringfort::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class Recover : public SampleCluster {
 protected:
  /// Shard 1 was on nodes 1, 2, 3; node 2 is down for good, node 3 has the newest copy.
  Recover() {
    ShardRecoveryView found;
    ShardCopyView older;
    older.node = 1;
    older.replica = 1;
    older.term = 7;
    older.last_term = 4;
    older.last = 90;
    older.applied = 88;
    older.data_bytes = 1000;
    ShardCopyView newest = older;
    newest.node = 3;
    newest.replica = 3;
    newest.last = 100;
    newest.applied = 98;
    newest.unsure = true;
    found.copies = {older, newest};
    found.silent = {2};
    found.newest = 3;
    ShardRecoveryView& on_older = cluster_->recoveries[1] = found;
    on_older.refused = "the copy on node 3 is newer (--accept-loss gives up what only it has)";
    ShardRecoveryView& on_newest = cluster_->recoveries[3] = found;
    on_newest.epoch = 1;
    on_newest.replica = 65'539;
    on_newest.term = 1'048'583;
    on_newest.index = 4'294'967'396;
    on_newest.unconfirmed = 2;
  }
};

TEST_F(Recover, ShowsAllCopiesAndTakesTheNewest) {
  const Outcome dry = Ctl({"shard", "1", "recover", "--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_EQ(dry.out,
            "shard 1: 2 copies answer; no answer from node 2\n"
            "node  copy    epoch  term  last term  last  applied    data\n"
            "   1  other       0     7          4    90       88  1.0 KB\n"
            "   3  newest      0     7          4   100       98  1.0 KB\n"
            "    its log was torn: it may lack what it acknowledged before a crash\n"
            "it would be begun anew from the copy on node 3, as epoch 1: replica 65539, term "
            "1048583, index 4294967396\n"
            "of its last entries 2 may never have been committed, and would be taken\n"
            "what only other copies have would be lost, writes that are open end as unknown, and "
            "all other replicas would be void\n");
  EXPECT_THAT(cluster_->recovered, IsEmpty());
  const Outcome unsaid = Ctl({"shard", "1", "recover"});
  EXPECT_EQ(unsaid.code, 1);
  EXPECT_THAT(unsaid.err, HasSubstr("say --yes"));
  EXPECT_THAT(cluster_->recovered, IsEmpty());
  const Outcome done = Ctl({"shard", "1", "recover", "--yes"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("it is begun anew from the copy on node 3"));
  EXPECT_THAT(cluster_->recovered, ElementsAre(std::tuple(1U, 3U, false)));
}

TEST_F(Recover, AnOlderCopyTakesAnotherWord) {
  const Outcome refused = Ctl({"shard", "1", "recover", "--node=1", "--yes"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("the copy on node 3 is newer"));
  EXPECT_THAT(cluster_->recovered, IsEmpty());
  EXPECT_EQ(Ctl({"shard", "1", "recover", "--node=1", "--accept-loss", "--yes"}).code, 0);
  EXPECT_THAT(cluster_->recovered, ElementsAre(std::tuple(1U, 1U, true)));
}

TEST_F(Recover, SaysWhenNobodyAnswersAndWhenNothingIsLeft) {
  EXPECT_EQ(Ctl({"shard", "1", "recover", "--node=2", "--yes"}).code, 1);
  for (auto& [node, found] : cluster_->recoveries) found.newest = 0;
  const Outcome nothing = Ctl({"shard", "1", "recover", "--yes"});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_THAT(nothing.err, HasSubstr("no copy that can be read is left"));
  EXPECT_THAT(cluster_->recovered, IsEmpty());
}

TEST_F(Recover, JsonHasEverything) {
  const Json json = Json::parse(Ctl({"shard", "1", "recover", "--dry-run", "--format=json"}).out);
  EXPECT_EQ(json["shard"], 1);
  EXPECT_EQ(json["node"], 3);
  EXPECT_EQ(json["done"], false);
  EXPECT_EQ(json["copies"][1]["last"], 100);
  EXPECT_EQ(json["silent"][0], 2);
}

TEST_F(Recover, AllLostTakesEveryShardWithoutAPrimary) {
  EXPECT_EQ(Ctl({"recover"}).code, 2);
  EXPECT_EQ(Ctl({"recover", "--all-lost", "--yes"}).out,
            "every shard has a primary, or can still elect one\n");
  for (auto& [node, status] : cluster_->nodes) {
    for (ReplicaView& replica : status.replicas) {
      if (replica.shard == 1) replica.serving = false;
    }
  }
  EXPECT_EQ(Ctl({"recover", "--all-lost", "--dry-run"}).code, 0);
  EXPECT_EQ(Ctl({"recover", "--all-lost"}).code, 1);
  EXPECT_THAT(cluster_->recovered, IsEmpty());
  EXPECT_EQ(Ctl({"recover", "--all-lost", "--yes"}).code, 0);
  EXPECT_THAT(cluster_->recovered, ElementsAre(std::tuple(1U, 3U, false)));
}

TEST_F(Recover, WhatIsVoidIsDeletedOnlyOnceTheCopiesAreWhole) {
  EXPECT_EQ(Ctl({"shard", "1", "discard-void", "--yes"}).code, 2) << "on which node?";
  EXPECT_EQ(Ctl({"shard", "1", "discard-void", "--node=2"}).code, 1);
  State().shards[1].healthy_voters = {1, 3};
  const Outcome refused = Ctl({"shard", "1", "discard-void", "--node=2", "--yes"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("2 are whole"));
  EXPECT_THAT(cluster_->discarded, IsEmpty());
  EXPECT_EQ(Ctl({"shard", "1", "discard-void", "--node=2", "--yes", "--accept-loss"}).code, 0);
  State().shards[1].healthy_voters = {1, 2, 3};
  EXPECT_EQ(Ctl({"shard", "1", "discard-void", "--node=2", "--yes"}).code, 0);
  EXPECT_THAT(cluster_->discarded, ElementsAre(Pair(1U, 2U), Pair(1U, 2U)));
  EXPECT_EQ(Ctl({"shard", "1", "restore"}).code, 2);
}

TEST_F(Recover, DoctorNamesWhatIsKept) {
  cluster_->nodes[2].void_copies = {{1, 2, 0, 1, 4, 90, 1000, false}};
  cluster_->nodes[3].void_copies = {{1, 3, 0, 1, 4, 100, 1000, true}};
  const Outcome doctor = Ctl({"doctor"});
  EXPECT_EQ(doctor.code, 1);
  EXPECT_THAT(doctor.out, HasSubstr("warning: node 2 keeps void copies of shard 1"));
  EXPECT_THAT(doctor.out, HasSubstr("ringfortctl shard 1 discard-void --node=2"));
  EXPECT_THAT(doctor.out, HasSubstr("note: node 3 keeps old data of shard 1"));
}

}  // namespace
}  // namespace ringfort::ctl
