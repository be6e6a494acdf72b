// What a follower whose disk is exhausted takes from its primary: all but commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/node/lone_node.h"

namespace ringfort::node {
namespace {

using namespace std::chrono_literals;  // NOLINT: tests only
using testing::IsEmpty;
using testing::SizeIs;

class FullDisk : public LoneNodeTest {
 protected:
  /// Node 2 leads shard 0 in term 7 and appends entries of these kinds; the answers to it.
  std::vector<proto::RaftMessage> Append(std::uint64_t previous,
                                         const std::vector<raft::EntryKind>& kinds) {
    proto::PeerMessage message;
    proto::AppendRequest* append = FromNode2(0, 7, &message)->mutable_append_request();
    append->set_previous_index(previous);
    append->set_previous_term(previous == 0 ? 0 : 7);
    for (const raft::EntryKind kind : kinds) {
      proto::LogEntry* entry = append->add_entries();
      entry->set_term(7);
      entry->set_index(previous + static_cast<std::uint64_t>(append->entries_size()));
      entry->set_kind(static_cast<std::uint32_t>(kind));
    }
    process_->transport.sent.clear();
    Hear(message);
    std::vector<proto::RaftMessage> answers = SentIn(5ms);
    std::erase_if(answers, [](const auto& sent) { return !sent.has_append_reply(); });
    return answers;
  }
};

constexpr auto kNoop = raft::EntryKind::kNoop;
constexpr auto kCommand = raft::EntryKind::kCommand;

TEST_F(FullDisk, AnExhaustedFollowerTakesNoCommands) {
  Start();
  process_->node->SetRoom(storage::DiskRoom::kExhausted, 0);
  EXPECT_THAT(Append(0, {kCommand}), IsEmpty()) << "lost on the way";
  const auto empty = Append(0, {});
  ASSERT_THAT(empty, SizeIs(1)) << "it follows";
  EXPECT_TRUE(empty[0].append_reply().accepted());
  EXPECT_EQ(empty[0].append_reply().match(), 0U);
  // A new primary can begin.
  const auto begun = Append(0, {kNoop, kCommand});
  ASSERT_THAT(begun, SizeIs(1));
  EXPECT_TRUE(begun[0].append_reply().accepted());
  EXPECT_EQ(begun[0].append_reply().match(), 1U);
  EXPECT_THAT(Append(1, {kCommand, kNoop}), IsEmpty());

  process_->node->SetRoom(storage::DiskRoom::kFull, 0);
  const auto taken = Append(1, {kCommand, kNoop});
  ASSERT_THAT(taken, SizeIs(1)) << "puts are refused where they are proposed";
  EXPECT_EQ(taken[0].append_reply().match(), 3U);
}

TEST_F(FullDisk, ItIsStillAsBigAVoter) {
  Start();
  process_->node->SetRoom(storage::DiskRoom::kExhausted, 0);
  proto::PeerMessage message;
  proto::RaftMessage* request = FromNode2(0, 9, &message);
  request->mutable_vote_request()->set_last_index(1);
  request->mutable_vote_request()->set_last_term(1);
  process_->loop.Pass(1s);  // Past what a replica just made is bound by.
  process_->transport.sent.clear();
  Hear(message);
  bool granted = false;
  for (const proto::RaftMessage& answer : SentIn(5ms)) {
    granted = granted || answer.vote_reply().granted();
  }
  EXPECT_TRUE(granted);
}

}  // namespace
}  // namespace ringfort::node
