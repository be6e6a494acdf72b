#include "tests/golden/samples.h"

#include <utility>

#include "raft/members.h"
#include "replica/sessions.h"
#include "ringfort/client.pb.h"
#include "ringfort/disk.pb.h"
#include "ringfort/meta.pb.h"
#include "ringfort/peer.pb.h"
#include "storage/encoding.h"
#include "wal/format.h"
#include "wire/frame.h"

namespace ringfort::golden {
namespace {

const std::string kId(16, '\x07');

Status Differs() {
  return {Code::kInternal, "what was read encodes to other bytes"};
}

Status Same(std::string_view a, std::string_view b) {
  return a == b ? Status() : Differs();
}

// Messages of protobuf.

template <typename Message>
Status CheckMessage(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {Code::kCorruption, "it cannot be parsed"};
  }
  return Same(message.SerializeAsString(), bytes);
}

template <typename Message>
void Add(std::vector<Sample>* out, std::string name, const Message& message) {
  out->push_back({std::move(name), message.SerializeAsString(), CheckMessage<Message>});
}

proto::Member SomeMember(std::uint32_t id) {
  proto::Member member;
  member.set_replica(id);
  member.set_node(id + 10);
  member.set_incarnation(kId);
  member.set_promote(id == 3);
  return member;
}

proto::Members SomeMembers() {
  proto::Members members;
  *members.add_voters() = SomeMember(1);
  *members.add_outgoing() = SomeMember(2);
  *members.add_learners() = SomeMember(3);
  members.set_newest_id(9);
  members.set_index(17);
  return members;
}

proto::MapNode SomeNode() {
  proto::MapNode node;
  node.set_id(3);
  node.set_address("host:7101");
  node.set_zone("zone");
  node.set_weight(2);
  node.set_state(proto::DRAINING);
  node.set_incarnation(kId);
  node.set_lost(true);
  node.set_removing(true);
  return node;
}

proto::MapShard SomeShard() {
  proto::MapShard shard;
  shard.add_replicas(1);
  shard.add_replicas(2);
  shard.set_primary_hint(2);
  shard.add_moving_to(3);
  shard.set_move_cause(proto::REPAIR);
  return shard;
}

proto::ClusterMap SomeMap() {
  proto::ClusterMap map;
  map.set_version(5);
  map.set_cluster_name("cluster");
  map.set_cluster_id(kId);
  *map.add_nodes() = SomeNode();
  *map.add_shards() = SomeShard();
  *map.mutable_meta() = SomeShard();
  map.set_replicas(3);
  return map;
}

proto::CreationRecord SomeRecord() {
  proto::CreationRecord record;
  record.set_cluster_id(kId);
  record.set_cluster_name("cluster");
  proto::RecordNode* node = record.add_nodes();
  node->set_node(1);
  node->set_incarnation(kId);
  node->set_address("host:7101");
  node->set_zone("zone");
  node->set_weight(1);
  *record.add_shards()->add_members() = SomeMember(1);
  record.set_longest_promise_ms(200);
  record.set_replicas(3);
  *record.mutable_meta()->add_members() = SomeMember(2);
  return record;
}

proto::Write SomeWrite() {
  proto::Write write;
  write.set_session(12);
  write.set_sequence(3);
  write.set_first_unanswered(2);
  proto::Operation* put = write.add_operations();
  put->mutable_key()->set_shard_key("shard key");
  put->mutable_key()->set_sort_key("sort key");
  put->set_value(std::string("\x00\xffvalue", 7));
  put->mutable_condition()->set_kind(proto::Condition::IF_VERSION);
  put->mutable_condition()->set_version(8);
  proto::Operation* remove = write.add_operations();
  remove->set_kind(proto::Operation::DELETE);
  remove->mutable_key()->set_shard_key("shard key");
  return write;
}

void AddDisk(std::vector<Sample>* out) {
  proto::Command command;
  command.set_session_time_us(77);
  *command.mutable_write() = SomeWrite();
  Add(out, "command/write", command);
  command.mutable_open_session();
  Add(out, "command/open_session", command);
  command.mutable_keep_session()->set_session(12);
  command.mutable_keep_session()->set_first_unanswered(4);
  Add(out, "command/keep_session", command);
  command.mutable_verify();
  Add(out, "command/verify", command);

  proto::Identity identity;
  identity.set_node(2);
  identity.set_incarnation(kId);
  identity.set_boot(5);
  identity.set_cluster_name("cluster");
  *identity.mutable_record() = SomeRecord();
  identity.set_log_batches(99);
  identity.set_replicas_made(true);
  identity.set_setting_aside(4);
  *identity.mutable_map() = SomeMap();
  Add(out, "identity", identity);

  proto::SnapshotManifest manifest;
  manifest.set_format(1);
  proto::SnapshotManifest::Table* table = manifest.add_tables();
  table->set_level(6);
  table->set_smallest_sequence(1);
  table->set_largest_sequence(9);
  table->set_smallest_key("a");
  table->set_largest_key("z");
  Add(out, "snapshot/manifest", manifest);

  proto::MetaCluster cluster;
  cluster.set_version(5);
  cluster.set_cluster_name("cluster");
  cluster.set_cluster_id(kId);
  cluster.set_shards(64);
  cluster.set_replicas(3);
  cluster.set_paused(true);
  cluster.set_next_event(8);
  Add(out, "meta/cluster", cluster);
  Add(out, "meta/node", SomeNode());
  Add(out, "meta/shard", SomeShard());
  proto::MetaEvent event;
  event.set_number(7);
  event.set_at_unix_ms(1'700'000'000'000);
  event.set_who("operator");
  event.set_what("node 3 is drained");
  Add(out, "meta/event", event);
}

// Raw bytes.

replica::Session SomeSession() {
  replica::Session session;
  session.last_used = replica::SessionTime(77);
  session.first_unanswered = Sequence(3);
  session.outcomes.emplace(Sequence(3), replica::Outcome{Code::kOk, LogIndex(40)});
  session.outcomes.emplace(Sequence(5), replica::Outcome{Code::kConditionFailed, LogIndex(41)});
  return session;
}

void AddStored(std::vector<Sample>* out) {
  const std::string zeros("a\x00b", 3);
  out->push_back(
      {"storage/data_key", storage::EncodeDataKey(zeros, "sort"), [](std::string_view bytes) {
         const auto key = storage::DecodeDataKey(bytes);
         if (!key.ok()) return key.status();
         return Same(storage::EncodeDataKey(key->shard_key, key->sort_key), bytes);
       }});
  out->push_back({"storage/value", storage::EncodeValue(LogIndex(42), "user's bytes"),
                  [](std::string_view bytes) {
                    const auto value = storage::DecodeValue(bytes);
                    if (!value.ok()) return value.status();
                    return Same(storage::EncodeValue(value->version, value->user), bytes);
                  }});
  out->push_back(
      {"storage/session_key", storage::EncodeSessionKey(SessionId(12)), [](std::string_view bytes) {
         const auto id = storage::DecodeSessionKey(bytes);
         return id.ok() ? Same(storage::EncodeSessionKey(*id), bytes) : id.status();
       }});
  out->push_back({"storage/applied_key", storage::AppliedKey(),
                  [](std::string_view bytes) { return Same(storage::AppliedKey(), bytes); }});
  out->push_back({"storage/applied", storage::EncodeApplied({LogIndex(42), Term(3)}),
                  [](std::string_view bytes) {
                    const auto applied = storage::DecodeApplied(bytes);
                    if (!applied.ok()) return applied.status();
                    return Same(storage::EncodeApplied(*applied), bytes);
                  }});
  out->push_back(
      {"storage/session", replica::EncodeSession(SomeSession()), [](std::string_view bytes) {
         const auto session = replica::DecodeSession(bytes);
         if (!session.ok()) return session.status();
         return Same(replica::EncodeSession(*session), bytes);
       }});
}

// The log.

constexpr std::uint64_t kSeed = 77;

raft::Members RawMembers() {
  raft::Members members;
  members.voters = {{ReplicaId(1), NodeId(2), {3, 4}}, {ReplicaId(5), NodeId(6), {7, 8}}};
  members.outgoing = {{ReplicaId(9), NodeId(10), {11, 12}}};
  members.learners = {{ReplicaId(13), NodeId(14), {15, 16}, true}};
  members.newest_id = ReplicaId(17);
  members.index = LogIndex(18);
  return members;
}

Status CheckRecord(std::string_view bytes) {
  const auto record = wal::DecodeRecord(bytes, kSeed);
  if (!record) return {Code::kCorruption, "it is no record"};
  if (record->type == wal::RecordType::kBase) {
    const auto payload = wal::DecodeBasePayload(record->payload);
    std::string again;
    wal::AppendBasePayload(payload.value(), &again);
    if (again != record->payload) return Differs();
  }
  if (record->type == wal::RecordType::kState) {
    const auto payload = wal::DecodeStatePayload(*record);
    std::string again;
    wal::AppendStatePayload(payload.value(), &again);
    if (again != record->payload) return Differs();
  }
  if (record->type == wal::RecordType::kHardState) {
    std::string again;
    wal::AppendHardStatePayload(wal::DecodeHardState(*record).value(), &again);
    if (again != record->payload) return Differs();
  }
  std::string again;
  wal::AppendRecord(*record, kSeed, &again);
  return Same(again, bytes);
}

void AddRecord(std::vector<Sample>* out, const std::string& name, wal::RecordType type,
               raft::EntryKind kind, const std::string& payload) {
  wal::Record record;
  record.type = type;
  record.kind = kind;
  record.shard = ShardId(4);
  record.term = Term(5);
  record.index = LogIndex(6);
  record.payload = payload;
  std::string bytes;
  wal::AppendRecord(record, kSeed, &bytes);
  out->push_back({"wal/record/" + name, bytes, CheckRecord});
}

std::string AddMembers(std::vector<Sample>* out, const std::string& name,
                       const raft::Members& members) {
  std::string bytes;
  raft::AppendMembers(members, &bytes);
  out->push_back({name, bytes, [](std::string_view raw) {
                    const auto read = raft::DecodeMembers(raw);
                    if (!read.ok()) return read.status();
                    std::string again;
                    raft::AppendMembers(*read, &again);
                    return Same(again, raw);
                  }});
  return bytes;
}

void AddSegmentHeader(std::vector<Sample>* out, const std::string& name,
                      const wal::SegmentHeader& header) {
  // The rest of the block is zeros.
  out->push_back({name, wal::EncodeSegmentHeader(header).substr(0, 64), [](std::string_view bytes) {
                    std::string block(bytes);
                    block.resize(wal::kSegmentHeaderBytes);
                    const auto read = wal::DecodeSegmentHeader(block);
                    if (!read.ok()) return read.status();
                    return Same(wal::EncodeSegmentHeader(*read).substr(0, 64), bytes);
                  }});
}

void AddLog(std::vector<Sample>* out) {
  const std::string members = AddMembers(out, "raft/members", RawMembers());
  wal::SegmentHeader header;
  header.incarnation = {1, 2};
  header.sequence = 3;
  header.first_batch = 4;
  header.segment_bytes = 65536;
  AddSegmentHeader(out, "wal/segment_header", header);
  AddRecord(out, "entry/noop", wal::RecordType::kEntry, raft::EntryKind::kNoop, "");
  AddRecord(out, "entry/command", wal::RecordType::kEntry, raft::EntryKind::kCommand, "command");
  AddRecord(out, "entry/members", wal::RecordType::kEntry, raft::EntryKind::kMembers, members);
  std::string payload;
  const raft::HardState hard_state{Term(5), ReplicaId(2), true, ReplicaId(7)};
  wal::AppendHardStatePayload(hard_state, &payload);
  AddRecord(out, "hard_state", wal::RecordType::kHardState, {}, payload);
  payload.clear();
  wal::AppendBasePayload({storage::Generation(8), RawMembers()}, &payload);
  AddRecord(out, "base", wal::RecordType::kBase, {}, payload);
  AddRecord(out, "cut", wal::RecordType::kCut, {}, members);
  payload.clear();
  wal::AppendStatePayload(
      {hard_state, storage::Generation(8), {LogIndex(3), Term(2), RawMembers()}}, &payload);
  AddRecord(out, "state", wal::RecordType::kState, {}, payload);

  std::string batch(wal::kBatchHeaderBytes, '\0');
  batch += "the records of a batch  ";
  wal::BatchHeader batch_header;
  batch_header.segment = 3;
  batch_header.number = 9;
  batch_header.synced_through = 8;
  batch_header.records = 1;
  wal::SealBatch(batch_header, header.seed(), &batch);
  out->push_back({"wal/batch", batch, [header](std::string_view bytes) {
                    const auto read = wal::DecodeBatchHeader(bytes, header, header.seed());
                    if (!read) return Status(Code::kCorruption, "it is no batch");
                    std::string again(bytes);
                    wal::SealBatch(*read, header.seed(), &again);
                    return Same(again, bytes);
                  }});
}

// The wire.

Status CheckFrame(std::string_view bytes) {
  const wire::DecodedFrame decoded = wire::DecodeFrame(bytes, bytes.size());
  if (decoded.state != wire::DecodedFrame::State::kFrame) {
    return {Code::kCorruption, "it is no frame"};
  }
  std::string again;
  wire::AppendFrame(&again, decoded.frame.type, decoded.frame.request_id, decoded.frame.payload);
  return Same(again, bytes);
}

void AddFrames(std::vector<Sample>* out) {
  using Type = wire::FrameType;
  for (const Type type : {Type::kHello, Type::kHelloReply, Type::kGoodbye, Type::kRequest,
                          Type::kResponse, Type::kPeer}) {
    std::string bytes;
    wire::AppendFrame(&bytes, type, 42, "payload");
    out->push_back({"frame/" + std::string(wire::FrameTypeName(type)), bytes, CheckFrame});
  }
}

void AddClient(std::vector<Sample>* out) {
  proto::Hello hello;
  hello.set_role(proto::Hello::PEER);
  hello.set_cluster_name("cluster");
  hello.set_cluster_id(kId);
  hello.set_node(2);
  hello.set_incarnation(kId);
  hello.set_boot(5);
  hello.set_expected_node(3);
  hello.set_lane(1);
  hello.set_has_record(true);
  Add(out, "hello/peer", hello);
  proto::HelloReply reply;
  reply.set_cluster_name("cluster");
  reply.set_cluster_id(kId);
  reply.set_node(3);
  reply.set_incarnation(kId);
  reply.set_boot(6);
  reply.set_has_record(true);
  reply.set_frame_bytes_max(16 << 20);
  Add(out, "hello/reply", reply);
  proto::Goodbye goodbye;
  goodbye.mutable_error()->set_code(3);
  goodbye.mutable_error()->set_message("why");
  Add(out, "hello/goodbye", goodbye);

  proto::Request request;
  request.set_map_version(5);
  request.set_shard(4);
  request.set_timeout_ms(1000);
  *request.mutable_write() = SomeWrite();
  Add(out, "request/write", request);
  request.mutable_open_session();
  Add(out, "request/open_session", request);
  request.mutable_keep_session()->set_session(12);
  Add(out, "request/keep_session", request);
  request.mutable_get()->add_keys()->set_shard_key("key");
  request.mutable_get()->set_consistency(proto::Get::ANY_REPLICA);
  Add(out, "request/get", request);
  proto::Scan* scan = request.mutable_scan();
  scan->set_shard_key("key");
  scan->set_begin("a");
  scan->set_end("z");
  scan->set_reverse(true);
  scan->set_entries_max(10);
  scan->set_whole_shard(true);
  scan->mutable_resume_after()->set_shard_key("key");
  Add(out, "request/scan", request);
  request.mutable_get_map();
  Add(out, "request/get_map", request);
  request.mutable_get_node_status()->set_hot_keys(true);
  Add(out, "request/get_node_status", request);
  request.mutable_verify_shard();
  Add(out, "request/verify_shard", request);
  proto::MetaRequest* meta = request.mutable_meta();
  meta->set_who("operator");
  meta->mutable_join()->set_node(4);
  Add(out, "request/meta/join", request);
  meta->mutable_change_node()->set_kind(proto::ChangeNode::REMOVE);
  Add(out, "request/meta/change_node", request);
  meta->mutable_rebalance()->set_kind(proto::Rebalance::CANCEL);
  Add(out, "request/meta/rebalance", request);
  meta->mutable_transfer()->set_to(2);
  Add(out, "request/meta/transfer", request);

  proto::Response response;
  response.mutable_session_opened()->set_session(12);
  Add(out, "response/session_opened", response);
  proto::Entry* entry = response.mutable_got()->add_entries();
  entry->set_found(true);
  entry->set_value("value");
  entry->set_version(8);
  Add(out, "response/got", response);
  response.mutable_written()->set_version(9);
  Add(out, "response/written", response);
  response.mutable_scan_page()->set_more(true);
  Add(out, "response/scan_page", response);
  *response.mutable_map() = SomeMap();
  Add(out, "response/map", response);
  response.mutable_verify_started()->set_index(4);
  Add(out, "response/verify_started", response);
}

void AddRaft(std::vector<Sample>* out) {
  proto::PeerMessage peer;
  proto::RaftMessage* message = peer.mutable_raft()->add_messages();
  message->set_shard(4);
  message->set_from(1);
  message->set_to(2);
  message->set_term(7);
  proto::VoteRequest* vote = message->mutable_vote_request();
  vote->set_pre_vote(true);
  vote->set_last_index(9);
  vote->set_last_term(6);
  vote->set_transfer_from(3);
  Add(out, "raft/vote_request", peer);
  message->mutable_vote_reply()->set_granted(true);
  message->mutable_vote_reply()->set_unsure(true);
  message->mutable_vote_reply()->set_bound_left_ns(123);
  Add(out, "raft/vote_reply", peer);
  proto::AppendRequest* append = message->mutable_append_request();
  append->set_previous_index(8);
  append->set_previous_term(6);
  append->set_commit(7);
  append->set_primary_last(9);
  append->set_everywhere(5);
  proto::LogEntry* entry = append->add_entries();
  entry->set_term(7);
  entry->set_index(9);
  entry->set_kind(1);
  entry->set_data("command");
  Add(out, "raft/append_request", peer);
  proto::AppendReply* reply = message->mutable_append_reply();
  reply->set_accepted(true);
  reply->set_match(9);
  reply->set_hint_term(6);
  reply->set_last_index(9);
  reply->set_unsure(true);
  reply->set_refused_index(4);
  reply->set_commit(8);
  reply->set_diverged(true);
  Add(out, "raft/append_reply", peer);
  message->mutable_read_probe()->set_round(3);
  Add(out, "raft/read_probe", peer);
  message->mutable_read_probe_reply()->set_round(3);
  Add(out, "raft/read_probe_reply", peer);
  message->mutable_timeout_now();
  Add(out, "raft/timeout_now", peer);
}

void AddSnapshots(std::vector<Sample>* out) {
  proto::PeerMessage peer;
  proto::SnapshotMessage* message = peer.mutable_snapshot();
  message->set_shard(4);
  message->set_from(1);
  message->set_to(2);
  message->set_term(7);
  message->set_transfer(99);
  message->set_attempt(2);
  proto::SnapshotBegin* begin = message->mutable_begin();
  begin->set_base_index(30);
  begin->set_base_term(6);
  *begin->mutable_members() = SomeMembers();
  begin->add_files()->set_bytes(100);
  begin->set_creates(true);
  Add(out, "snapshot/begin", peer);
  message->mutable_chunk()->set_file(1);
  message->mutable_chunk()->set_offset(64);
  message->mutable_chunk()->set_data("bytes");
  message->mutable_chunk()->set_checksum(5);
  Add(out, "snapshot/chunk", peer);
  message->mutable_ack()->set_file(1);
  message->mutable_ack()->set_installed(true);
  message->mutable_ack()->set_refused("why");
  Add(out, "snapshot/ack", peer);
}

void AddPeers(std::vector<Sample>* out) {
  proto::PeerMessage peer;
  proto::Heartbeat* heartbeat = peer.mutable_heartbeat();
  heartbeat->set_sequence(3);
  heartbeat->set_promise_ms(200);
  heartbeat->set_list_version(4);
  heartbeat->set_has_list(true);
  heartbeat->add_leads()->set_shard(5);
  heartbeat->set_leaving(true);
  heartbeat->set_disk_room(1);
  Add(out, "peer/heartbeat", peer);
  proto::HeartbeatAck* ack = peer.mutable_heartbeat_ack();
  ack->set_sequence(3);
  ack->set_list_version(4);
  ack->set_needs_list(true);
  ack->add_named()->set_replica(7);
  ack->set_boot(5);
  Add(out, "peer/heartbeat_ack", peer);
  peer.mutable_creation_question();
  Add(out, "peer/creation_question", peer);
  peer.mutable_creation_answer()->set_empty(true);
  Add(out, "peer/creation_answer", peer);
  *peer.mutable_creation_record() = SomeRecord();
  Add(out, "peer/creation_record", peer);
  peer.mutable_orphan_question()->set_shard(4);
  peer.mutable_orphan_question()->set_replica(7);
  Add(out, "peer/orphan_question", peer);
  peer.mutable_orphan_answer()->set_replica(7);
  Add(out, "peer/orphan_answer", peer);
  peer.mutable_leave_question()->set_round(2);
  Add(out, "peer/leave_question", peer);
  peer.mutable_leave_answer()->set_needed_by(3);
  Add(out, "peer/leave_answer", peer);
  peer.mutable_meta_pulse()->set_term(4);
  peer.mutable_meta_pulse()->set_address("host:1");
  Add(out, "peer/meta_pulse", peer);
  proto::NodeReport* report = peer.mutable_node_report();
  report->set_term(4);
  report->set_sequence(6);
  proto::LedReport* led = report->add_led();
  led->set_shard(4);
  *led->mutable_members() = SomeMembers();
  led->add_followers()->set_caught_up(true);
  report->add_no_longer_led(8);
  Add(out, "peer/node_report", peer);
  proto::ShardOrder* order = peer.mutable_shard_order();
  order->set_shard(4);
  order->set_members_index(17);
  order->mutable_change()->add_voters(2);
  order->mutable_change()->add_learners()->set_incarnation(kId);
  Add(out, "peer/shard_order", peer);
  peer.mutable_map_question()->set_newer_than(5);
  Add(out, "peer/map_question", peer);
  peer.mutable_map_answer()->set_map(SomeMap().SerializeAsString());
  Add(out, "peer/map_answer", peer);
}

// What level 1, or a program that knows it, adds to messages and to what is on disk.

proto::Lineage SomeLineage() {
  proto::Lineage lineage;
  lineage.add_lives()->set_boot(4);
  lineage.add_lives()->set_nonce(77);
  lineage.set_refused_by(3);
  return lineage;
}

proto::Members EpochMembers() {
  proto::Members members = SomeMembers();
  members.set_format(1);
  members.set_epoch(7);
  return members;
}

proto::MapShard EpochShard() {
  proto::MapShard shard = SomeShard();
  shard.set_epoch(7);
  return shard;
}

void AddStarts(std::vector<Sample>* out) {
  proto::Hello hello;
  hello.set_dial(9);
  hello.set_release("0.2.0");
  hello.set_knows_level(1);
  hello.set_cluster_level(1);
  *hello.add_lives() = SomeLineage().lives(1);
  hello.set_cluster_release("0.2.0");
  Add(out, "hello/peer/1", hello);
  proto::HelloReply reply;
  reply.set_release("0.2.0");
  reply.set_knows_level(1);
  reply.set_cluster_level(1);
  reply.set_cluster_release("0.2.0");
  *reply.add_lives() = SomeLineage().lives(1);
  Add(out, "hello/reply/1", reply);
  proto::Identity identity;
  *identity.mutable_lineage() = SomeLineage();
  proto::SeenLife* seen = identity.add_seen();
  seen->set_node(3);
  seen->set_incarnation(kId);
  seen->mutable_life()->set_nonce(5);
  proto::SetAside* aside = identity.add_set_aside();
  aside->set_number(6);
  aside->set_incarnation(kId);
  aside->set_log_batches(99);
  identity.set_bringing_back(6);
  proto::ShardEpoch* epoch = identity.add_epochs();
  epoch->set_shard(4);
  epoch->set_epoch(7);
  proto::KeptData* kept = identity.add_kept();
  kept->set_shard(4);
  kept->set_generation(1);
  kept->set_replica(2);
  kept->set_epoch(6);
  kept->set_last_index(9);
  kept->set_last_term(5);
  Add(out, "identity/1", identity);
}

void AddRecovery(std::vector<Sample>* out) {
  proto::PeerMessage peer;
  proto::RaftMessage* message = peer.mutable_raft()->add_messages();
  message->mutable_timeout_now();
  message->set_epoch(7);
  Add(out, "raft/epoch/1", peer);
  peer.mutable_orphan_question()->set_epoch(7);
  Add(out, "peer/orphan_question/1", peer);
  peer.mutable_node_report()->add_void_shards(4);
  Add(out, "peer/node_report/1", peer);
  proto::EpochMessage* epoch = peer.mutable_epoch();
  epoch->set_shard(4);
  epoch->set_question(2);
  Add(out, "peer/epoch/question/1", peer);
  epoch->set_epoch(7);
  Add(out, "peer/epoch/epoch/1", peer);
  epoch->mutable_answer()->set_question(2);
  proto::ShardCopy* copy = epoch->mutable_answer()->mutable_copy();
  copy->set_node(3);
  copy->set_incarnation(kId);
  copy->set_replica(2);
  copy->set_term(5);
  copy->set_last_index(9);
  copy->set_last_term(5);
  copy->set_applied(8);
  *copy->mutable_members() = EpochMembers();
  copy->set_unsure(true);
  copy->set_damage("why");
  copy->set_has_primary(true);
  copy->set_known_epoch(8);
  copy->set_data_bytes(100);
  Add(out, "peer/epoch/answer/1", peer);
  Add(out, "meta/shard/1", EpochShard());

  proto::Request request;
  request.set_shard(4);
  request.mutable_recover_shard()->set_dry_run(true);
  request.mutable_recover_shard()->set_accept_loss(true);
  Add(out, "request/recover_shard/1", request);
  request.mutable_discard_void();
  Add(out, "request/discard_void/1", request);
  proto::Response response;
  proto::ShardRecovery* recovery = response.mutable_shard_recovery();
  *recovery->add_copies() = *copy;
  recovery->add_silent(1);
  recovery->set_newest(3);
  recovery->set_refused("why");
  recovery->set_epoch(7);
  recovery->set_replica(70000);
  recovery->set_term(1 << 20);
  recovery->set_index(std::uint64_t{1} << 33);
  recovery->set_unconfirmed(2);
  recovery->set_can_have_primary(true);
  Add(out, "response/shard_recovery/1", response);
  proto::MetaCluster cluster;
  cluster.set_feature_level(1);
  cluster.set_feature_release("0.2.0");
  Add(out, "meta/cluster/1", cluster);
  request.mutable_meta()->mutable_finalize_upgrade()->set_dry_run(true);
  Add(out, "request/meta/finalize_upgrade/1", request);
  response.mutable_void_discarded()->set_copies(2);
  Add(out, "response/void_discarded/1", response);
}

}  // namespace

std::vector<Sample> LevelZero() {
  std::vector<Sample> samples;
  AddDisk(&samples);
  AddStored(&samples);
  AddLog(&samples);
  AddFrames(&samples);
  AddClient(&samples);
  AddRaft(&samples);
  AddSnapshots(&samples);
  AddPeers(&samples);
  return samples;
}

std::vector<Sample> LevelOne() {
  std::vector<Sample> samples;
  raft::Members members = RawMembers();
  members.format = raft::MembersFormat::kNumbered;
  members.epoch = 7;
  AddMembers(&samples, "raft/members/1", members);
  wal::SegmentHeader header;
  header.incarnation = {1, 2};
  header.sequence = 3;
  header.first_batch = 4;
  header.segment_bytes = 65536;
  header.format = 3;
  AddSegmentHeader(&samples, "wal/segment_header/3", header);
  AddStarts(&samples);
  AddRecovery(&samples);
  return samples;
}

}  // namespace ringfort::golden
