#include "tests/unit/client/fake_cluster.h"

#include <algorithm>

#include "ring/hash_ring.h"

namespace ringfort::client {

/// One channel. Requests in flight by id; what is cancelled is no longer there.
class FakeCluster::Link final : public Channel {
 public:
  Link(FakeCluster& cluster, std::uint32_t node) : cluster_(cluster), node_(node) {
    cluster_.links_.insert(this);
  }
  ~Link() override { cluster_.links_.erase(this); }

  RequestId Send(const proto::Request& request, Done done) override {
    const RequestId id = ++last_id_;
    const bool refused = node_ == 0 || cluster_.dead_.contains(node_);
    waiting_[id] = {std::move(done), !refused};
    InFlight in_flight{node_, request, this, id};
    cluster_.loop_.RunAt(cluster_.loop_.Now() + kOneWay, [&cluster = cluster_, in_flight, refused,
                                                          address = Address(node_)] {
      if (refused) {
        cluster.Answer(in_flight, Status(Code::kUnavailable, address + ": connection refused"),
                       kOneWay);
      } else {
        cluster.Arrive(in_flight);
      }
    });
    return id;
  }

  bool Cancel(RequestId id) override {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return false;
    const bool sent = found->second.sent;
    waiting_.erase(found);
    return sent;
  }

  void Complete(RequestId id, Result<proto::Response> response) {
    const auto found = waiting_.find(id);
    if (found == waiting_.end()) return;
    const Done done = std::move(found->second.done);
    waiting_.erase(found);
    done(std::move(response));
  }

  void Break() {
    for (const auto& [id, waiting] : std::map(waiting_)) {
      cluster_.Answer({node_, {}, this, id},
                      Status(Code::kUnavailable, "connection reset", Effect::kUnknown), kOneWay);
    }
  }
  [[nodiscard]] std::uint32_t node() const { return node_; }

