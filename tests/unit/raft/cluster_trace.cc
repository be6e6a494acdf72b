#include "tests/unit/raft/cluster_trace.h"

#include <chrono>
#include <sstream>

namespace ringfort::raft {
namespace {

struct Describe {
  std::ostream& out;

  void operator()(const VoteRequest& request) const {
    out << (request.pre_vote ? "pre-vote? " : "vote? ") << "log ends at " << request.last_index
        << "/" << request.last_term;
    if (request.transfer_from != ReplicaId()) out << ", handed over by " << request.transfer_from;
  }
  void operator()(const VoteReply& reply) const {
    out << (reply.pre_vote ? "pre-vote " : "vote ") << (reply.granted ? "granted" : "refused");
    if (reply.unsure) out << ", unsure";
    if (reply.bound_left.count() > 0) {
      out << ", bound for "
          << std::chrono::duration_cast<std::chrono::milliseconds>(reply.bound_left).count()
          << "ms";
    }
  }
  void operator()(const AppendRequest& request) const {
    out << "append after " << request.previous_index << "/" << request.previous_term;
    if (request.entries.empty()) {
      out << " nothing";
    } else {
      for (const Entry& entry : request.entries) {
        out << " " << entry.index << "/" << entry.term;
        if (entry.kind == EntryKind::kMembers) out << "m";
      }
    }
    out << ", commit " << request.commit;
    if (request.primary_last > LogIndex()) out << ", sure at " << request.primary_last;
  }
  void operator()(const AppendReply& reply) const {
    if (reply.accepted) {
      out << "accepted up to " << reply.match;
    } else {
      out << "refused " << reply.refused_index << ", try " << reply.match << "/" << reply.hint_term;
    }
    if (reply.unsure) out << ", unsure";
    if (reply.diverged) out << ", diverged";
    if (reply.damaged) out << (reply.wants_snapshot ? ", damaged, wants a snapshot" : ", damaged");
  }
  void operator()(const ReadProbe& probe) const { out << "read probe " << probe.round; }
  void operator()(const ReadProbeReply& reply) const { out << "read probe reply " << reply.round; }
  void operator()(const TimeoutNow&) const { out << "timeout now"; }
};

}  // namespace

std::string ToText(const Message& message) {
  std::ostringstream out;
  out << message.from << "->" << message.to << " t" << message.term << " ";
  std::visit(Describe{out}, message.body);
  return out.str();
}

}  // namespace ringfort::raft
