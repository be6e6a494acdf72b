// A scan whose visitor makes lines, and keeps the state to judge the whole.
#include "wal/log_reader.h"

#include <optional>
#include <utility>

#include "raft/members.h"
#include "wal/log_state.h"

namespace ringfort::wal {
namespace {

std::string_view KindName(raft::EntryKind kind) {
  switch (kind) {
    case raft::EntryKind::kNoop: return "noop";
    case raft::EntryKind::kCommand: return "command";
    case raft::EntryKind::kMembers: return "members";
  }
  return "unknown";
}

std::string Field(std::string_view name, std::uint64_t value) {
  return " " + std::string(name) + "=" + std::to_string(value);
}

void FillFromPayload(const Record& record, LogLine* line) {
  line->base = {record.index, record.term, {}};
  if (record.type == RecordType::kHardState) {
    if (auto hard_state = DecodeHardState(record)) line->hard_state = *hard_state;
  } else if (record.type == RecordType::kBase) {
    if (auto payload = DecodeBasePayload(record.payload); payload.ok()) {
      line->base.members = std::move(payload->members);
      line->generation = payload->generation;
    }
  } else if (record.type == RecordType::kCut) {
    if (auto members = raft::DecodeMembers(record.payload); members.ok()) {
      line->base.members = *std::move(members);
    }
  } else if (record.type == RecordType::kState) {
    if (auto payload = DecodeStatePayload(record); payload.ok()) {
      line->hard_state = payload->hard_state;
      line->base = std::move(payload->base);
      line->generation = payload->generation;
    }
  }
}

class Listing final : public ScanVisitor {
 public:
  explicit Listing(const std::function<void(const LogLine&)>& line) : line_(line) {}

  void OnSegment(const SegmentHeader& /*header*/, const std::string& /*path*/) override {}
  Status OnRecord(const RecordPlace& place, const Record& record) override {
    LogLine line;
    line.format = place.segment->format;
    line.segment = place.segment->sequence;
    line.offset = place.offset;
    line.batch = place.batch->number;
    line.type = record.type;
    line.shard = record.shard;
    line.term = record.term;
    line.index = record.index;
    line.kind = record.kind;
    line.payload_bytes = record.payload.size();
    FillFromPayload(record, &line);
    line_(line);
    return state.Apply(record, place.segment->sequence, place.offset, place.seeding);
  }

  LogState state;

 private:
  const std::function<void(const LogLine&)>& line_;
};

}  // namespace

std::string LogLine::ToString() const {
  std::string text = "segment=" + std::to_string(segment);
  text += Field("offset", offset) + Field("batch", batch) + " ";
  text += RecordTypeName(type);
  text += Field("shard", shard.value()) + Field("term", term.value());
  if (type != RecordType::kHardState) text += Field("index", index.value());
  if (type == RecordType::kEntry) {
    text += " kind=" + std::string(KindName(kind)) + Field("bytes", payload_bytes);
  }
  if (type == RecordType::kHardState || type == RecordType::kState) {
    text += Field("vote", hard_state.vote.value());
    text += Field("replica", hard_state.self.value());
    if (hard_state.unsure) text += " unsure";
  }
  if (type == RecordType::kState) {
    text += Field("base_index", base.index.value()) + Field("base_term", base.term.value());
  }
  if (type == RecordType::kState || type == RecordType::kBase) {
    text += Field("generation", generation.value());
  }
  if (type == RecordType::kState || type == RecordType::kBase || type == RecordType::kCut) {
    text += Field("voters", base.members.voters.size());
    text += Field("outgoing", base.members.outgoing.size());
    text += Field("learners", base.members.learners.size());
  }
  return text;
}

Result<ScanResult> ReadLog(const std::string& dir,
                           const std::function<void(const LogLine&)>& line) {
  const Result<std::shared_ptr<Directory>> directory = Directory::Open(dir);
  if (!directory.ok()) return directory.status();
  Listing listing(line);
  Result<ScanResult> result = ScanLog(**directory, std::nullopt, listing);
  if (!result.ok() || result->verdict == Verdict::kDamaged) return result;
  if (const Status complete = listing.state.CheckComplete(); !complete.ok()) {
    result->verdict = Verdict::kDamaged;
    result->what = complete.message();
  }
  return result;
}

std::string DescribeEnd(const ScanResult& result) {
  std::string text(VerdictName(result.verdict));
  if (result.verdict == Verdict::kEmpty) return text + ": there is no segment";
  text += ": " + result.path;
  if (result.verdict == Verdict::kClean) {
    return text + " ends at byte " + std::to_string(result.offset) + " after batch " +
           std::to_string(result.next_batch - 1);
  }
  return text + " at byte " + std::to_string(result.offset) + ": " + result.what;
}

}  // namespace ringfort::wal