 private:
  struct Waiting {
    Done done;
    bool sent = false;
  };
  FakeCluster& cluster_;
  const std::uint32_t node_;
  RequestId last_id_ = 0;
  std::map<RequestId, Waiting> waiting_;
};

FakeCluster::FakeCluster(VirtualLoop& loop) : loop_(loop), primaries_(kShards, 1) {}

std::string FakeCluster::Address(std::uint32_t node) {
  return "10.0.0." + std::to_string(node) + ":7101";
}

std::unique_ptr<Channel> FakeCluster::Open(const std::string& address) {
  for (std::uint32_t node = 1; node <= kNodes; ++node) {
    if (address == Address(node)) return std::make_unique<Link>(*this, node);
  }
  return std::make_unique<Link>(*this, 0);
}

void FakeCluster::Kill(std::uint32_t node) {
  dead_.insert(node);
  std::erase_if(backlog_, [&](const InFlight& waiting) { return waiting.node == node; });
  for (Link* link : links_) {
    if (link->node() == node) link->Break();
  }
}

void FakeCluster::Thaw(std::uint32_t node) {
  frozen_.erase(node);
  std::vector<InFlight> backlog;
  backlog.swap(backlog_);
  for (const InFlight& request : backlog) Arrive(request);
}

std::size_t FakeCluster::CountArrivals(const std::function<bool(const Arrival&)>& matches) const {
  return static_cast<std::size_t>(std::count_if(arrivals.begin(), arrivals.end(), matches));
}

void FakeCluster::Answer(const InFlight& request, Result<proto::Response> response,
                         Duration delay) {
  loop_.RunAt(loop_.Now() + delay,
              [this, link = request.link, id = request.id, response = std::move(response)] {
                if (links_.contains(link)) link->Complete(id, response);
              });
}

void FakeCluster::Arrive(const InFlight& request) {
  if (dead_.contains(request.node)) return;
  if (frozen_.contains(request.node)) {
    backlog_.push_back(request);
    return;
  }
  const Fate what = fate ? fate(request.node, request.request) : Fate::kServe;
  if (what == Fate::kLoseRequest) return;
  arrivals.push_back({request.node, loop_.Now(), request.request});
  std::optional<proto::Response> response;
  if (answer) response = answer(request.node, request.request);
  if (!response) response = Serve(request.node, request.request);
  if (what == Fate::kLoseAnswer) return;
  if (what == Fate::kReset) {
    Answer(request, Status(Code::kUnavailable, "connection reset", Effect::kUnknown), kOneWay);
    return;
  }
  const Duration work = service_time ? service_time(request.node, request.request) : Duration(0);
  Answer(request, *response, kOneWay + work);
}

proto::Response FakeCluster::Error(Code code, const std::string& message, Effect effect,
                                   std::uint32_t hint) {
  proto::Response response;
  response.mutable_error()->set_code(static_cast<std::uint32_t>(code));
  response.mutable_error()->set_message(message);
  response.mutable_error()->set_effect(static_cast<std::uint32_t>(effect));
  response.mutable_error()->set_primary_hint(hint);
  return response;
}

proto::Response FakeCluster::Serve(std::uint32_t node, const proto::Request& request) {
  if (request.has_get_map()) return Map();
  if (request.has_get_node_status()) {
    proto::Response response;
    response.mutable_node_status()->set_node(node);
    return response;
  }
  if (request.has_meta()) return ServeMeta(node, request.meta());
  const bool any = request.get().consistency() == proto::Get::ANY_REPLICA ||
                   request.scan().consistency() == proto::Get::ANY_REPLICA;
  if (any || primaries_[request.shard()] == node) return ServePrimary(request);
  return NotPrimary(node, primaries_[request.shard()]);
}

proto::Response FakeCluster::NotPrimary(std::uint32_t node, std::uint32_t primary) const {
  std::uint32_t hint = gives_hints ? primary : 0;
  if (const auto found = hints.find(node); found != hints.end()) hint = found->second;
  return Error(Code::kNotPrimary, "another node leads", Effect::kNotApplied, hint);
}

proto::Response FakeCluster::ServeMeta(std::uint32_t node,
                                       const proto::MetaRequest& request) const {
  if (node != meta_primary) return NotPrimary(node, meta_primary);
  proto::Response response;
  if (request.has_get_state()) {
    response.mutable_meta()->mutable_state()->set_meta_primary(node);
  } else if (request.has_get_events()) {
    response.mutable_meta()->mutable_events();
  } else if (request.has_transfer()) {
    response.mutable_meta()->set_ordered(true);
  } else {
    response.mutable_meta()->mutable_plan()->set_map_version(map_version);
  }
  return response;
}

proto::Response FakeCluster::ServePrimary(const proto::Request& request) {
  proto::Response response;
  if (request.has_open_session()) {
    response.mutable_session_opened()->set_session(++last_index_);
    sessions_[request.shard()][last_index_] = {};
    return response;
  }
  if (request.has_keep_session()) {
    if (!sessions_[request.shard()].contains(request.keep_session().session())) {
      return Error(Code::kSessionExpired, "no such session", Effect::kNotApplied);
    }
    return response;
  }
  if (request.has_verify_shard()) {
    response.mutable_verify_started()->set_index(++last_index_);
    return response;
  }
  if (request.has_get()) return ServeGet(request.get());
  if (request.has_write()) return ServeWrite(request);
  if (request.has_scan()) return ServeScan(request);
  return Error(Code::kUnsupported, "unknown request", Effect::kNotApplied);
}

proto::Response FakeCluster::ServeWrite(const proto::Request& request) {
  const proto::Write& write = request.write();
  const auto session = sessions_[request.shard()].find(write.session());
  if (session == sessions_[request.shard()].end()) {
    return Error(Code::kSessionExpired, "no such session", Effect::kUnknown);
  }
  Session& known = session->second;
  known.first_unanswered = std::max(known.first_unanswered, write.first_unanswered());
  known.outcomes.erase(known.outcomes.begin(), known.outcomes.lower_bound(known.first_unanswered));
  if (write.sequence() < known.first_unanswered) {
    return Error(Code::kSessionExpired, "its outcome is forgotten", Effect::kUnknown);
  }
  const auto outcome = known.outcomes.find(write.sequence());
  if (outcome != known.outcomes.end()) return outcome->second;
  return known.outcomes[write.sequence()] = ApplyWrite(request.shard(), write);
}

proto::Response FakeCluster::ApplyWrite(std::uint32_t /*shard*/, const proto::Write& write) {
  const proto::Operation& operation = write.operations(0);
  const std::pair key(operation.key().shard_key(), operation.key().sort_key());
  const auto stored = data_.find(key);
  const proto::Condition& condition = operation.condition();
  const bool absent_wanted = condition.kind() == proto::Condition::IF_ABSENT;
  const bool version_wanted = condition.kind() == proto::Condition::IF_VERSION;
  const std::uint64_t version = stored == data_.end() ? 0 : stored->second.version;
  if ((absent_wanted && version != 0) || (version_wanted && version != condition.version())) {
    return Error(Code::kConditionFailed, "the condition does not hold", Effect::kNotApplied);
  }
  ++applied[operation.key().shard_key()];
  ++last_index_;
  if (operation.kind() == proto::Operation::PUT) {
    data_[key] = {operation.value(), last_index_};
  } else {
    data_.erase(key);
  }
  proto::Response response;
  response.mutable_written()->set_version(last_index_);
  return response;
}

proto::Response FakeCluster::ServeGet(const proto::Get& get) const {
  proto::Response response;
  for (const proto::Key& key : get.keys()) {
    proto::Entry* entry = response.mutable_got()->add_entries();
    const auto found = data_.find({key.shard_key(), key.sort_key()});
    entry->set_found(found != data_.end());
    if (found == data_.end()) continue;
    entry->set_value(found->second.value);
    entry->set_version(found->second.version);
  }
  return response;
}

proto::Response FakeCluster::ServeScan(const proto::Request& request) const {
  const proto::Scan& scan = request.scan();
  std::vector<std::pair<std::pair<std::string, std::string>, Stored>> matching;
  for (const auto& [key, stored] : data_) {
    if (scan.whole_shard()) {
      const std::pair after(scan.resume_after().shard_key(), scan.resume_after().sort_key());
      if (ring::ShardOf(key.first, kShards).value() != request.shard()) continue;
      if (scan.has_resume_after() && key <= after) continue;
    } else {
      if (key.first != scan.shard_key() || key.second < scan.begin()) continue;
      if (scan.has_end() && key.second >= scan.end()) continue;
    }
    matching.emplace_back(key, stored);
  }
  if (scan.reverse()) std::reverse(matching.begin(), matching.end());
  proto::Response response;
  proto::ScanPage* page = response.mutable_scan_page();
  page->set_more(matching.size() > scan.entries_max());
  if (page->more()) matching.resize(scan.entries_max());
  for (const auto& [key, stored] : matching) {
    proto::Entry* entry = page->add_entries();
    entry->set_found(true);
    entry->mutable_key()->set_shard_key(key.first);
    entry->mutable_key()->set_sort_key(key.second);
    entry->set_value(stored.value);
    entry->set_version(stored.version);
  }
  return response;
}

proto::Response FakeCluster::Map() const {
  proto::Response response;
  proto::ClusterMap* map = response.mutable_map();
  map->set_version(map_version);
  map->set_cluster_name("fake");
  map->set_cluster_id(std::string(16, 'c'));
  for (std::uint32_t node = 1; node <= kNodes; ++node) {
    proto::MapNode* to = map->add_nodes();
    to->set_id(node);
    to->set_address(Address(node));
    to->set_zone("z" + std::to_string(node));
    to->set_weight(1);
  }
  for (std::uint32_t shard = 0; shard < kShards; ++shard) {
    proto::MapShard* to = map->add_shards();
    for (std::uint32_t node = 1; node <= kNodes; ++node) to->add_replicas(node);
    to->set_primary_hint(primaries_[shard]);
  }
  map->mutable_meta()->add_replicas(1);
  map->set_replicas(kNodes);
  return response;
}

}  // namespace ringfort::client
