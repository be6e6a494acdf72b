#include "server/server_flags.h"

#include <gflags/gflags.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

#include "net/address.h"
#include "ring/cluster_config.h"

#include "ringfort/version.h"

DEFINE_string(config, "", "the cluster's config file (cluster-configs/*.textproto)");
DEFINE_uint32(node, 0, "this node's id in the config");
DEFINE_string(join, "",
              "instead of --config: HOST:PORT,... of nodes of a cluster that runs; this node "
              "joins it. Once it has joined, the same words start it again");
DEFINE_string(listen, "",
              "with --join: this node's own HOST:PORT, for clients and the other nodes");
DEFINE_string(zone, "", "with --join: what fails together with this node; none: a zone of its own");
DEFINE_uint32(weight, 1, "with --join: how much this node holds, 1 to 1000, as in a config");
DEFINE_uint32(join_timeout_s, 60, "with --join: how long to ask, in seconds");
DEFINE_string(data_dir, "", "this node's data directory; made when it is not there");
DEFINE_bool(
    start_empty, false,
    "this once: gives this node's copies up, where its log or data are lost for good or are "
    "an old copy. What is left is kept beside, and the other nodes fill the node again. "
    "Refused where all is whole");
DEFINE_uint64(bring_back, 0,
              "instead of a start: puts the quarantined log.damaged-N and data.damaged-N back, "
              "where that helps. Needs --data_dir alone");
DEFINE_bool(
    accept_old_copies, false,
    "instead of a start: forgets which starts of the other nodes this one has seen, so that "
    "it takes nodes whose directories were put back from copies. Only where all nodes were: "
    "what was acknowledged since may be lost. Needs --data_dir alone");
DEFINE_bool(
    recover_cluster_from_this_copy, false,
    "instead of a start: begins the meta group anew from this directory's copy, when a majority "
    "of its nodes is gone for good; all other copies of it are void then. Needs --data_dir alone");
DEFINE_bool(dry_run, false, "with these: says what would be done, and does not do it");
DEFINE_string(
    durability, "synced",
    "synced: acknowledged writes are synced on a majority; relaxed: written on a majority, "
    "and lost if a majority loses power");
DEFINE_string(
    reads, "lease",
    "lease: linearizable reads by lease; readindex: each asks a majority (for machines whose "
    "clocks a hypervisor may stop)");
DEFINE_uint32(io_threads, 0, "event loops, 1 to 64; 0: half of the processors");
DEFINE_uint32(lease_ms, 200,
              "how long a node promises not to elect another, in milliseconds, 20 to 10000. What a "
              "cluster was created with is the longest allowed");
DEFINE_uint32(heartbeat_ms, 50,
              "pause between heartbeats, in milliseconds; at most a third of the lease");
DEFINE_uint32(election_timeout_ms, 600,
              "a primary that is not heard of for so long, in milliseconds, is replaced; at least "
              "three times the lease");
DEFINE_uint32(repair_after_s, 300,
              "a node that is dead for so long, in seconds, is replaced: others take its copies "
              "over. At least 5");
DEFINE_uint32(stop_timeout_s, 30,
              "how long a polite stop waits for other nodes to take over, in seconds");
DEFINE_uint32(cache_mb, 512, "block cache for all shards, in MiB");
DEFINE_uint32(write_buffer_mb, 256, "memtables of all shards, in MiB");
DEFINE_uint32(background_mb_per_s, 256,
              "flushes, compactions, and the reading and writing of snapshots' files, all shards "
              "together, in MiB a second, 8 to 1048576. Flushes come first; too little for what is "
              "written, and writes wait");
DEFINE_uint32(
    disk_reserve_mb, 1024,
    "free space, in MiB, that the node keeps for itself: with less on its disk it refuses "
    "puts, with less than half of it all writes, until there is room again; the rest is "
    "for flushes, compactions and the log. At most a tenth of the disk is kept. At least "
    "three times --write_buffer_mb is good");
