// A snapshot in place of damaged data, under a log that stays (protocols 6). Before it counts, what
// the log has above it is applied to it, as far as it is committed: then one batch of the log names
// the new data, begins at what they hold, and repeats the few entries above.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "replica/replica.h"

namespace ringfort::replica {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
// More is not repeated in one batch of the log: it is applied first, once it is committed.
constexpr std::size_t kRepeatedBytesMax = std::size_t{16} << 20;

}  // namespace

bool Replica::KeepsLog(const Import& import) const {
  return !damage_.empty() &&
         raft_.log().TermAt(import.base.index) == std::optional<Term>(import.base.term);
}

/// What is done in the pool between a snapshot that is open and data that count.
struct Replica::Repair {
  std::shared_ptr<Import> import;
  LogIndex committed;
  LogIndex end;

  std::vector<raft::Entry> above;
  Status log_status;
  Status status;

  void Run(storage::LogStore* log, ShardId shard) {
    status = Apply(log, shard);
    if (status.ok()) status = import->data->Flush();
    if (status.ok()) status = ReadAbove(log, shard);
  }
  Status Apply(storage::LogStore* log, ShardId shard) {
    StateMachine& machine = *import->machine;
    while (machine.applied().index < committed) {
      const auto entries = log->Read(shard, machine.applied().index + 1, committed, kPieceBytes);
      if (!entries.ok()) return log_status = entries.status();
      const auto applied = machine.Apply(*entries, /*may_wait=*/true);
      if (!applied.ok()) return applied.status();
      machine.TakeCursor().reset();  // A sum is made of what counts, not of what will.
    }
    return {};
  }
  Status ReadAbove(storage::LogStore* log, ShardId shard) {
    std::size_t bytes = 0;
    for (LogIndex next = import->machine->applied().index + 1; next <= end;) {
      auto entries = log->Read(shard, next, end, kPieceBytes);
      if (!entries.ok()) return log_status = entries.status();
      for (raft::Entry& entry : *entries) {
        bytes += entry.size_bytes();
        next = entry.index + 1;
        above.push_back(std::move(entry));
      }
      if (bytes > kRepeatedBytesMax) {
        return {Code::kUnavailable,
                "too much of the log is not committed to be repeated (it is tried again)"};
      }
    }
    return {};
  }
};

void Replica::StartRepair() {
  if (repairs_in_pool_) return;
  repairs_in_pool_ = true;
  auto repair = std::make_shared<Repair>();
  repair->import = import_;
  repair->committed = raft_.applicable();
  repair->end = raft_.durable();
  InPool([repair, log = log_, shard = shard_] { repair->Run(log, shard); },
         [this, self = shared_from_this(), repair] {
           repairs_in_pool_ = false;
           if (!stopped_) FinishRepair(*repair);
         },
         Pool::kWholeShards);
}

void Replica::FinishRepair(Repair& repair) {
  // A log that cannot be read must stop, and is found out at its next start (protocols 4). A suffix
  // that was replaced meanwhile is not there any more.
  const Code log_code = repair.log_status.code();
  if (log_code != Code::kOk && log_code != Code::kNotFound) {
    return host_->OnFatal(Status(Code::kIoError, repair.log_status.message()));
  }
  if (log_code == Code::kNotFound) return host_->Wake(this);  // Again, by a tick.
  // A newer release wrote it: nothing is applied before it is understood.
  if (repair.status.code() == Code::kUnsupported) return host_->OnFatal(repair.status);
  if (!repair.status.ok()) return DropImport(repair.status);
  if (applying_in_pool_) return;  // Again, when that has ended.
  std::shared_ptr<Import> import = import_;
  import->base = {import->machine->applied().index, import->machine->applied().term, {}};
  if (!CanInstall(*import)) return DropImport(Status::Ok());
  const raft::Log& log = raft_.log();
  import->base.members = log.MembersAt(import->base.index);
  std::vector<raft::Entry>& above = repair.above;
  const LogIndex read_to = import->base.index + above.size();
  if (read_to < log.last_index()) {
    auto newer = log.Cached(read_to + 1, log.last_index(), std::numeric_limits<std::size_t>::max());
    std::move(newer.begin(), newer.end(), std::back_inserter(above));
  }
  const bool agree = std::ranges::all_of(above, [&](const raft::Entry& entry) {
    return log.TermAt(entry.index) == std::optional<Term>(entry.term);
  });
  if (!agree || import->base.index + above.size() != log.last_index()) {
    return host_->Wake(this);  // The log went on, or another way: again, by a tick.
  }
  import_.reset();
  Install(*import, std::move(above));
}

}  // namespace ringfort::replica
