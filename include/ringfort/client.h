// The client of a Ringfort cluster: connect, get, put, delete, scan.
//
//   #include <ringfort/client.h>
//
//   ringfort::Result<ringfort::Client> client =
//       ringfort::Client::Connect({.seeds = {"10.0.0.1:7101", "10.0.0.2:7101"}});
//   if (!client.ok()) return Fail(client.status().ToString());
//
//   ringfort::Result<ringfort::Version> put = client->Put({"user:17", "name"}, "Ada");
//   if (!put.ok()) return Fail(put.status().ToString());
//   ringfort::Result<ringfort::Found> found = client->Get({"user:17", "name"});
//   if (found.ok()) Use(found->value, found->version);
//
//   // Only if nobody wrote in between; else kConditionFailed:
//   put = client->Put({"user:17", "name"}, "Ada L.", {.if_version = *put});
//
//   // All sort keys of a shard key, page by page:
//   std::optional<ringfort::ScanRange> rest = ringfort::ScanRange{.prefix = "order/"};
//   while (rest) {
//     auto page = client->Scan("user:17", *rest);
//     if (!page.ok()) return Fail(page.status().ToString());
//     for (const ringfort::ScanEntry& entry : page->entries) Use(entry.key.sort_key, entry.value);
//     rest = page->rest;
//   }
//
// Limits (ringfort/limits.h): shard key 1 to 1,024 bytes, sort key up to 7,168, value up to 8 MiB.
// Any bytes are allowed. What is over a limit is refused here, before anything is sent.
//
// Errors: every call says by Status what happened; Status::effect() of a failed write says whether
// the write happened. Writes are exactly-once: what the client retries by itself is never applied
// twice. A call returns at its timeout at the latest, whatever the cluster does.
//
// Threads: a Client may be used from any number of threads at once. It owns one thread, which
// sends, receives and runs the callbacks of Async calls. The library logs nothing and has no
// globals or flags.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ringfort/limits.h"
#include "ringfort/status.h"

namespace ringfort {

// ringfort/admin.h
struct ClusterStateView;
struct ClusterView;
struct EventView;
struct NodeChange;
struct NodeStatusView;
struct FeatureView;
struct ShardRecoveryView;
struct PlanView;
enum class RebalanceAction : std::uint8_t;

/// The shard key alone decides which nodes hold the entry; the sort key orders the entries of one
/// shard key. A plain string is a shard key with an empty sort key.
struct Key {
  Key() = default;
  Key(std::string shard) : shard_key(std::move(shard)) {}  // NOLINT: implicit on purpose
  Key(std::string_view shard) : shard_key(shard) {}        // NOLINT: implicit on purpose
  Key(const char* shard) : shard_key(shard) {}             // NOLINT: implicit on purpose
  Key(std::string shard, std::string sort)
      : shard_key(std::move(shard)), sort_key(std::move(sort)) {}

  std::string shard_key;
  std::string sort_key;

