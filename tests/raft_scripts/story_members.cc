// The commands of a story about members, transfers and snapshots.
#include "tests/raft_scripts/story.h"

namespace ringfort::raft {

/// `2`, a member as it is; `new@4`, another on node 4. `!`: a voter once it has caught up.
Member Story::ReadMember(std::uint32_t id, const std::string& word) const {
  const bool promote = word.ends_with('!');
  Member member;
  if (word.starts_with("new@")) {
    member.node = NodeId(static_cast<std::uint32_t>(std::stoul(word.substr(4))));
    member.incarnation = {1, member.node.value()};
  } else {
    member.id = ReplicaId(static_cast<std::uint32_t>(std::stoul(word)));
    const Members& now = nodes_.at(id).raft->members();
    for (const auto* list : {&now.voters, &now.outgoing, &now.learners}) {
      for (const Member& known : *list) {
        if (known.id == member.id) member = known;
      }
    }
  }
  member.promote = promote;
  return member;
}

// `change 1 voters 1 2 3 learners new@4! fence 7`
void Story::ChangeMembers(std::uint32_t id, std::istringstream& words) {
  MembersChange change;
  change.expected = nodes_.at(id).raft->members().index;
  std::string list;
  for (std::string word; words >> word;) {
    if (word == "voters" || word == "learners" || word == "fence") {
      list = word;
    } else if (list == "fence") {
      change.expected = LogIndex(std::stoull(word));
    } else {
      (list == "voters" ? change.voters : change.learners).push_back(ReadMember(id, word));
    }
  }
  Drive(id, [&](Raft& raft) {
    const Result<LogIndex> index = raft.ChangeMembers(now_, change);
    if (!index.ok()) out_ << index.status().message() << '\n';
  });
}

void Story::Transfer(std::uint32_t id, std::uint32_t to) {
  Drive(id, [&](Raft& raft) {
    const Status status = raft.TransferTo(now_, ReplicaId(to));
    if (!status.ok()) out_ << status.message() << '\n';
  });
}

// Taken, carried over and installed at once; `sent` or `unsent` is what the sender then hears.
void Story::SendSnapshot(Link link) {
  const Raft& from = *nodes_.at(link.first).raft;
  const LogIndex index = from.applied();
  const LogBase base{index, *from.log().TermAt(index), from.log().MembersAt(index)};
  const Term term = from.term();
  nodes_.at(link.first).snapshots[link.second] = index;
  Drive(link.first, [&](Raft& raft) { raft.OnSnapshotStarted(ReplicaId(link.second), index); });
  const auto there = nodes_.find(link.second);
  if (there == nodes_.end()) {
    out_ << link.second << " is made at " << base.index << "/" << base.term << '\n';
    nodes_.emplace(link.second, Node(base));
    Start(link.second);
    return;
  }
  Drive(link.second, [&](Raft& raft) {
    if (!raft.OnSnapshotOffered(now_, ReplicaId(link.first), term)) {
      out_ << link.second << " does not heed it\n";
    } else if (!raft.WantsSnapshot(base.index, base.term)) {
      out_ << link.second << " has all of it\n";
    } else {
      out_ << link.second << " installs " << base.index << "/" << base.term << '\n';
      raft.OnSnapshotInstalled(base, KeptAbove(link.second, base));
    }
  });
}

// What the log has above, where it has the base: from memory, or from the disk.
std::vector<Entry> Story::KeptAbove(std::uint32_t id, const LogBase& base) const {
  const Node& node = nodes_.at(id);
  const Log& log = node.raft->log();
  std::vector<Entry> kept;
  if (log.TermAt(base.index) != std::optional<Term>(base.term)) return kept;
  for (LogIndex index = base.index + 1; index <= log.last_index(); ++index) {
    const std::vector<Entry> cached = log.Cached(index, index, 0);
    kept.push_back(cached.empty() ? *node.disk.Find(index) : cached.front());
  }
  return kept;
}

void Story::EndSnapshot(Link link, bool installed) {
  const LogIndex index = nodes_.at(link.first).snapshots[link.second];
  Drive(link.first, [&](Raft& raft) {
    if (installed) {
      raft.OnSnapshotSent(now_, ReplicaId(link.second), index);
    } else {
      raft.OnSnapshotFailed(now_, ReplicaId(link.second));
    }
  });
}

}  // namespace ringfort::raft
