// A few Raft cores, and a reader who decides what happens next. All clocks show the same time;
// nothing is sent, synced or lost but by a command. README.md lists the commands.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "raft/raft.h"
#include "tests/unit/raft/simulated_disk.h"

namespace ringfort::raft {

class Story {
 public:
  /// Plays one command; what it led to, a line each.
  std::string Run(const std::string& command);

 private:
  struct Node {
    explicit Node(LogBase base) : disk(std::move(base)) {}
    SimulatedDisk disk;
    std::unique_ptr<Raft> raft;
    std::deque<Ready> storing;
    std::deque<Fetch> fetches;
    /// What its other thread promised, until the core is told.
    struct Promise {
      MonotonicTime until = kNever;
      ReplicaId to;
      Term term;
    };
    Promise promise;
    /// The snapshot last taken for each follower.
    std::map<std::uint32_t, LogIndex> snapshots;
    std::set<std::uint32_t> gone;  ///< The nodes that it heard are gone.
    std::string shown;
  };
  using Link = std::pair<std::uint32_t, std::uint32_t>;

  void Drive(std::uint32_t id, const std::function<void(Raft&)>& what);
  void Show(std::uint32_t id);
  void Send(const Message& message);
  void Start(std::uint32_t id);
  void Persist(std::uint32_t id);
  bool AnswerFetches(std::uint32_t id, std::uint64_t entries_max);
  bool Deliver(Link link, std::size_t count);
  void Settle(const std::set<std::uint32_t>& among);
  void Heartbeat(Link link, Duration delay);

  void MakeNodes(std::istringstream& words);
  void WriteLog(std::istringstream& words);
  void Read(std::uint32_t id);
  void Propose(std::uint32_t id, std::istringstream& words);
  void TellConnected(std::uint32_t id);
  void Forget(std::uint32_t id, bool sent);
  void Crash(std::uint32_t id);
  void Gone(std::uint32_t id, std::uint32_t at);
  void ChangeMembers(std::uint32_t id, std::istringstream& words);
  [[nodiscard]] Member ReadMember(std::uint32_t id, const std::string& word) const;
  void Transfer(std::uint32_t id, std::uint32_t to);
  void SendSnapshot(Link link);
  [[nodiscard]] std::vector<Entry> KeptAbove(std::uint32_t id, const LogBase& base) const;
  void EndSnapshot(Link link, bool installed);
  void CutLog(std::uint32_t id, LogIndex index);
  /// The nodes named; all that are up, if none is.
  [[nodiscard]] std::set<std::uint32_t> ReadNodes(std::istringstream& words) const;
  bool RunForOne(const std::string& verb, std::istringstream& words);
  void RunForAll(const std::string& verb, std::istringstream& words);

  Options options_;
  MonotonicTime now_{};
  std::map<std::uint32_t, Node> nodes_;
  std::map<Link, std::deque<Message>> links_;
  std::set<std::uint32_t> cut_off_;
  bool quiet_ = false;
  std::ostringstream out_;
};

}  // namespace ringfort::raft
