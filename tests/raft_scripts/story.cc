#include "tests/raft_scripts/story.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "tests/unit/raft/cluster_trace.h"

namespace ringfort::raft {
namespace {

std::int64_t Milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// `150ms`, or none.
Duration ReadDuration(std::istringstream& words) {
  std::int64_t count = 0;
  std::string unit;
  if (!(words >> count)) return Duration(0);
  words >> unit;
  RF_CHECK(unit == "ms") << "a duration is written 150ms";
  return std::chrono::milliseconds(count);
}

/// `1->2`.
std::pair<std::uint32_t, std::uint32_t> ReadLink(std::istringstream& words) {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  char dash = 0;
  char arrow = 0;
  words >> from >> dash >> arrow >> to;
  RF_CHECK(dash == '-' && arrow == '>') << "a link is written 1->2";
  return {from, to};
}

constexpr std::uint64_t kAll = 1000;

std::uint64_t ReadNumber(std::istringstream& words, std::uint64_t otherwise) {
  std::uint64_t number = 0;
  return words >> number ? number : otherwise;
}

const char* Name(Role role) {
  switch (role) {
    case Role::kFollower: return "follower";
    case Role::kPreCandidate: return "pre-candidate";
    case Role::kCandidate: return "candidate";
    case Role::kPrimary: return "primary";
  }
  return "";
}

}  // namespace

void Story::Drive(std::uint32_t id, const std::function<void(Raft&)>& what) {
  Node& node = nodes_.at(id);
  RF_CHECK(node.raft != nullptr) << "node " << id << " is down";
  Raft& raft = *node.raft;
  const bool led = raft.role() == Role::kPrimary;
  what(raft);
  if (!led && raft.role() == Role::kPrimary) {
    for (const std::uint32_t gone : node.gone) raft.OnGone(ReplicaId(gone));
  }
  if (node.promise.until != kNever) {
    raft.ExtendBound(node.promise.until, node.promise.to, node.promise.term);
    node.promise = {};
  }
  do {
    while (raft.HasReady()) {
      Ready ready = raft.TakeReady(now_);
      for (const Message& message : ready.messages) Send(message);
      for (const Fetch& fetch : ready.fetches) {
        if (!quiet_)
          out_ << id << " fetches " << fetch.first << ".." << fetch.last << " for "
               << fetch.follower << '\n';
        node.fetches.push_back(fetch);
      }
      for (const SnapshotOrder& order : ready.snapshots) {
        out_ << id << " orders a snapshot for " << order.follower
             << (order.creates ? ", which is to be made" : "") << '\n';
      }
      for (const ReadyRead& read : ready.reads) {
        out_ << id << " answers read #" << read.id << " at " << read.index << '\n';
      }
      if (ready.persist_id != 0) node.storing.push_back(std::move(ready));
    }
    const bool applies = !raft.damaged() && raft.applicable() > raft.applied();
    if (applies) raft.OnApplied(raft.applicable());
  } while (raft.HasReady());
  if (!quiet_) Show(id);
}

void Story::Show(std::uint32_t id) {
  Node& node = nodes_.at(id);
  if (node.raft == nullptr) {
    out_ << id << ": down\n";
    return;
  }
  const Raft& raft = *node.raft;
  std::ostringstream line;
  line << id << ": " << Name(raft.role()) << " term " << raft.term();
  if (raft.primary() != ReplicaId()) line << " of " << raft.primary();
  line << ", log " << raft.log().last_index() << "/" << raft.log().last_term() << " synced "
       << raft.durable() << " commit " << raft.commit();
  if (raft.unsure()) line << ", unsure";
  if (raft.damaged()) line << ", damaged";
  if (const Members& members = raft.members(); members.index > LogIndex()) {
    line << ", members of " << members.index << ":";
    for (const Member& voter : members.voters) line << " " << voter.id;
    if (members.joint()) line << " and";
    for (const Member& voter : members.outgoing) line << " " << voter.id;
    if (!members.learners.empty()) line << ", learning";
    for (const Member& learner : members.learners) {
      line << " " << learner.id << (learner.promote ? "!" : "");
    }
  }
  if (raft.transferring_to()) line << ", hands over to " << *raft.transferring_to();
  for (const auto& [follower, progress] : raft.progress()) {
    if (progress.state == Progress::State::kSetAside) line << ", " << follower << " set aside";
  }
  if (line.str() != node.shown) out_ << line.str() << '\n';
  node.shown = line.str();
}

void Story::Send(const Message& message) {
  const Link link{message.from.value(), message.to.value()};
  if (cut_off_.contains(link.first) || cut_off_.contains(link.second)) return;
  if (!nodes_.contains(link.second) || nodes_.at(link.second).raft == nullptr) return;
  if (!quiet_) out_ << "  " << ToText(message) << '\n';
  links_[link].push_back(message);
}

void Story::MakeNodes(std::istringstream& words) {
  std::uint32_t count = 0;
  words >> count;
  for (std::string option; words >> option;) {
    const std::size_t equals = option.find('=');
    const std::string name = option.substr(0, equals);
    const std::uint64_t value = std::stoull(option.substr(equals + 1));
    if (name == "window")
      options_.window_bytes_max = value;
    else if (name == "append")
      options_.append_bytes_max = value;
    else if (name == "cache")
      options_.cache_bytes_max = value;
    else if (name == "lease_reads")
      options_.lease_reads = value != 0;
    else
      RF_CHECK(false) << "unknown option " << name;
  }
  options_.clock_drift = 0;
  Members members;
  for (std::uint32_t id = 1; id <= count; ++id) {
    members.voters.push_back(Member{ReplicaId(id), NodeId(id), Incarnation{1, id}});
  }
  for (std::uint32_t id = 1; id <= count; ++id)
    nodes_.emplace(id, Node(LogBase{LogIndex(), Term(), members}));
}

// `log 2 term 3 applied 1 entries 1 1 2`
void Story::WriteLog(std::istringstream& words) {
  std::uint32_t id = 0;
  std::uint64_t term = 0;
  std::uint64_t applied = 0;
  std::string word;
  words >> id >> word >> term >> word >> applied >> word;
  std::vector<Entry> entries;
  for (std::uint64_t of = 0; words >> of;) {
    entries.push_back(Entry{Term(of), LogIndex(entries.size() + 1), EntryKind::kCommand,
                            SharedBytes("term " + std::to_string(of))});
  }
  SimulatedDisk& disk = nodes_.at(id).disk;
  disk.Store(HardState{Term(term), ReplicaId(), false}, entries);
  disk.Flush(LogIndex(applied));
}

void Story::Start(std::uint32_t id) {
  Node& node = nodes_.at(id);
  node.shown.clear();
  node.raft =
      std::make_unique<Raft>(options_, ReplicaId(id), node.disk.Recover(), Random(id), now_);
  Drive(id, [](Raft&) {});
}

void Story::Persist(std::uint32_t id) {
  Node& node = nodes_.at(id);
  while (node.raft != nullptr && !node.storing.empty()) {
    const Ready ready = std::move(node.storing.front());
    node.storing.pop_front();
    node.disk.Store(ready);
    for (const Message& message : ready.messages_after_sync) Send(message);
    Drive(id, [&](Raft& raft) { raft.OnPersisted(now_, ready.persist_id); });
  }
}

bool Story::Deliver(Link link, std::size_t count) {
  bool any = false;
  std::deque<Message>& queue = links_[link];
  for (; count > 0 && !queue.empty(); --count) {
    const Message message = queue.front();
    queue.pop_front();
    any = true;
    if (nodes_.at(link.second).raft == nullptr) continue;
    Drive(link.second, [&](Raft& raft) { raft.Step(now_, message); });
  }
  return any;
}

bool Story::AnswerFetches(std::uint32_t id, std::uint64_t entries_max) {
  Node& node = nodes_.at(id);
  bool any = false;
  while (!node.fetches.empty()) {
    const Fetch fetch = node.fetches.front();
    node.fetches.pop_front();
    any = true;
    std::vector<Entry> entries;
    const LogIndex last = std::min(fetch.last, fetch.first + entries_max - 1);
    for (LogIndex i = fetch.first; i <= last; ++i) entries.push_back(*node.disk.Find(i));
    Drive(id, [&](Raft& raft) { raft.OnFetched(now_, fetch.follower, entries); });
  }
  return any;
}

void Story::Settle(const std::set<std::uint32_t>& among) {
  quiet_ = true;
  for (bool any = true; any;) {
    any = false;
    for (const std::uint32_t id : among) {
      any = any || !nodes_.at(id).storing.empty();
      Persist(id);
      any = AnswerFetches(id, kAll) || any;
    }
    for (const std::uint32_t from : among) {
      for (const std::uint32_t to : among) any = Deliver({from, to}, kAll) || any;
    }
  }
  quiet_ = false;
  for (const std::uint32_t id : among) Show(id);
}

void Story::Heartbeat(Link link, Duration delay) {
  const Raft& sender = *nodes_.at(link.first).raft;
  const MonotonicTime sent_at = now_;
  const Term listed = sender.role() == Role::kPrimary ? sender.term() : Term();
  now_ += delay;
  Node& receiver = nodes_.at(link.second);
  if (listed == Term()) return;
  Drive(link.second, [&](Raft& raft) { raft.OnHeartbeat(now_, ReplicaId(link.first), listed); });
  receiver.promise = {now_ + options_.lease, ReplicaId(link.first), listed};
  const bool follows = receiver.raft->follows() == listed;
  out_ << link.second << (follows ? " promises" : " names it") << " in term "
       << receiver.raft->term() << '\n';
  Drive(link.second, [](Raft&) {});
  Drive(link.first, [&](Raft& raft) {
    if (follows)
      raft.OnPromise(now_, ReplicaId(link.second), listed, sent_at);
    else
      raft.OnNamed(now_, ReplicaId(link.second), nodes_.at(link.second).raft->term());
  });
}

void Story::Read(std::uint32_t id) {
  Drive(id, [&](Raft& raft) {
    if (const auto index = raft.ReadByLease(now_)) {
      out_ << id << " reads by lease at " << *index << '\n';
    } else if (raft.role() != Role::kPrimary) {
      out_ << id << " is not the primary\n";
    } else {
      out_ << id << " queues read #" << raft.QueueRead(now_) << '\n';
    }
  });
}

void Story::TellConnected(std::uint32_t id) {
  cut_off_.erase(id);
  for (auto& [each, node] : nodes_) {
    if (each == id || node.raft == nullptr) continue;
    node.gone.erase(id);
    nodes_.at(id).gone.erase(each);
    Drive(each, [&](Raft& raft) { raft.OnConnected(now_, ReplicaId(id)); });
    if (nodes_.at(id).raft == nullptr) continue;
    Drive(id, [&, peer = each](Raft& raft) { raft.OnConnected(now_, ReplicaId(peer)); });
  }
}

void Story::Forget(std::uint32_t id, bool sent) {
  for (auto& [link, queue] : links_) {
    if (link.second == id || (sent && link.first == id)) queue.clear();
  }
}

void Story::Crash(std::uint32_t id) {
  Node& node = nodes_.at(id);
  node.raft.reset();
  node.storing.clear();
  node.fetches.clear();
  node.promise = {};
  node.gone.clear();
  Forget(id, /*sent=*/false);
}

void Story::Gone(std::uint32_t id, std::uint32_t at) {
  nodes_.at(at).gone.insert(id);
  Drive(at, [&](Raft& raft) {
    raft.OnGone(ReplicaId(id));
    if (raft.primary() == ReplicaId(id)) raft.OnPrimaryGone(now_);
  });
  if (nodes_.at(at).raft->role() == Role::kPrimary) return;
  out_ << at << " wakes in at most " << Milliseconds(nodes_.at(at).raft->next_wakeup() - now_) + 1
       << "ms\n";
}

void Story::CutLog(std::uint32_t id, LogIndex index) {
  Node& node = nodes_.at(id);
  node.disk.Flush(index);
  node.disk.Cut(index);
  node.raft->Cut(index);
}

void Story::Propose(std::uint32_t id, std::istringstream& words) {
  std::vector<SharedBytes> commands;
  for (std::string text; words >> text;) commands.emplace_back(text);
  Drive(id, [&](Raft& raft) {
    if (!raft.Propose(now_, commands)) out_ << id << " is not the primary\n";
  });
}

std::set<std::uint32_t> Story::ReadNodes(std::istringstream& words) const {
  std::set<std::uint32_t> ids;
  for (std::uint32_t id = 0; words >> id;) ids.insert(id);
  if (!ids.empty()) return ids;
  for (const auto& [id, node] : nodes_) {
    if (node.raft != nullptr) ids.insert(id);
  }
  return ids;
}

void Story::RunForAll(const std::string& verb, std::istringstream& words) {
  if (verb == "nodes") {
    MakeNodes(words);
  } else if (verb == "log") {
    WriteLog(words);
  } else if (verb == "start") {
    for (auto& [id, node] : nodes_) Start(id);
  } else if (verb == "wait") {
    now_ += ReadDuration(words);
  } else if (verb == "deliver") {
    const Link link = ReadLink(words);
    Deliver(link, ReadNumber(words, kAll));
  } else if (verb == "heartbeat") {
    const Link link = ReadLink(words);
    Heartbeat(link, ReadDuration(words));
  } else if (verb == "snapshot") {
    SendSnapshot(ReadLink(words));
  } else if (verb == "sent" || verb == "unsent") {
    EndSnapshot(ReadLink(words), verb == "sent");
  } else if (verb == "settle") {
    Settle(ReadNodes(words));
  } else if (verb == "cut") {
    for (const std::uint32_t id : ReadNodes(words)) {
      cut_off_.insert(id);
      Forget(id, /*sent=*/true);
    }
  } else if (verb == "drop") {
    for (const std::uint32_t id : ReadNodes(words)) Forget(id, /*sent=*/true);
  } else if (verb == "status") {
    for (auto& [id, node] : nodes_) {
      node.shown.clear();
      Show(id);
    }
  } else {
    RF_CHECK(false) << "unknown command " << verb;
  }
}

bool Story::RunForOne(const std::string& verb, std::istringstream& words) {
  static const std::set<std::string> kVerbs = {
      "tick",    "wake",  "persist", "propose", "connect",  "crash",  "gone",   "absent", "restart",
      "promise", "fetch", "read",    "cutlog",  "transfer", "change", "silent", "damage"};
  if (!kVerbs.contains(verb)) return false;
  const auto id = static_cast<std::uint32_t>(ReadNumber(words, 0));
  if (verb == "tick" || verb == "wake") {
    now_ += ReadDuration(words);
    if (verb == "wake") now_ = std::max(now_, nodes_.at(id).raft->next_wakeup());
    Drive(id, [&](Raft& raft) { raft.Tick(now_); });
  } else if (verb == "persist") {
    Persist(id);
  } else if (verb == "propose") {
    Propose(id, words);
  } else if (verb == "connect") {
    TellConnected(id);
  } else if (verb == "crash") {
    Crash(id);
  } else if (verb == "restart") {
    std::string torn;
    if (words >> torn) nodes_.at(id).disk.Tear(ReadNumber(words, 0));
    Start(id);
  } else if (verb == "promise") {
    nodes_.at(id).promise = {now_ + ReadDuration(words), ReplicaId(), Term()};
  } else if (verb == "gone") {
    std::string at;
    words >> at;
    Gone(id, static_cast<std::uint32_t>(ReadNumber(words, 0)));
  } else if (verb == "absent") {
    std::string at;
    words >> at;
    const auto by = static_cast<std::uint32_t>(ReadNumber(words, 0));
    Drive(by, [&](Raft& raft) { raft.OnAbsent(ReplicaId(id), Incarnation{2, id}); });
  } else if (verb == "silent") {
    out_ << id << (nodes_.at(id).raft->IsSilent() ? " is silent" : " is not silent") << '\n';
  } else if (verb == "transfer") {
    Transfer(id, static_cast<std::uint32_t>(ReadNumber(words, 0)));
  } else if (verb == "change") {
    ChangeMembers(id, words);
  } else if (verb == "damage") {
    std::string wants;
    words >> wants;
    Drive(id, [&](Raft& raft) { raft.OnDamaged(wants == "wants"); });
  } else if (verb == "fetch") {
    AnswerFetches(id, ReadNumber(words, kAll));
  } else if (verb == "read") {
    Read(id);
  } else if (verb == "cutlog") {
    CutLog(id, LogIndex(ReadNumber(words, 0)));
  }
  return true;
}

std::string Story::Run(const std::string& command) {
  out_.str("");
  std::istringstream words(command);
  std::string verb;
  words >> verb;
  if (!RunForOne(verb, words)) RunForAll(verb, words);
  return out_.str();
}

}  // namespace ringfort::raft