DEFINE_uint32(log_mb, 512, "the replicated log is cut so that it stays below this, in MiB");
DEFINE_uint64(snapshot_bytes_per_second, 32ULL << 20,
              "all snapshots that this node sends together, in bytes a second; 0: no limit");
DEFINE_uint32(log_segment_mb, 64, "one file of the log, in MiB, 1 to 4096");

namespace ringfort::server {
namespace {

const std::vector<const char*>& OwnFlags() {
  static const std::vector<const char*> names{"config",
                                              "node",
                                              "data_dir",
                                              "start_empty",
                                              "bring_back",
                                              "accept_old_copies",
                                              "recover_cluster_from_this_copy",
                                              "dry_run",
                                              "join",
                                              "listen",
                                              "zone",
                                              "weight",
                                              "join_timeout_s",
                                              "repair_after_s",
                                              "durability",
                                              "reads",
                                              "io_threads",
                                              "lease_ms",
                                              "heartbeat_ms",
                                              "election_timeout_ms",
                                              "stop_timeout_s",
                                              "cache_mb",
                                              "write_buffer_mb",
                                              "background_mb_per_s",
                                              "log_mb",
                                              "log_segment_mb",
                                              "snapshot_bytes_per_second",
                                              "disk_reserve_mb"};
  return names;
}

Status Wrong(const std::string& what, const std::string& todo) {
  return Status(Code::kInvalidArgument, what + " (" + todo + ")");
}

std::vector<std::string> SplitList(const std::string& list) {
  std::vector<std::string> items;
  std::istringstream in(list);
  for (std::string item; std::getline(in, item, ',');) items.push_back(item);
  return items;
}

[[noreturn]] void PrintHelp() {
  std::printf(
      "ringfortd %s: a storage node of a Ringfort cluster\n\n"
      "  ringfortd --config=FILE --node=ID --data_dir=DIR [FLAG ...]\n"
      "  ringfortd --join=HOST:PORT,... --node=ID --listen=HOST:PORT --data_dir=DIR [FLAG ...]\n"
      "  ringfortd --data_dir=DIR --bring_back=N [--dry_run]\n"
      "  ringfortd --data_dir=DIR --accept_old_copies [--dry_run]\n"
      "  ringfortd --data_dir=DIR --recover_cluster_from_this_copy [--dry_run]\n\n",
      kVersion);
  for (const char* name : OwnFlags()) {
    const gflags::CommandLineFlagInfo info = gflags::GetCommandLineFlagInfoOrDie(name);
    std::printf("  --%s (%s, default %s)\n      %s\n", name, info.type.c_str(),
                info.default_value.empty() ? "none" : info.default_value.c_str(),
                info.description.c_str());
  }
  std::exit(0);
}

// gflags' own parser prints and exits as it likes; ours says one line and which word is wrong.
Status SetFlags(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--help" || word == "-h") PrintHelp();
    if (word == "--version") {
      std::printf("ringfortd %s\n", kVersion);
      std::exit(0);
    }
    if (!word.starts_with("-") || word == "-" || word == "--") {
      return Wrong(std::string(word) + ": not a flag", "ringfortd --help lists them");
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const std::size_t equals = word.find('=');
    const std::string name(word.substr(0, equals));
    const bool known = std::any_of(OwnFlags().begin(), OwnFlags().end(),
                                   [&](const char* own) { return name == own; });
    if (!known)
      return Wrong("--" + name + ": there is no such flag", "ringfortd --help lists them");
    std::string value;
    if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (gflags::GetCommandLineFlagInfoOrDie(name.c_str()).type == "bool") {
      value = "true";
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return Wrong("--" + name + ": it has no value", "write --" + name + "=VALUE");
    }
    if (gflags::SetCommandLineOption(name.c_str(), value.c_str()).empty()) {
      return Wrong("--" + name + "=" + value + ": not a value for this flag",
                   "it is a " + gflags::GetCommandLineFlagInfoOrDie(name.c_str()).type);
    }
  }
  return Status::Ok();
}

// What is done to a stopped node's directory.
Result<ServerFlags> OfflineFlags() {
  const int kinds = (FLAGS_bring_back != 0 ? 1 : 0) + (FLAGS_accept_old_copies ? 1 : 0) +
                    (FLAGS_recover_cluster_from_this_copy ? 1 : 0);
  if (kinds > 1) {
    return Wrong(
        "more than one of --bring_back, --accept_old_copies and --recover_cluster_from_this_copy "
        "is given",
        "do one after the other");
  }
  if (!FLAGS_config.empty() || !FLAGS_join.empty() || FLAGS_node != 0 || FLAGS_start_empty) {
    return Wrong(
        "--bring_back, --accept_old_copies and --recover_cluster_from_this_copy start no node",
        "give only --data_dir and --dry_run with them");
  }
  if (FLAGS_data_dir.empty()) {
    return Wrong("--data_dir is missing", "give the directory of the stopped node");
  }
  ServerFlags flags;
  flags.data_dir = FLAGS_data_dir;
  flags.bring_back = FLAGS_bring_back;
  flags.accept_old_copies = FLAGS_accept_old_copies;
  flags.recover_cluster = FLAGS_recover_cluster_from_this_copy;
  flags.dry_run = FLAGS_dry_run;
  return flags;
}

// A node is one of the config's, or joins.
Status CheckWay() {
  if (FLAGS_join.empty()) {
    if (!FLAGS_listen.empty() || !FLAGS_zone.empty()) {
      return Wrong("--listen and --zone go with --join", "a config says both for its nodes");
    }
    if (!FLAGS_config.empty()) return Status::Ok();
    return Wrong("--config is missing",
                 "give the cluster's config file, or --join=HOST:PORT,... for one that runs");
  }
  if (!FLAGS_config.empty()) {
    return Wrong("--config and --join are both given", "a node that joins needs no config");
  }
  if (FLAGS_listen.empty()) {
    return Wrong("--listen is missing", "give this node's own HOST:PORT with --join");
  }
  for (const std::string& seed : SplitList(FLAGS_join)) {
    if (!net::ParseAddress(seed).ok()) {
      return Wrong("--join=" + FLAGS_join + ": '" + seed + "' is no HOST:PORT",
                   "give HOST:PORT,... of the cluster's nodes");
    }
  }
  const auto listen = net::ParseAddress(FLAGS_listen);
  if (!listen.ok() || listen->port == 0) {
    return Wrong("--listen=" + FLAGS_listen + ": no HOST:PORT",
                 "give an address at which clients and the other nodes reach this one");
  }
  return Status::Ok();
}

Status CheckRanges() {
  auto outside = [](const std::string& name, std::uint64_t value, std::uint64_t low,
                    std::uint64_t high) {
    return Wrong("--" + name + "=" + std::to_string(value) + ": out of range",
                 "give " + std::to_string(low) + " to " + std::to_string(high));
  };
  struct Range {
    const char* name;
    std::uint64_t value, low, high;
  };
  for (const Range& range : {
           Range{"io_threads", FLAGS_io_threads, 0, 64},
           Range{"lease_ms", FLAGS_lease_ms, 20, 10'000},
           Range{"heartbeat_ms", FLAGS_heartbeat_ms, 1, FLAGS_lease_ms / 3},
           Range{"election_timeout_ms", FLAGS_election_timeout_ms, 3ULL * FLAGS_lease_ms, 60'000},
           Range{"weight", FLAGS_weight, 1, ring::kWeightMax},
           Range{"join_timeout_s", FLAGS_join_timeout_s, 1, 3600},
           Range{"repair_after_s", FLAGS_repair_after_s, 5, 1U << 30},
           Range{"stop_timeout_s", FLAGS_stop_timeout_s, 0, 3600},
           Range{"cache_mb", FLAGS_cache_mb, 1, 1U << 20},
           Range{"write_buffer_mb", FLAGS_write_buffer_mb, 8, 1U << 20},
           Range{"background_mb_per_s", FLAGS_background_mb_per_s, 8, 1U << 20},
           Range{"log_segment_mb", FLAGS_log_segment_mb, 1, 4096},
           Range{"disk_reserve_mb", FLAGS_disk_reserve_mb, 1, 1U << 20},
           Range{"log_mb", FLAGS_log_mb, 4ULL * FLAGS_log_segment_mb, 1U << 20},
       }) {
    if (range.value < range.low || range.value > range.high) {
      return outside(range.name, range.value, range.low, range.high);
    }
  }
  return Status::Ok();
}

}  // namespace

Result<ServerFlags> ParseServerFlags(int argc, char** argv) {
  if (Status status = SetFlags(argc, argv); !status.ok()) return status;
  if (FLAGS_bring_back != 0 || FLAGS_accept_old_copies || FLAGS_recover_cluster_from_this_copy) {
    return OfflineFlags();
  }
  if (FLAGS_dry_run) {
    return Wrong(
        "--dry_run goes with --bring_back, --accept_old_copies or "
        "--recover_cluster_from_this_copy",
        "leave it out");
  }
  if (Status status = CheckWay(); !status.ok()) return status;
  if (FLAGS_node == 0) {
    return Wrong("--node is missing", FLAGS_join.empty() ? "give this node's id in the config"
                                                         : "give an id that no node has yet");
  }
  if (FLAGS_data_dir.empty()) {
    return Wrong("--data_dir is missing", "give a directory for this node's data");
  }
  if (Status status = CheckRanges(); !status.ok()) return status;
  ServerFlags flags;
  if (FLAGS_durability == "relaxed") {
    flags.durability = wal::Durability::kRelaxed;
  } else if (FLAGS_durability != "synced") {
    return Wrong("--durability=" + FLAGS_durability + ": unknown", "give synced or relaxed");
  }
  if (FLAGS_reads != "lease" && FLAGS_reads != "readindex") {
    return Wrong("--reads=" + FLAGS_reads + ": unknown", "give lease or readindex");
  }
  flags.config = FLAGS_config;
  if (!FLAGS_join.empty()) flags.join = SplitList(FLAGS_join);
  flags.listen = FLAGS_listen;
  flags.zone = FLAGS_zone;
  flags.weight = FLAGS_weight;
  flags.join_timeout = std::chrono::seconds(FLAGS_join_timeout_s);
  flags.repair_after = std::chrono::seconds(FLAGS_repair_after_s);
  flags.node = NodeId(FLAGS_node);
  flags.data_dir = FLAGS_data_dir;
  flags.start_empty = FLAGS_start_empty;
  while (flags.data_dir.size() > 1 && flags.data_dir.back() == '/') flags.data_dir.pop_back();
  flags.lease_reads = FLAGS_reads == "lease";
  flags.io_threads = FLAGS_io_threads != 0
                         ? static_cast<int>(FLAGS_io_threads)
                         : std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2);
  flags.lease = std::chrono::milliseconds(FLAGS_lease_ms);
  flags.heartbeat_interval = std::chrono::milliseconds(FLAGS_heartbeat_ms);
  flags.election_timeout = std::chrono::milliseconds(FLAGS_election_timeout_ms);
  flags.stop_timeout = std::chrono::seconds(FLAGS_stop_timeout_s);
  flags.cache_bytes = std::uint64_t{FLAGS_cache_mb} << 20;
  flags.write_buffer_bytes = std::uint64_t{FLAGS_write_buffer_mb} << 20;
  flags.background_bytes_per_second = std::uint64_t{FLAGS_background_mb_per_s} << 20;
  flags.disk_reserve_bytes = std::uint64_t{FLAGS_disk_reserve_mb} << 20;
  flags.log_bytes = std::uint64_t{FLAGS_log_mb} << 20;
  flags.log_segment_bytes = std::uint64_t{FLAGS_log_segment_mb} << 20;
  flags.snapshot_bytes_per_second = FLAGS_snapshot_bytes_per_second;
  return flags;
}

}  // namespace ringfort::server
