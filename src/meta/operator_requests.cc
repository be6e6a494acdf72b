// The meta group's primary and its operators: what they ask, one after the other, and what they are
// answered.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "meta/changes.h"
#include "meta/meta_primary.h"
#include "meta/names.h"
#include "meta/summary.h"
#include "meta/upgrade.h"
#include "wire/map_codec.h"
#include "wire/status_codec.h"

namespace ringfort::meta {
namespace {

constexpr std::size_t kTasksMax = 64;
constexpr std::size_t kWhoMax = 128;
// Who lives has reported to a new primary by then.
constexpr Duration kFirstReports = std::chrono::seconds(3);
// After so long without a report another directory may take a node's place.
constexpr Duration kDeadForSure = std::chrono::seconds(5);

// At most so many bytes, and no half of a character of UTF-8.
void CutText(std::size_t most, std::string* text) {
  if (text->size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>((*text)[most]) & 0xc0) == 0x80) --most;
  text->resize(most);
}

}  // namespace

void MetaPrimary::Handle(proto::MetaRequest request, Answer answer) {
  if (state_ == nullptr) return answer(NotReady());
  if (tasks_.size() >= kTasksMax) {
    return answer(
        Status(Code::kOverloaded, "too many requests wait for the meta group (slow down)"));
  }
  CutText(kWhoMax, request.mutable_who());
  tasks_.push_back({std::move(request), std::move(answer)});
  TakeNext();
}

void MetaPrimary::TakeNext() {
  while (!writing_ && state_ != nullptr && !tasks_.empty()) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    Run(std::move(task));
  }
}

void MetaPrimary::Run(Task task) {
  const proto::MetaRequest& request = task.request;
  const Answer& answer = task.answer;
  Result<Change> change = Status(Code::kUnsupported,
                                 "an operator's request that is not known here "
                                 "(update the older program)");
  bool dry_run = false;
  const auto headways = [this](ShardId shard) {
    return HeadwayOf(state_->map, shard, reports_.Of(shard));
  };
  switch (request.body_case()) {
    case proto::MetaRequest::kGetState: {
      // What it has not heard yet would look as if it were dead.
      if (!AllAreHeard() && doors_.control->Now() - since_ < kFirstReports) {
        return answer(NotReady());
      }
      proto::MetaReply reply;
      FillState(*state_, reports_, steps_, doors_.self, since_, doors_.control->Now(),
                options_.reconciler.repair_after, reply.mutable_state());
      return answer(std::move(reply));
    }
    case proto::MetaRequest::kGetEvents: return ListEvents(request.get_events(), answer);
    case proto::MetaRequest::kTransfer:
      return RunTransfer(request.who(), request.transfer(), answer);
    case proto::MetaRequest::kJoin: {
      const Duration silent =
          reports_.SilentFor(NodeId(request.join().node()), since_, doors_.control->Now());
      change = Join(*state_, request.join(), silent > kDeadForSure);
      break;
    }
    case proto::MetaRequest::kChangeNode:
      change = ChangeNode(*state_, request.change_node(), headways, Silent());
      dry_run = request.change_node().dry_run();
      break;
    case proto::MetaRequest::kRebalance:
      change = Rebalance(*state_, request.rebalance().kind(), headways);
      dry_run = request.rebalance().kind() == proto::Rebalance::DRY_RUN;
      break;
    case proto::MetaRequest::kFinalizeUpgrade:
      return RunFinalize(request.who(), request.finalize_upgrade().dry_run(), answer);
    default: break;
  }
  if (!change.ok()) return answer(change.status());
  proto::MetaReply reply;
  if (!request.has_join()) FillPlan(*state_, change->next, reports_, reply.mutable_plan());
  if (dry_run) {
    reply.mutable_plan()->set_map_version(0);
    return answer(std::move(reply));
  }
  const bool joins = request.has_join();
  Make(request.who(), std::move(change->next), {change->event},
       [this, joins, reply = std::move(reply), answer](const Status& status) {
         if (!status.ok()) return answer(status);
         answer(joins ? Joined() : reply);
       });
}

void MetaPrimary::RunFinalize(const std::string& who, bool dry_run, const Answer& answer) {
  Result<Change> change = RaiseLevel(*state_, reports_, options_.knows);
  if (!change.ok()) return answer(change.status());
  proto::MetaReply reply;
  FillFeatures(change->next, reports_, reply.mutable_finalized());
  if (dry_run) return answer(std::move(reply));
  Make(who, std::move(change->next), {change->event},
       [answer, reply = std::move(reply)](const Status& status) {
         if (!status.ok()) return answer(status);
         answer(reply);
       });
}

