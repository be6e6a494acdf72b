#include "tools/bench/ledger.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace ringfort::bench {
namespace {

constexpr std::string_view kHeading = "ringfort ledger: key acked acked_version unknown";

/// The number of the write that put `value` under `key`; none when no write of that key puts it.
std::optional<std::uint64_t> NumberOf(std::string_view key, std::string_view value) {
  if (!value.starts_with(key)) return std::nullopt;
  std::istringstream rest{std::string(value.substr(key.size()))};
  std::uint64_t number = 0;
  // Writing it again is the check: what follows the number must be right as well.
  if (!(rest >> number) || LedgerValue(key, number) != value) return std::nullopt;
  return number;
}

Status FileError(const std::string& path, std::string_view doing) {
  return {Code::kIoError, path + " cannot be " + std::string(doing) + ": " + std::strerror(errno) +
                              " (name another file with --file)"};
}

}  // namespace

std::string LedgerValue(std::string_view key, std::uint64_t number) {
  return std::string(key) + " " + std::to_string(number);
}

std::string_view FindingName(Finding finding) {
  switch (finding) {
    case Finding::kRight: return "right";
    case Finding::kLost: return "lost";
    case Finding::kStale: return "stale";
    case Finding::kPhantom: return "phantom";
    case Finding::kRepeated: return "repeated";
  }
  return "unknown";
}

Finding Judge(const LedgerKey& account, const std::optional<Found>& found) {
  if (!found) return account.acked == 0 ? Finding::kRight : Finding::kLost;
  const std::optional<std::uint64_t> number = NumberOf(account.key, found->value);
  if (!number || *number == 0) return Finding::kPhantom;
  if (*number == account.acked) {
    const bool same = account.acked_version == 0 || found->version == account.acked_version;
    return same ? Finding::kRight : Finding::kRepeated;
  }
  if (*number == account.unknown) return Finding::kRight;
  return *number < account.acked ? Finding::kStale : Finding::kPhantom;
}

void Note(LedgerKey* account, std::uint64_t number, const Result<Version>& answer) {
  const Effect effect = answer.ok() ? Effect::kApplied : answer.status().effect();
  if (effect == Effect::kApplied) {
    account->acked = number;
    account->acked_version = answer.ok() ? *answer : 0;
  }
  if (effect == Effect::kUnknown) account->unknown = number;
}

Status WriteLedger(const std::string& path, const std::vector<LedgerKey>& keys) {
  const std::string partial = path + ".partial";
  std::ofstream file(partial);
  file << kHeading << "\n";
  for (const LedgerKey& key : keys) {
    file << key.key << " " << key.acked << " " << key.acked_version << " " << key.unknown << "\n";
  }
  file.close();
  if (!file) return FileError(partial, "written");
  if (std::rename(partial.c_str(), path.c_str()) != 0) return FileError(partial, "renamed");
  return Status::Ok();
}

Result<std::vector<LedgerKey>> ReadLedger(const std::string& path) {
  std::ifstream file(path);
  if (!file) return FileError(path, "read");
  std::string line;
  std::vector<LedgerKey> keys;
  const auto wrong = [&path](std::uint64_t number) {
    return Status(Code::kCorruption,
                  path + " line " + std::to_string(number) +
                      " is none of a ledger (write one: ringfort-bench ledger --file=" + path +
                      ")");
  };
  if (!std::getline(file, line) || line != kHeading) return wrong(1);
  for (std::uint64_t number = 2; std::getline(file, line); ++number) {
    std::istringstream words(line);
    LedgerKey& key = keys.emplace_back();
    std::string rest;
    if (!(words >> key.key >> key.acked >> key.acked_version >> key.unknown) || words >> rest) {
      return wrong(number);
    }
  }
  if (file.bad()) return FileError(path, "read");
  return keys;
}

}  // namespace ringfort::bench
