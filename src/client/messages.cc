#include "client/messages.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <tuple>
#include <utility>
#include <vector>

#include "base/text.h"
#include "client/meta_messages.h"
#include "ringfort/limits.h"

namespace ringfort::client {
namespace {

constexpr std::size_t kShownBytesMax = 2000;

Status TooLarge(std::string_view what, std::size_t size, std::size_t limit) {
  return {Code::kTooLarge, std::string(what) + " has " + std::to_string(size) +
                               " bytes; the limit is " + std::to_string(limit) +
                               " (make it shorter)"};
}

Status CheckSize(std::string_view what, std::size_t size, std::size_t limit) {
  if (size > limit) return TooLarge(what, size, limit);
  return {};
}

/// The first string, as bytes, behind all that begin with `prefix`; none when there is none.
std::optional<std::string> BehindPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

/// The first sort key behind `last` that may exist; none when it is the last of all.
std::optional<std::string> NextSortKey(std::string last) {
  // Behind one of full length follows nothing that is longer, and one byte more would be refused.
  if (last.size() >= limits::kSortKeyMax) return BehindPrefix(std::move(last));
  last.push_back('\0');
  return last;
}

ScanEntry TakeEntry(proto::Entry* entry) {
  ScanEntry taken;
  taken.key.shard_key = std::move(*entry->mutable_key()->mutable_shard_key());
  taken.key.sort_key = std::move(*entry->mutable_key()->mutable_sort_key());
  taken.value = std::move(*entry->mutable_value());
  taken.version = entry->version();
  return taken;
}

/// Whether the entries lie in the range, each behind the one before: else a scan of page after page
/// might never end.
bool GoesOn(const ScanRange& range, const std::vector<ScanEntry>& entries) {
  const std::string* before = nullptr;
  for (const ScanEntry& entry : entries) {
    const std::string& key = entry.key.sort_key;
    if (key < range.begin || (range.end && key >= *range.end)) return false;
    if (before != nullptr && (range.reverse ? key >= *before : key <= *before)) return false;
    before = &key;
  }
  return true;
}

/// The same of a scan of the whole shard: by shard key, then by sort key.
bool GoesOn(const StorePosition& from, const std::vector<ScanEntry>& entries) {
  const Key* before = from.after ? &*from.after : nullptr;
  for (const ScanEntry& entry : entries) {
    const Key& key = entry.key;
    if (before != nullptr &&
        std::tie(key.shard_key, key.sort_key) <= std::tie(before->shard_key, before->sort_key)) {
      return false;
    }
    before = &key;
  }
  return true;
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned value = 0;
    const char* const begin = text.data() + i;
    const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
    if (error != std::errc() || end != begin + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

std::optional<std::uint32_t> ToNumber(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> SplitAtDots(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t dot = text.find('.');
    parts.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    text.remove_prefix(dot + 1);
  }
}

Status NoPosition(std::string_view why) {
  return {Code::kInvalidArgument, "the text to resume from " + std::string(why) +
                                      " (give what the last page said, or nothing to begin)"};
}

ReplicaRole ToRole(proto::ReplicaStatus::Role role) {
  switch (role) {
    case proto::ReplicaStatus::PRIMARY: return ReplicaRole::kPrimary;
    case proto::ReplicaStatus::CANDIDATE: return ReplicaRole::kCandidate;
    case proto::ReplicaStatus::LEARNER: return ReplicaRole::kLearner;
    default: return ReplicaRole::kFollower;
  }
}

LoadView ToLoadView(const proto::ReplicaLoad& from) {
  LoadView to;
  to.reads = from.reads();
  to.writes = from.writes();
  to.bytes_in = from.bytes_in();
  to.bytes_out = from.bytes_out();
  to.loop_time = std::chrono::nanoseconds(from.loop_ns());
  to.pool_time = std::chrono::nanoseconds(from.pool_ns());
  to.reads_per_second = from.reads_per_second();
  to.writes_per_second = from.writes_per_second();
  to.bytes_in_per_second = from.bytes_in_per_second();
  to.bytes_out_per_second = from.bytes_out_per_second();
  to.loop_share = from.loop_ns_per_second() / 1e9;
  to.pool_share = from.pool_ns_per_second() / 1e9;
  for (const proto::HotKey& key : from.hot_keys()) {
    to.hot_keys.push_back({key.shard_key(), key.share()});
  }
  return to;
}

/// How often a shard was begun anew: the lower half only tells epochs of one count apart.
std::uint64_t EpochCount(std::uint64_t epoch) {
  return epoch >> 32;
}

ReplicaView ToReplicaView(const proto::ReplicaStatus& from) {
  ReplicaView to;
  to.shard = from.shard();
  to.role = ToRole(from.role());
  to.term = from.term();
  to.primary = from.primary();
  to.commit = from.commit();
  to.applied = from.applied();
  to.first_log_index = from.first_log_index();
  to.last = from.last();
  to.unsure = from.unsure();
  to.lease_valid = from.lease_valid();
  to.serving = from.serving();
  for (const proto::FollowerLag& lag : from.followers()) {
    to.followers.push_back(
        {lag.node(), lag.match(), lag.lag_entries(), lag.alive(), lag.learner()});
  }
  to.data_bytes = from.data_bytes();
  to.sessions = from.sessions();
  to.damage = Shown(from.damage());
  to.repair_waits_for = Shown(from.repair_waits_for());
  to.repair_bytes = from.repair_bytes();
  to.epoch = EpochCount(from.epoch());
  to.load = ToLoadView(from.load());
  if (from.has_sum()) {
    const proto::ReplicaSum& sum = from.sum();
    to.sum = {sum.index(), sum.checksum(), sum.entries(), sum.bytes(), Shown(sum.error())};
  }
  return to;
}

}  // namespace

std::string Shown(std::string_view text) {
  return OneLine(text, kShownBytesMax);
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

DiskRoom ToDiskRoom(std::uint32_t room) {
  switch (room) {
    case proto::NodeStatus::FULL: return DiskRoom::kFull;
    case proto::NodeStatus::EXHAUSTED: return DiskRoom::kExhausted;
    default: return DiskRoom::kEnough;
  }
}

Status CheckShardKey(std::string_view shard_key) {
  if (shard_key.size() < limits::kShardKeyMin) {
    return {Code::kInvalidArgument, "the shard key is empty (give it at least one byte)"};
  }
  return CheckSize("the shard key", shard_key.size(), limits::kShardKeyMax);
}

Status CheckKey(const Key& key) {
  if (Status status = CheckShardKey(key.shard_key); !status.ok()) return status;
  return CheckSize("the sort key", key.sort_key.size(), limits::kSortKeyMax);
}

Status CheckPut(const Key& key, std::string_view value, const PutOptions& options) {
  if (Status status = CheckKey(key); !status.ok()) return status;
  if (options.if_absent && options.if_version.has_value()) {
    return {Code::kInvalidArgument, "if_absent and if_version exclude each other (give one)"};
  }
  return CheckSize("the value", value.size(), limits::kValueMax);
}

Status CheckScan(const ScanRange& range, const ScanOptions& options) {
  if (options.limit == 0) {
    return {Code::kInvalidArgument, "the page's limit is 0 entries (give at least 1)"};
  }
  for (const auto& [what, bound] :
       {std::pair<std::string_view, std::string_view>{"the range's begin", range.begin},
        {"the range's end", range.end ? std::string_view(*range.end) : std::string_view()},
        {"the range's prefix", range.prefix}}) {
    if (Status status = CheckSize(what, bound.size(), limits::kSortKeyMax); !status.ok()) {
      return status;
    }
  }
  return {};
}

void FillKey(const Key& key, proto::Key* out) {
  out->set_shard_key(key.shard_key);
  if (!key.sort_key.empty()) out->set_sort_key(key.sort_key);
}

void FillPut(const Key& key, std::string_view value, const PutOptions& options,
             proto::Request* request) {
  proto::Operation* put = request->mutable_write()->add_operations();
  put->set_kind(proto::Operation::PUT);
  FillKey(key, put->mutable_key());
  put->set_value(value.data(), value.size());
  if (options.if_absent) put->mutable_condition()->set_kind(proto::Condition::IF_ABSENT);
  if (options.if_version) {
    put->mutable_condition()->set_kind(proto::Condition::IF_VERSION);
    put->mutable_condition()->set_version(*options.if_version);
  }
}

void FillDelete(const Key& key, const DeleteOptions& options, proto::Request* request) {
  proto::Operation* erase = request->mutable_write()->add_operations();
  erase->set_kind(proto::Operation::DELETE);
  FillKey(key, erase->mutable_key());
  if (options.if_version) {
    erase->mutable_condition()->set_kind(proto::Condition::IF_VERSION);
    erase->mutable_condition()->set_version(*options.if_version);
  }
}

proto::Get::Consistency ToProto(Consistency consistency) {
  return consistency == Consistency::kAnyReplica ? proto::Get::ANY_REPLICA
                                                 : proto::Get::LINEARIZABLE;
}

std::optional<ScanBounds> BoundsOf(const ScanRange& range) {
  ScanBounds bounds{std::max(range.begin, range.prefix), range.end};
  if (!range.prefix.empty()) {
    const std::optional<std::string> behind = BehindPrefix(range.prefix);
    if (behind && (!bounds.end || *behind < *bounds.end)) bounds.end = behind;
  }
  if (bounds.end && *bounds.end <= bounds.begin) return std::nullopt;
  return bounds;
}

void FillScan(std::string_view shard_key, const ScanBounds& bounds, bool reverse,
              const ScanOptions& options, proto::Request* request) {
  proto::Scan* scan = request->mutable_scan();
  scan->set_shard_key(shard_key.data(), shard_key.size());
  scan->set_begin(bounds.begin);
  if (bounds.end) scan->set_end(*bounds.end);
  scan->set_reverse(reverse);
  scan->set_entries_max(options.limit);
  scan->set_consistency(ToProto(options.consistency));
}

std::string EncodePosition(const StorePosition& position, std::uint32_t shards) {
  std::string text = "1." + std::to_string(shards) + "." + std::to_string(position.shard);
  if (position.after) {
    text += "." + ToHex(position.after->shard_key) + "." + ToHex(position.after->sort_key);
  }
  return text;
}

Result<StorePosition> DecodePosition(std::string_view text, std::uint32_t shards) {
  if (text.empty()) return StorePosition{};
  const std::vector<std::string_view> parts = SplitAtDots(text);
  if ((parts.size() != 3 && parts.size() != 5) || parts[0] != "1") {
    return NoPosition("is none that a scan gave");
  }
  const std::optional<std::uint32_t> its_shards = ToNumber(parts[1]);
  const std::optional<std::uint32_t> shard = ToNumber(parts[2]);
  if (!its_shards || !shard) return NoPosition("is none that a scan gave");
  if (*its_shards != shards || *shard >= shards) {
    return NoPosition("is from a cluster of " + std::string(parts[1]) + " shards, this one has " +
                      std::to_string(shards));
  }
  StorePosition position{*shard, std::nullopt};
  if (parts.size() == 3) return position;
  std::optional<std::string> shard_key = FromHex(parts[3]);
  std::optional<std::string> sort_key = FromHex(parts[4]);
  if (!shard_key || !sort_key) return NoPosition("is none that a scan gave");
  position.after = Key(*std::move(shard_key), *std::move(sort_key));
  if (Status status = CheckKey(*position.after); !status.ok()) {
    return NoPosition("is none that a scan gave");
  }
  return position;
}

void FillScanAll(const StorePosition& position, const ScanOptions& options,
                 proto::Request* request) {
  request->set_shard(position.shard);
  proto::Scan* scan = request->mutable_scan();
  scan->set_whole_shard(true);
  if (position.after) FillKey(*position.after, scan->mutable_resume_after());
  scan->set_entries_max(options.limit);
  scan->set_consistency(ToProto(options.consistency));
}

Result<Found> ToFound(proto::Entry* entry) {
  if (!entry->found()) return Status(Code::kNotFound, "there is no entry with this key");
  return Found{std::move(*entry->mutable_value()), entry->version()};
}

Result<Version> ToVersion(const proto::Response& response) {
  if (!response.has_written()) {
    Status wrong = WrongAnswer("a write");
    return wrong.set_effect(Effect::kUnknown);
  }
  return response.written().version();
}

Result<ScanPage> ToScanPage(std::string_view shard_key, const ScanRange& range,
                            proto::Response* response) {
  if (!response->has_scan_page()) return WrongAnswer("a scan");
  ScanPage page;
  page.entries.reserve(static_cast<std::size_t>(response->scan_page().entries_size()));
  for (proto::Entry& entry : *response->mutable_scan_page()->mutable_entries()) {
    page.entries.push_back(TakeEntry(&entry));
    page.entries.back().key.shard_key = shard_key;
  }
  if (!GoesOn(range, page.entries)) return WrongAnswer("a scan");
  if (!response->scan_page().more()) return page;
  if (page.entries.empty()) return WrongAnswer("a scan");
  const std::string& last = page.entries.back().key.sort_key;
  ScanRange rest = range;
  if (range.reverse) {
    rest.end = last;
    page.rest = std::move(rest);
  } else if (std::optional<std::string> next = NextSortKey(last)) {
    rest.begin = *std::move(next);
    page.rest = std::move(rest);
  }
  return page;
}

Result<ScanAllPage> ToScanAllPage(const StorePosition& from, std::uint32_t shards,
                                  proto::Response* response) {
  if (!response->has_scan_page()) return WrongAnswer("a scan");
  ScanAllPage page;
  page.entries.reserve(static_cast<std::size_t>(response->scan_page().entries_size()));
  for (proto::Entry& entry : *response->mutable_scan_page()->mutable_entries()) {
    page.entries.push_back(TakeEntry(&entry));
  }
  if (!GoesOn(from, page.entries)) return WrongAnswer("a scan");
  StorePosition next{from.shard + 1, std::nullopt};
  if (response->scan_page().more()) {
    if (page.entries.empty()) return WrongAnswer("a scan");
    next = {from.shard, page.entries.back().key};
  }
  page.more = next.shard < shards;
  if (page.more) page.resume = EncodePosition(next, shards);
  return page;
}

ClusterView ToClusterView(const proto::ClusterMap& map) {
  ClusterView view;
  view.version = map.version();
  view.cluster_name = Shown(map.cluster_name());
  view.cluster_id = ToHex(map.cluster_id());
  for (const proto::MapNode& node : map.nodes()) {
    view.nodes.push_back({node.id(), Shown(node.address()), Shown(node.zone()), node.weight(),
                          ToNodeState(node.state())});
  }
  for (const proto::MapShard& shard : map.shards()) {
    view.shards.push_back({{shard.replicas().begin(), shard.replicas().end()},
                           shard.primary_hint(),
                           {shard.moving_to().begin(), shard.moving_to().end()},
                           ToMoveCause(shard.move_cause())});
  }
  return view;
}

NodeStatusView ToNodeStatusView(const proto::NodeStatus& status) {
  NodeStatusView view;
  view.node = status.node();
  view.incarnation = ToHex(status.incarnation());
  view.boot = status.boot();
  view.cluster_id = ToHex(status.cluster_id());
  view.waiting_for = Shown(status.waiting_for());
  for (const proto::ReplicaStatus& replica : status.replicas()) {
    view.replicas.push_back(ToReplicaView(replica));
  }
  if (status.has_meta_replica()) view.meta_replica = ToReplicaView(status.meta_replica());
  for (const proto::VoidCopy& copy : status.void_copies()) {
    view.void_copies.push_back({copy.shard(), copy.replica(), EpochCount(copy.epoch()),
                                EpochCount(copy.shard_epoch()), copy.last_term(), copy.last_index(),
                                copy.data_bytes(), copy.data_only()});
  }
  for (const proto::Counter& counter : status.counters()) {
    view.counters.push_back({Shown(counter.name()), counter.value()});
  }
  view.log_bytes = status.log_bytes();
  view.disk_room = ToDiskRoom(static_cast<std::uint32_t>(status.disk_room()));
  view.disk_free_bytes = status.disk_free_bytes();
  view.uptime = std::chrono::milliseconds(status.uptime_ms());
  view.version = Shown(status.version());
  return view;
}

ShardRecoveryView ToShardRecoveryView(const proto::ShardRecovery& recovery) {
  ShardRecoveryView view;
  for (const proto::ShardCopy& from : recovery.copies()) {
    ShardCopyView& copy = view.copies.emplace_back();
    copy.node = from.node();
    copy.replica = from.replica();
    copy.epoch = EpochCount(from.members().epoch());
    copy.term = from.term();
    copy.last_term = from.last_term();
    copy.last = from.last_index();
    copy.applied = from.applied();
    copy.unsure = from.unsure();
    copy.damage = Shown(from.damage());
    copy.has_primary = from.has_primary();
    copy.is_void = from.known_epoch() > from.members().epoch();
    copy.data_bytes = from.data_bytes();
  }
  view.silent.assign(recovery.silent().begin(), recovery.silent().end());
  view.newest = recovery.newest();
  view.can_have_primary = recovery.can_have_primary();
  view.refused = Shown(recovery.refused());
  view.epoch = EpochCount(recovery.epoch());
  view.replica = recovery.replica();
  view.term = recovery.term();
  view.index = recovery.index();
  view.unconfirmed = recovery.unconfirmed();
  return view;
}

Status WrongAnswer(std::string_view what) {
  return {Code::kInternal, "a node answered " + std::string(what) +
                               " with something else (use programs of one release, or report it)"};
}

}  // namespace ringfort::client