std::set<NodeId> MetaPrimary::Silent() const {
  std::set<NodeId> silent;
  for (const ring::NodeInfo& node : state_->map.nodes) {
    const Duration since = reports_.SilentFor(node.id, since_, doors_.control->Now());
    if (since > kDeadForSure) silent.insert(node.id);
  }
  return silent;
}

proto::MetaReply MetaPrimary::Joined() const {
  proto::MetaReply reply;
  proto::CreationRecord* record = reply.mutable_joined()->mutable_record();
  *record = doors_.record();
  record->clear_shards();
  record->clear_meta();
  proto::ClusterMap map;
  wire::EncodeMap(state_->map, &map);
  reply.mutable_joined()->set_map(map.SerializeAsString());
  return reply;
}

void MetaPrimary::RunTransfer(const std::string& who, const proto::TransferPrimary& transfer,
                              const Answer& answer) {
  const ShardId shard(transfer.shard());
  const NodeId to(transfer.to());
  const std::string name = ShardName(state_->map, shard);
  if (shard > state_->map.meta_shard()) {
    return answer(Status(Code::kInvalidArgument, name + ": the cluster has shards 0 to " +
                                                     std::to_string(state_->map.shards() - 1) +
                                                     " (give one of these)"));
  }
  const std::vector<NodeId>& place = state_->map.PlaceOf(shard);
  if (std::ranges::find(place, to) == place.end() || state_->map.moves.contains(shard)) {
    return answer(Status(Code::kConditionFailed,
                         name + " is not on " + Name(to) + ", or moves (ringfortctl shard " +
                             ShardWord(state_->map, shard) + " shows where it is)"));
  }
  const ShardNews* news = reports_.Of(shard);
  if (news == nullptr) {
    return answer(
        Status(Code::kUnavailable, "no node says that it leads " + name + " (try again)"));
  }
  const std::vector<NodeId> healthy = reports_.HealthyVoters(*news, doors_.control->Now());
  if (std::ranges::find(healthy, to) == healthy.end()) {
    return answer(Status(Code::kConditionFailed,
                         name + " cannot be led by " + Name(to) +
                             " now: it is down or lags (start it, or try again later)"));
  }
  // Preferred from now on, or the next round would take it back.
  State next = *state_;
  std::vector<NodeId>& order =
      shard == next.map.meta_shard() ? next.map.meta : next.map.placement[shard.value()];
  const auto first = std::ranges::find(order, to);
  std::rotate(order.begin(), first, first + 1);
  if (next.map != state_->map) ++next.map.version;
  Make(who, std::move(next), {name + " is led by " + Name(to)}, [answer](const Status& status) {
    if (!status.ok()) return answer(status);
    proto::MetaReply reply;
    reply.set_ordered(true);
    answer(std::move(reply));
  });
}

void MetaPrimary::ListEvents(const proto::GetEvents& request, const Answer& answer) {
  const std::uint64_t newest = state_->next_event - 1;
  const std::uint64_t limit = request.limit() == 0 ? kEventsMax : request.limit();
  std::uint64_t after = request.after();
  if (after == 0 && newest > limit) after = newest - limit;
  if (after >= newest) {  // Nor is there a number above the highest of all.
    proto::MetaReply none;
    none.mutable_events();
    return answer(std::move(none));
  }
  const auto [begin, end] = EventRange(after);
  proto::Request read;
  proto::Scan* scan = read.mutable_scan();
  scan->set_shard_key(std::string(kShardKey));
  scan->set_begin(begin);
  scan->set_end(end);
  scan->set_entries_max(static_cast<std::uint32_t>(std::min(limit, kEventsMax)));
  Submit(std::move(read), [answer](const proto::Response& response, bool /*current*/) {
    if (response.has_error()) return answer(wire::DecodeStatus(response.error()));
    proto::MetaReply reply;
    proto::Events* events = reply.mutable_events();
    for (const proto::Entry& entry : response.scan_page().entries()) {
      if (!events->add_events()->ParseFromString(entry.value())) {
        events->mutable_events()->RemoveLast();  // Of another release; the others are good.
      }
    }
    answer(std::move(reply));
  });
}

}  // namespace ringfort::meta
