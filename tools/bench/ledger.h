// The account of what a client was promised: every key with its newest acknowledged write, and the
// judgement of what a read finds there. Pure, but for the file.
//
// A key has one writer, which writes 1, 2, 3, ... and stops writing the key for good after a write
// of unknown effect: such a write may still happen at any later time, and would otherwise hide what
// is lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ringfort/client.h"
#include "ringfort/status.h"

namespace ringfort::bench {

struct LedgerKey {
  std::string key;
  /// The newest acknowledged write; 0 none.
  std::uint64_t acked = 0;
  /// Of that write; 0 where the answer did not bring it.
  Version acked_version = 0;
  /// The write that may or may not have happened; always the last one. 0 none.
  std::uint64_t unknown = 0;

  bool operator==(const LedgerKey&) const = default;
};

/// What write `number` of a key puts there: no two writes put the same.
std::string LedgerValue(std::string_view key, std::uint64_t number);

enum class Finding : std::uint8_t {
  kRight,
  kLost,      ///< An acknowledged write, and nothing is there.
  kStale,     ///< An older write than the newest acknowledged one.
  kPhantom,   ///< A write that was refused, or a value that was never written to this key.
  kRepeated,  ///< The newest acknowledged write, but at another version: it happened twice.
};
std::string_view FindingName(Finding finding);

/// `found`: what a linearizable read found after the account was closed; none: no entry.
Finding Judge(const LedgerKey& account, const std::optional<Found>& found);

/// Puts the answer of write `number` down.
void Note(LedgerKey* account, std::uint64_t number, const Result<Version>& answer);

/// One line a key, readable by people; written to FILE.partial and renamed.
Status WriteLedger(const std::string& path, const std::vector<LedgerKey>& keys);
/// kCorruption names the line that is none.
Result<std::vector<LedgerKey>> ReadLedger(const std::string& path);

}  // namespace ringfort::bench
