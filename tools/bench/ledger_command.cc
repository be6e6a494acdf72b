#include "tools/bench/ledger_command.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/ledger.h"
#include "tools/bench/ledger_writer.h"
#include "tools/cli/cluster_flags.h"
#include "tools/cli/errors.h"
#include "tools/cli/numbers.h"

namespace ringfort::bench {
namespace {

constexpr std::size_t kViolationsShown = 20;
constexpr std::size_t kReadsAtOnce = 256;

/// What has been counted so far, over writing and checking.
struct Account {
  std::vector<LedgerKey> keys;
  std::uint64_t acked = 0;
  std::uint64_t unknown = 0;
  std::uint64_t refused = 0;
  std::uint64_t checked = 0;
  /// Keys whose final read failed: nothing is known of them.
  std::uint64_t unread = 0;
  ErrorCounts errors;
  std::vector<std::string> violations;
};

std::string RandomName() {
  std::random_device device;
  return std::to_string((std::uint64_t{device()} << 32) | device());
}

Status Write(const cli::CommandLine& line, Account* account) {
  const std::string run = "ledger/" + RandomName() + "/";
  std::vector<std::unique_ptr<LedgerWriter>> writers;
  for (std::uint64_t i = 0; i < line.Number("clients"); ++i) {
    Result<Client> client = Client::Connect(cli::OptionsOf(line));
    if (!client.ok()) return client.status();
    writers.push_back(std::make_unique<LedgerWriter>(
        std::move(client).value(), run + std::to_string(i) + "/", line.Number("seed") + i));
  }
  const auto end = std::chrono::steady_clock::now() + line.Duration("seconds");
  std::vector<std::thread> threads;
  for (const auto& writer : writers) threads.emplace_back([&writer, end] { writer->Run(end); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& writer : writers) {
    account->keys.insert(account->keys.end(), writer->accounts().begin(), writer->accounts().end());
    account->acked += writer->acked();
    account->unknown += writer->unknown();
    account->refused += writer->refused();
    for (const auto& [kind, count] : writer->errors()) account->errors[kind] += count;
    account->violations.insert(account->violations.end(), writer->violations().begin(),
                               writer->violations().end());
  }
  return Status::Ok();
}

void CheckOne(const LedgerKey& key, Result<Found> answer, Account* account) {
  std::optional<Found> found;
  if (answer.ok()) {
    found = std::move(answer).value();
  } else if (answer.status().code() != Code::kNotFound) {
    ++account->unread;
    Count(&account->errors, answer.status());
    return;
  }
  ++account->checked;
  const Finding finding = Judge(key, found);
  if (finding != Finding::kRight) {
    account->violations.push_back(key.key + ": " + std::string(FindingName(finding)));
  }
}

/// Reads every key and judges it.
void Check(Client& client, Account* account) {
  for (std::size_t first = 0; first < account->keys.size(); first += kReadsAtOnce) {
    const std::size_t last = std::min(first + kReadsAtOnce, account->keys.size());
    std::vector<Key> keys;
    for (std::size_t i = first; i < last; ++i) keys.emplace_back(account->keys[i].key);
    std::vector<Result<Found>> answers = client.MultiGet(keys);
    for (std::size_t i = first; i < last; ++i) {
      CheckOne(account->keys[i], std::move(answers[i - first]), account);
    }
  }
}

void PrintJson(const Account& account) {
  nlohmann::ordered_json json = {{"keys", account.keys.size()},
                                 {"acknowledged", account.acked},
                                 {"unknown", account.unknown},
                                 {"refused", account.refused},
                                 {"checked", account.checked},
                                 {"unread", account.unread},
                                 {"errors", nlohmann::ordered_json::object()},
                                 {"violations", account.violations}};
  for (const auto& [kind, count] : account.errors) json["errors"][kind] = count;
  std::cout << json.dump(2) << "\n";
}

void PrintText(const Account& account) {
  std::cout << cli::CountText(account.keys.size()) << " keys; writes acknowledged "
            << cli::CountText(account.acked) << ", unknown " << cli::CountText(account.unknown)
            << ", refused " << cli::CountText(account.refused) << "; keys checked "
            << cli::CountText(account.checked) << ", not readable "
            << cli::CountText(account.unread) << "\nerrors: " << ErrorText(account.errors)
            << "\nviolations: " << account.violations.size() << "\n";
}

int End(const cli::CommandLine& line, const Account& account) {
  if (line.Text("format") == "json") {
    PrintJson(account);
  } else {
    PrintText(account);
  }
  for (std::size_t i = 0; i < std::min(account.violations.size(), kViolationsShown); ++i) {
    std::cerr << account.violations[i] << "\n";
  }
  if (!account.violations.empty()) {
    return cli::Fail(
        std::cerr, line.command(),
        {Code::kCorruption, std::to_string(account.violations.size()) +
                                " promises are broken (a bug in Ringfort: keep the nodes'"
                                " data and logs, and report it)"});
  }
  if (account.unread == 0) return cli::kDone;
  return cli::Fail(
      std::cerr, line.command(),
      {Code::kUnavailable, std::to_string(account.unread) +
                               " keys could not be read: " + ErrorText(account.errors) +
                               " (look at ringfortctl status,"
                               " then run ledger-check again)"});
}

}  // namespace

int RunLedger(const cli::CommandLine& line) {
  Account account;
  if (Status status = Write(line, &account); !status.ok()) {
    return cli::Fail(std::cerr, "ledger", status);
  }
  if (line.Has("file")) {
    const Status written = WriteLedger(line.Text("file"), account.keys);
    if (!written.ok()) return cli::Fail(std::cerr, "ledger", written);
  }
  if (line.Switch("final-check")) {
    Result<Client> client = Client::Connect(cli::OptionsOf(line));
    if (!client.ok()) return cli::Fail(std::cerr, "ledger: final check", client.status());
    Check(*client, &account);
  }
  return End(line, account);
}

int RunLedgerCheck(const cli::CommandLine& line) {
  Account account;
  Result<std::vector<LedgerKey>> keys = ReadLedger(line.Text("file"));
  if (!keys.ok()) return cli::Fail(std::cerr, "ledger-check", keys.status());
  account.keys = std::move(keys).value();
  Result<Client> client = Client::Connect(cli::OptionsOf(line));
  if (!client.ok()) return cli::Fail(std::cerr, "ledger-check", client.status());
  Check(*client, &account);
  return End(line, account);
}

}  // namespace ringfort::bench
