// The meta group's primary at work: holds the state in memory as its shard has it, takes operators'
// requests, asks nodes how they are, and gives the orders that follow.
//
// The state lies in the shard as entries (entries.h). A change is one conditional write of the
// entries that differ, fenced by the version of the cluster's entry: what another primary wrote in
// between makes it fail, and the state is read again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "env/loop.h"
#include "env/transport.h"
#include "meta/entries.h"
#include "meta/reconciler.h"
#include "meta/reports.h"
#include "meta/state.h"
#include "ringfort/client.pb.h"
#include "ringfort/meta.pb.h"
#include "ringfort/peer.pb.h"
#include "ringfort/status.h"

namespace ringfort::meta {

/// For what people read.
std::uint64_t UnixMilliseconds(const env::WallClock& wall);

struct MetaOptions {
  ReconcilerOptions reconciler;
  /// Between two rounds: a pulse to every node, and the steps that follow from what they said. The
  /// second while nothing is to be done.
  Duration pace = std::chrono::milliseconds(200);
  Duration idle_pace = std::chrono::seconds(1);
  /// How often primaries are looked at for the load that they cause; less than so much of it, in
  /// nanoseconds of work a second in the whole cluster, is noise.
  Duration load_pace = std::chrono::seconds(30);
  std::uint64_t load_least_ns = 100'000'000;
  /// The newest feature level that this node's program knows.
  FeatureLevel knows = {};
};

/// Lives on the control loop. Every node has one; it is idle where the node's replica of the meta
/// group does not lead.
class MetaPrimary {
 public:
  using Answer = std::function<void(Result<proto::MetaReply>)>;
  /// `current`: the term in which the request was made goes on. Else only answers may be given.
  using OnResponse = std::function<void(const proto::Response&, bool current)>;
  using OnReply = std::function<void(const proto::Response&)>;
  struct Doors {
    NodeId self;
    env::Loop* control;
    env::WallClock* wall;
    /// Hands a request to this node's replica of the meta group; answered on the control loop.
    std::function<void(proto::Request, OnReply)> submit;
    /// To any node of the map, this one among them. Best effort.
    std::function<void(NodeId, const proto::PeerMessage&)> send;
    /// This is the map now.
    std::function<void(const ring::ClusterMap&)> on_map;
    /// How the cluster began.
    std::function<const proto::CreationRecord&()> record;
    /// What a new cluster's state is.
    std::function<ring::ClusterMap()> first_map;
    std::function<void(const std::string&)> log_line;
    /// The state holds what only a newer release knows: the node must stop.
    std::function<void(const Status&)> on_unknown;
  };

  MetaPrimary(MetaOptions options, Doors doors);

  /// The replica leads in that term, or no longer. Again for the same term: nothing.
  void OnLeads(std::optional<Term> term);
  [[nodiscard]] bool leads() const { return term_.has_value(); }
  void Stop();

  void OnReport(const env::PeerIdentity& from, const proto::NodeReport& report);
  /// kUnavailable while the state is being read; else what changes.h says.
  void Handle(proto::MetaRequest request, Answer answer);

 private:
  struct Task {
    proto::MetaRequest request;
    Answer answer;
  };

  /// What is answered while nothing is known.
  static Status NotReady();

  void Tick();
  void Pulse();
  /// Every node has reported, but those that are gone or lost.
  [[nodiscard]] bool AllAreHeard() const;
  [[nodiscard]] bool SomebodyJoins() const;
  void Reconcile();
  void EvenOutLoad();
  void GiveOrders();
  void GiveOrder(const Order& order);

  // Reading.
  void Load();
  void LoadPage(std::shared_ptr<StateReader> reader, const std::string& begin);
  void OnLoaded(Result<std::optional<State>> state);
  /// This is the state now.
  void TakeOver(State state);

  // Changing.
  // operator_requests.cc
  void TakeNext();
  void Run(Task task);
  void RunTransfer(const std::string& who, const proto::TransferPrimary& transfer,
                   const Answer& answer);
  void RunFinalize(const std::string& who, bool dry_run, const Answer& answer);
  void ListEvents(const proto::GetEvents& request, const Answer& answer);
  void Make(const std::string& who, State next, std::vector<std::string> events,
            const std::function<void(Status)>& done);
  void Write(const State* before, State next, const std::string& who,
             const std::vector<std::string>& events, std::function<void(Status)> done);
  void OnNotWritten(const Status& status);
  void Submit(proto::Request request, OnResponse then);
  proto::MetaReply Joined() const;
  /// Who was not heard for so long that it does not merely restart.
  [[nodiscard]] std::set<NodeId> Silent() const;

  const MetaOptions options_;
  const Doors doors_;
  std::optional<Term> term_;
  /// Since when nodes are asked without a break: before, their silence says nothing.
  MonotonicTime since_ = kNever;
  bool stopped_ = false;
  bool ticking_ = false;
  bool loading_ = false;
  bool writing_ = false;

  /// Of this term; null until it was read.
  std::unique_ptr<State> state_;
  /// The version of the cluster's entry.
  std::uint64_t fence_ = 0;
  SessionId session_;
  Sequence sequence_;
  Reports reports_{ShardId()};
  /// By the two.
  Strays strays_;
  /// After a write that was refused: when the next round may write again.
  MonotonicTime write_at_ = kNever;
  /// By shard: when its role may be ordered to be handed over again, while that does not come
  /// about.
  struct Retry {
    MonotonicTime at;
    Duration pause;
  };
  std::map<ShardId, Retry> transfers_;
  MonotonicTime ticked_at_ = kNever;
  MonotonicTime load_seen_at_ = kNever;
  Steps steps_;
  std::deque<Task> tasks_;
};

}  // namespace ringfort::meta
