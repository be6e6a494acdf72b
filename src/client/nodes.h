// The nodes that the client knows, its channels to them, and which of them it trusts to answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/random.h"
#include "client/channel.h"
#include "client/tuning.h"
#include "env/loop.h"

namespace ringfort::client {

enum class Trust : std::uint8_t {
  kGood,
  kUnreachable,  ///< Connections fail: to ask it costs little, and others come first.
  kSilent,       ///< It takes requests and answers none: to ask it costs a try's whole timeout.
};

/// One node. Others read it; only Nodes changes it.
struct Node {
  std::string address;
  /// From the map; 0 while it is known as a seed only.
  NodeId id;
  Trust trust = Trust::kGood;
  /// Answers so far, errors that the node itself sent included.
  std::uint64_t answers = 0;
  /// Why it did not answer when it last did not; names the node. Ok when it never failed.
  Status last_error;

  // Of Nodes alone.
  std::unique_ptr<Channel> channel;
  std::uint32_t in_flight = 0;
  /// The question whether a distrusted node answers again, and the timer of its next step.
  /// `watched` while either is there.
  bool watched = false;
  Channel::RequestId probe = 0;
  env::TimerId probe_timer = 0;
  std::uint32_t failed_probes = 0;

  /// "node 2 at 10.0.0.1:7101"; the address alone for a mere seed.
  [[nodiscard]] std::string Name() const;
};

/// Distrust is remembered per node until it answers something, so that a frozen node costs one
/// timeout and not one for every request; a probe asks it again and again. Lives on the client's
/// loop.
class Nodes {
 public:
  Nodes(env::Loop& loop, Dialer& dialer, const Tuning& tuning, Random random);
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  /// The node at that address; made when it is new. The pointer is good for ever.
  Node* At(const std::string& address);
  void SetId(Node* node, NodeId id) { node->id = id; }
  /// Closes the connections to all other nodes once nothing is in flight on them.
  void Retain(const std::set<Node*>& wanted);

  /// As Channel::Send. When `done` comes, exactly one of Answered, Failed and NotSent is called.
  Channel::RequestId Send(Node* node, const proto::Request& request, Channel::Done done);
  /// As Channel::Cancel.
  bool Cancel(Node* node, Channel::RequestId request);

  /// The node itself answered.
  void Answered(Node* node);
  /// A request never left, for a reason that says nothing of the node.
  void NotSent(Node* node) { --node->in_flight; }
  /// A request failed on the way.
  void Failed(Node* node, const Status& why);
  /// The node answered, and the answer is no good.
  void Misled(Node* node, const Status& why) { node->last_error = why; }
  /// A request had no answer for a try's timeout, and neither had any sent after it.
  void Silent(Node* node, const Status& why);
  /// A request was given up too early to say whether the node is silent: find out.
  void Doubt(Node* node);

 private:
  void SendProbe(Node* node);
  void OnProbeAnswered(Node* node, const Result<proto::Response>& answer);
  void OnProbeQuiet(Node* node);
  void StopWatching(Node* node);
  void ProbeIn(Node* node, Duration wait);

  env::Loop& loop_;
  Dialer& dialer_;
  const Tuning& tuning_;
  Random random_;
  proto::Request probe_request_;
  std::map<std::string, std::unique_ptr<Node>> nodes_;
};

}  // namespace ringfort::client
