#include "server/bring_back.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "rocks/rocks_store.h"
#include "server/data_dir.h"
#include "server/store_presence.h"
#include "wal/file.h"
#include "wal/identity_file.h"
#include "wal/log_state.h"
#include "wal/scan.h"
#include "wire/id_codec.h"

namespace ringfort::server {
namespace {

Status WouldNotHelp(const std::string& what, const std::string& todo) {
  return {Code::kConditionFailed, "--bring_back: " + what + " (" + todo + ")"};
}

class Replay final : public wal::ScanVisitor {
 public:
  void OnSegment(const wal::SegmentHeader& /*header*/, const std::string& /*path*/) override {}
  Status OnRecord(const wal::RecordPlace& place, const wal::Record& record) override {
    return state.Apply(record, place.segment->sequence, place.offset, place.seeding);
  }
  [[nodiscard]] std::size_t replicas() const {
    const std::vector<ShardId> shards = state.shards();
    return static_cast<std::size_t>(std::ranges::count_if(shards, [this](ShardId shard) {
      return state.Find(shard)->generation() != storage::Generation();
    }));
  }

  wal::LogState state;
};

struct LogLook {
  std::size_t replicas = 0;
  std::uint64_t batches = 0;
};

/// What a log holds; kCorruption where it is damaged. Changes nothing.
Result<LogLook> LookAtLog(const std::string& dir, std::optional<Incarnation> incarnation) {
  const auto directory = wal::Directory::Open(dir);
  if (!directory.ok()) return directory.status();
  Replay replay;
  const Result<wal::ScanResult> scan = wal::ScanLog(**directory, incarnation, replay);
  if (!scan.ok()) return scan.status();
  if (scan->verdict == wal::Verdict::kDamaged) return scan->DamageStatus();
  if (Status complete = replay.state.CheckComplete(); !complete.ok()) return complete;
  return LogLook{replay.replicas(), scan->next_batch - 1};
}

/// One of the two stores: where it is to stand, and what becomes of it.
struct Step {
  StoreKind kind = StoreKind::kLog;
  std::string place;
  std::string aside;
  std::string replaced;
  /// The quarantined one is there; otherwise what stands in its place stays.
  bool moves = false;

  [[nodiscard]] const std::string& source() const { return moves ? aside : place; }
};

Result<Step> PlanStep(StoreKind kind, const std::string& place, std::uint64_t number) {
  Step step{kind, place, DataDir::AsideOf(place, number),
            place + ".replaced-" + std::to_string(number), false};
  const Result<std::string> aside_absent = WhyAbsent(step.aside, kind);
  if (!aside_absent.ok()) return aside_absent.status();
  step.moves = aside_absent->empty();
  if (step.moves) return step;
  const Result<std::string> absent = WhyAbsent(place, kind);
  if (!absent.ok()) return absent.status();
  if (absent->empty()) return step;
  return WouldNotHelp(step.aside + " " + *aside_absent + ", and " + place + " " + *absent,
                      "mount the disk that is missing, or bring the directory back");
}

/// Nothing that the node has been given since is thrown away.
Status CheckReplaceable(const Step& step) {
  if (!step.moves) return Status::Ok();
  const Result<std::string> absent = WhyAbsent(step.place, step.kind);
  if (!absent.ok() || !absent->empty()) return absent.status();
  std::size_t replicas = 0;
  if (step.kind == StoreKind::kLog) {
    const Result<LogLook> now = LookAtLog(step.place, std::nullopt);
    if (!now.ok()) return now.status();
    replicas = now->replicas;
  } else {
    const auto shards = rocks::RocksStore::ListIn(step.place);
    if (!shards.ok()) return shards.status();
    replicas = shards->size();
  }
  if (replicas == 0) return Status::Ok();
  return WouldNotHelp(step.place + " holds " + std::to_string(replicas) +
                          " replicas again: the other nodes have replaced those that were lost, so "
                          "the old ones count for nothing",
                      "start the node as it is");
}

class Bringing {
 public:
  Bringing(std::unique_ptr<DataDir> dir, std::uint64_t number)
      : dir_(std::move(dir)), number_(number), identity_(dir_->identity()) {}

  Status Plan() {
    for (const auto& [kind, place] : {std::pair(StoreKind::kLog, dir_->log_dir()),
                                      std::pair(StoreKind::kData, dir_->data_dir())}) {
      Result<Step> step = PlanStep(kind, place, number_);
      if (!step.ok()) return step.status();
      steps_.push_back(*std::move(step));
    }
    const bool begun = identity_.bringing_back() == number_;
    const bool any = steps_[0].moves || steps_[1].moves;
    if (!any && !begun) {
      return WouldNotHelp(
          "there are no quarantined stores of number " + std::to_string(number_) + " in " +
              dir_->path(),
          "ringfortctl doctor names the number, as do the names of the directories");
    }
    for (const Step& step : steps_) {
      if (Status status = CheckReplaceable(step); !status.ok()) return status;
    }
    TakeEntry();
    return CheckLog();
  }

