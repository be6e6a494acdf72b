// Walks through the files of a log, batch by batch, and judges how it ends. Changes nothing.
// Recovery and the reader for `ringfortctl debug log` see the log through this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "ringfort/status.h"
#include "wal/file.h"
#include "wal/format.h"
#include "wal/synced_note.h"

namespace ringfort::wal {

/// Where a record lies.
struct RecordPlace {
  const SegmentHeader* segment = nullptr;
  const BatchHeader* batch = nullptr;
  std::uint64_t batch_offset = 0;
  std::uint64_t offset = 0;
  /// In the first batch that is there.
  bool seeding = false;
};

class ScanVisitor {
 public:
  virtual ~ScanVisitor() = default;
  /// A segment whose header is good.
  virtual void OnSegment(const SegmentHeader& header, const std::string& path) = 0;
  /// A record of a batch that counts. An error makes the log damaged at this place, but for
  /// kUnsupported: that ends the scan.
  virtual Status OnRecord(const RecordPlace& place, const Record& record) = 0;
};

enum class Verdict : std::uint8_t {
  kEmpty,    ///< No segment, and none is missing.
  kClean,    ///< It ends where the last write ended.
  kTorn,     ///< Its last write is there in part, and is not known to have been synced.
  kDamaged,  ///< It does not hold what was synced.
};
std::string_view VerdictName(Verdict verdict);

struct ScanResult {
  Verdict verdict = Verdict::kEmpty;
  /// The place of the end, tear or damage.
  std::string path;
  std::uint64_t offset = 0;
  /// Torn or damaged: what was found there and what was expected.
  std::string what;
  /// The segments that were walked through, in order.
  std::vector<SegmentHeader> segments;
  /// The number after that of the last batch that counts.
  std::uint64_t next_batch = 1;
  /// None when there is no side file.
  std::optional<Note> note;

  /// Of a damaged log: kCorruption with place, reason and what to do.
  [[nodiscard]] Status DamageStatus() const;
};

/// Rules: protocols 4. With an incarnation, a log of another one is kWrongCluster. Errors are for
/// what kept the log from being looked at, kUnsupported for what a newer release wrote; damage is a
/// verdict.
Result<ScanResult> ScanLog(Directory& directory, std::optional<Incarnation> incarnation,
                           ScanVisitor& visitor);

}  // namespace ringfort::wal