  auto operator<=>(const Key&) const = default;
};

/// Of an entry: the log index of its last write in its shard. Only grows; 0 is never one.
using Version = std::uint64_t;

struct Found {
  std::string value;
  Version version = 0;
};

enum class Consistency : std::uint8_t {
  kLinearizable,  ///< Sees every write that was acknowledged before the read began.
  kAnyReplica,    ///< From any replica: may be old, works while the shard has no primary.
};

/// In every call's options: 0 stands for ClientOptions::timeout. At most one day.
using Timeout = std::chrono::milliseconds;

struct GetOptions {
  Timeout timeout{0};
  Consistency consistency = Consistency::kLinearizable;
};

struct PutOptions {
  Timeout timeout{0};
  /// Only if there is no entry; else kConditionFailed. Not together with `if_version`.
  bool if_absent = false;
  /// Only if the entry's version is this one; else kConditionFailed.
  std::optional<Version> if_version = std::nullopt;
};

struct DeleteOptions {
  Timeout timeout{0};
  /// Only if the entry's version is this one; else kConditionFailed.
  std::optional<Version> if_version = std::nullopt;
};

/// Which sort keys of a shard key. All given bounds hold together; the default is all of them.
struct ScanRange {
  std::string begin = {};                         ///< Inclusive.
  std::optional<std::string> end = std::nullopt;  ///< Exclusive; none: to the last.
  std::string prefix = {};                        ///< Only sort keys that begin so.
  bool reverse = false;                           ///< From the end to the beginning.
};

struct ScanOptions {
  Timeout timeout{0};
  Consistency consistency = Consistency::kLinearizable;
  /// At most so many entries in the page (at least 1). A page also ends near 1 MiB.
  std::uint32_t limit = 1000;
  /// With kAnyReplica in ScanAll: only the replica on that node is asked, once; 0: any. kNotPrimary
  /// where it has none that may answer.
  std::uint32_t node = 0;
};

struct ScanEntry {
  Key key;
  std::string value;
  Version version = 0;
};

struct ScanPage {
  std::vector<ScanEntry> entries;
  /// What is left of the range: scan it for the next page. None: that was all. Each page is a
  /// consistent view of one moment; the pages together are not.
  std::optional<ScanRange> rest;
};

struct ScanAllPage {
  /// In the order of shards, and inside a shard in the order of its store. May be empty while
  /// `more`.
  std::vector<ScanEntry> entries;
  /// Give it to the next ScanAll. Printable text without spaces, good for this cluster for ever.
  std::string resume;
  bool more = false;
};

/// Where ScanAll stands before the first entry of `shard`, in a cluster of `shards` shards: a shard
/// is done when a page's `resume` is that of the next.
std::string ScanAllPosition(std::uint32_t shard, std::uint32_t shards);

struct CallOptions {
  Timeout timeout{0};
};

struct NodeStatusOptions {
  Timeout timeout{0};
  /// With the hottest shard keys of each replica.
  bool hot_keys = false;
};

struct RecoverShardOptions {
  /// For a large shard minutes: all its data are copied on the node.
  Timeout timeout{0};
  /// Say which copies there are and what would happen, and change nothing.
  bool dry_run = false;
  /// Although another copy is newer: what only that one has is lost.
  bool accept_loss = false;
};

struct ClientOptions {
  /// Some of the cluster's nodes, each HOST:PORT; one that answers is enough to find the others.
  std::vector<std::string> seeds = {};
  /// For Connect and for every call that does not bring its own. 1 ms to one day.
  std::chrono::milliseconds timeout{5000};
  /// Keys and values of calls without an answer yet; more is refused at once with kOverloaded.
  std::size_t pending_bytes_max = std::size_t{256} << 20;
  /// Who asks, for the cluster's list of events, such as USER@HOST: at most 128 bytes. Only tools
  /// that change the cluster need it.
  std::string who = {};
};

/// Called once. Runs on the client's own thread and must not block it: no blocking call of this
/// client, and not its destruction. Only what needs no sending (an argument over its limit,
/// kOverloaded by `pending_bytes_max`) is answered by the calling thread, before the Async call
/// returns.
template <typename T>
using Callback = std::function<void(T)>;

/// A connection to a cluster. Thread-safe, but for moving and destroying it.
class Client {
 public:
  /// Finds the cluster through the seeds and starts the client's thread. kInvalidArgument: a seed
  /// is no HOST:PORT. kUnavailable: no seed answered in time; the message names each and why.
  static Result<Client> Connect(ClientOptions options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Ends calls without an answer by kCancelled (callbacks run before this returns).
  ~Client();

  /// kNotFound when there is no such entry.
  Result<Found> Get(const Key& key, const GetOptions& options = {});
  /// Many keys at once, in parallel; one result for each key, in the order of `keys`.
  std::vector<Result<Found>> MultiGet(const std::vector<Key>& keys, const GetOptions& options = {});
  /// Returns the entry's new version.
  Result<Version> Put(const Key& key, std::string_view value, const PutOptions& options = {});
  /// Returns the version that the deletion has. Ok also when there was no such entry.
  Result<Version> Delete(const Key& key, const DeleteOptions& options = {});
  /// One page of the sort keys of a shard key, in their order as bytes.
  Result<ScanPage> Scan(std::string_view shard_key, const ScanRange& range = {},
                        const ScanOptions& options = {});
  /// One page of the whole store. `resume` is empty for the first, then the last page's `resume`.
  Result<ScanAllPage> ScanAll(std::string_view resume = {}, const ScanOptions& options = {});

  void AsyncGet(const Key& key, const GetOptions& options, Callback<Result<Found>> callback);
  void AsyncMultiGet(const std::vector<Key>& keys, const GetOptions& options,
                     Callback<std::vector<Result<Found>>> callback);
  void AsyncPut(const Key& key, std::string_view value, const PutOptions& options,
                Callback<Result<Version>> callback);
  void AsyncDelete(const Key& key, const DeleteOptions& options,
                   Callback<Result<Version>> callback);
  void AsyncScan(std::string_view shard_key, const ScanRange& range, const ScanOptions& options,
                 Callback<Result<ScanPage>> callback);
  void AsyncScanAll(std::string_view resume, const ScanOptions& options,
                    Callback<Result<ScanAllPage>> callback);

  // For tools; include ringfort/admin.h.

  /// The cluster map as a node that answers has it now.
  Result<ClusterView> Map(const CallOptions& options = {});
  /// What a node says of itself. Asked once, that node only. kInvalidArgument: no such node in the
  /// map.
  Result<NodeStatusView> NodeStatus(std::uint32_t node, const NodeStatusOptions& options = {});

  // Asked of the meta group, which any node names; they go on until it answers or the timeout has
  // passed. Each of them may be repeated safely: to ask for what is so already changes nothing, and
  // is ok. After a failed change, Status::effect() says whether it may have been made.
  // kConditionFailed: refused as the cluster is now, with the reason and what would allow it.

  /// Nodes, moves and shards as the primary of the meta group sees them.
  Result<ClusterStateView> ClusterState(const CallOptions& options = {});
  /// Returns what moves now, or would.
  Result<PlanView> ChangeNode(const NodeChange& change, const CallOptions& options = {});
  /// Returns what moves now, or would.
  Result<PlanView> Rebalance(RebalanceAction action, const CallOptions& options = {});
  /// Raises the cluster's feature level to the next one that the meta group's primary knows, and
  /// returns how things stand then; with `dry_run`, how they would. There is no way back: no node
  /// can run an older release after it. kConditionFailed: not every node knows that level yet.
  Result<FeatureView> FinalizeUpgrade(bool dry_run, const CallOptions& options = {});
  /// Ok: the transfer was ordered; the map shows when it is done. The number of shards stands for
  /// the meta group.
  Status TransferPrimary(std::uint32_t shard, std::uint32_t node, const CallOptions& options = {});
  /// What was changed, oldest first. `after` 0: the newest `limit` events, to page on from the last
  /// of them; else the first `limit` that are newer than number `after`. `limit` 0: all that are
  /// kept, which is the way to begin with the oldest. One leaves when there are a thousand newer.
  Result<std::vector<EventView>> Events(std::uint64_t after = 0, std::uint32_t limit = 0,
                                        const CallOptions& options = {});

  /// Has every replica of a shard sum up its data as of one log index, and returns that index once
  /// it is applied by the primary; the sums appear in NodeStatus when they are made. Changes
  /// nothing, and may be done twice.
  Result<std::uint64_t> StartVerify(std::uint32_t shard, const CallOptions& options = {});
  /// Begins a shard anew from the copy on `node`, which is asked once, when a majority of its
  /// voters is gone for good. All other replicas are void from then on, and what only they have is
  /// lost; sessions end, so a write that is open is `unknown`. The number of shards stands for the
  /// meta group, of which only a dry run is made. kConditionFailed, with the reason: a majority can
  /// still form, the copy cannot be read, or it is not the newest and the loss was not accepted.
  /// kUnsupported: the cluster's upgrade is not finalized. After another failure its effect says
  /// whether it may have been done: a dry run shows it.
  Result<ShardRecoveryView> RecoverShard(std::uint32_t shard, std::uint32_t node,
                                         const RecoverShardOptions& options = {});
  /// Deletes what `node` keeps of a shard and no longer counts: NodeStatusView::void_copies.
  /// Returns how many copies that were; kNotFound when there is none.
  Result<std::uint32_t> DiscardVoid(std::uint32_t shard, std::uint32_t node,
                                    const CallOptions& options = {});
  /// The shard in which the entries of a shard key live.
  [[nodiscard]] std::uint32_t ShardOf(std::string_view shard_key) const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace ringfort