  Status Carry() {
    proto::Identity noted = dir_->identity();
    noted.set_bringing_back(number_);
    if (Status status = dir_->Replace(noted); !status.ok()) return status;
    for (const Step& step : steps_) {
      if (!step.moves) continue;
      std::error_code error;
      if (std::filesystem::exists(std::filesystem::symlink_status(step.place))) {
        std::filesystem::rename(step.place, step.replaced, error);
      }
      if (!error) std::filesystem::rename(step.aside, step.place, error);
      if (error) {
        return {Code::kIoError, step.aside + ": " + error.message() + " (move it to " + step.place +
                                    " yourself, and call this again)"};
      }
    }
    return dir_->Replace(identity_);
  }

  [[nodiscard]] std::string Report(bool done) const {
    std::string text;
    for (const Step& step : steps_) {
      text += step.moves ? step.aside + (done ? " was" : " would be") + " put back as " + step.place
                         : step.place + (done ? " stays" : " would stay") + " as it is";
      text += "\n";
    }
    return text + std::to_string(replicas_) + " replicas" +
           (done ? " are there again: start the node\n"
                 : " would be there again; nothing was changed\n");
  }

 private:
  /// What the identity has to say once the stores are back. A release before this one kept no
  /// entry, and the incarnation.
  void TakeEntry() {
    auto* entries = identity_.mutable_set_aside();
    identity_.set_log_batches(0);
    for (int i = 0; i < entries->size(); ++i) {
      const proto::SetAside entry = entries->Get(i);
      if (entry.number() != number_) continue;
      identity_.set_log_batches(entry.log_batches());
      if (!entry.incarnation().empty()) {
        identity_.set_incarnation(entry.incarnation());
        *identity_.mutable_lineage() = entry.lineage();
      }
      entries->DeleteSubrange(i, 1);
      break;
    }
    identity_.clear_setting_aside();
    identity_.clear_bringing_back();
  }

  Status CheckLog() {
    const auto incarnation = wire::DecodeId<Incarnation>(identity_.incarnation(), "an incarnation");
    if (!incarnation.ok()) return incarnation.status();
    const std::string& log = steps_[0].source();
    const Result<LogLook> look = LookAtLog(log, *incarnation);
    if (look.status().code() == Code::kCorruption) {
      return WouldNotHelp(
          "the log would only be quarantined again: " + look.status().message(),
          "if a majority is lost for good: ringfortctl recover --all-lost begins its shards "
          "anew from the copies that are left");
    }
    if (look.status().code() == Code::kWrongCluster) {
      return WouldNotHelp(log + " is not the log of these data: " + look.status().message(),
                          "mount the disk of the log that is missing, or bring it back");
    }
    if (!look.ok()) return look.status();
    if (look->replicas == 0 || look->batches < identity_.log_batches()) {
      return WouldNotHelp(log + (look->replicas == 0 ? " holds no replica" : " is an old copy"),
                          "bring the log back as it was");
    }
    replicas_ = look->replicas;
    return Status::Ok();
  }

  const std::unique_ptr<DataDir> dir_;
  const std::uint64_t number_;
  /// As it will be.
  proto::Identity identity_;
  std::vector<Step> steps_;
  std::size_t replicas_ = 0;
};

}  // namespace

Result<std::string> BringBack(const std::string& data_dir, std::uint64_t number, bool dry_run) {
  auto dir = DataDir::OpenStopped(data_dir);
  if (!dir.ok()) return dir.status();
  Bringing bringing(*std::move(dir), number);
  if (Status status = bringing.Plan(); !status.ok()) return status;
  if (dry_run) return bringing.Report(/*done=*/false);
  if (Status status = bringing.Carry(); !status.ok()) return status;
  return bringing.Report(/*done=*/true);
}

Result<std::string> AcceptOldCopies(const std::string& data_dir, bool dry_run) {
  auto dir = DataDir::OpenStopped(data_dir);
  if (!dir.ok()) return dir.status();
  proto::Identity identity = (*dir)->identity();
  const std::string what = std::to_string(identity.seen_size()) + " starts of other nodes";
  if (dry_run) return what + " would be forgotten; nothing was changed\n";
  identity.clear_seen();
  if (Status status = (*dir)->Replace(identity); !status.ok()) return status;
  return what + " are forgotten: start the node\n";
}

}  // namespace ringfort::server
