#include "server/config_checks.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace ringfort::server {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kHostBytesMax = 253;  // RFC 1035, section 2.3.4, as text.

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsLetter(char c) {
  return IsLower(c) || (c >= 'A' && c <= 'Z');
}

// The fields of one message: where they stood in the file, if they did.
class Fields {
 public:
  /// `line` is the message's own, from 1.
  Fields(const Message& message, const TextFormat::ParseInfoTree* locations, int line)
      : message_(message), locations_(locations), line_(line) {}

  /// Whether the file gives the field, be it with the value that stands for "absent".
  [[nodiscard]] bool Has(const char* name) const { return Find(name, -1).has_value(); }

  /// The line of a field, or of the message where the file does not give it.
  [[nodiscard]] int LineOf(const char* name) const { return Find(name, -1).value_or(line_); }

  [[nodiscard]] Fields Nested(const char* name, int index, const Message& nested) const {
    // A list in brackets is noted once, for its first element.
    const int line = Find(name, index).value_or(Find(name, 0).value_or(line_));
    return {nested, locations_->GetTreeForNested(Descriptor(name), index), line};
  }

 private:
  [[nodiscard]] const FieldDescriptor* Descriptor(const char* name) const {
    return message_.GetDescriptor()->FindFieldByName(name);
  }
  [[nodiscard]] std::optional<int> Find(const char* name, int index) const {
    const int line = locations_->GetLocation(Descriptor(name), index).line;
    return line < 0 ? std::nullopt : std::optional(line + 1);
  }

  const Message& message_;
  const TextFormat::ParseInfoTree* locations_;
  int line_;
};

// Why an address is not HOST:PORT; nothing when it is.
std::optional<std::string> WrongAddress(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return "has no port";
  std::string_view host = address.substr(0, colon);
  const std::string_view port = address.substr(colon + 1);

  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
    return "has a port that is not 1 to 65535";
  }
  if (host.empty()) return "has no host";
  if (host.size() > kHostBytesMax) return "has a host of more than 253 bytes";
  if (host.front() == '[') {
    if (host.size() < 4 || host.back() != ']')
      return "has an IPv6 host without its closing bracket";
    host = host.substr(1, host.size() - 2);
    const bool good = std::ranges::all_of(
        host, [](char c) { return IsDigit(c) || IsLetter(c) || c == ':' || c == '.' || c == '%'; });
    if (!good || host.find(':') == std::string_view::npos) return "has no IPv6 address in brackets";
    return std::nullopt;
  }
  if (host.find(':') != std::string_view::npos) return "has an IPv6 host without brackets";
  const bool good = std::ranges::all_of(
      host, [](char c) { return IsDigit(c) || IsLetter(c) || c == '.' || c == '-' || c == '_'; });
  if (!good) return "has a host with other bytes than letters, digits, '.', '-' and '_'";
  return std::nullopt;
}

class Checker {
 public:
  Checker(const std::string& file, const proto::ClusterConfig& parsed,
          const TextFormat::ParseInfoTree& locations)
      : file_(file), parsed_(parsed), fields_(parsed, &locations, 1) {}

  Result<ring::ClusterConfig> Run() {
    CheckName();
    CheckShards();
    CheckNodes();
    CheckReplicas();
    if (mistake_.has_value()) {
      return Status(Code::kInvalidArgument,
                    file_ + ":" + std::to_string(mistake_->line) + ": " + mistake_->text);
    }
    return std::move(config_);
  }

 private:
  struct Mistake {
    int line;
    std::string text;
  };

  // Keeps the mistake that stands first in the file.
  void Wrong(int line, const std::string& field, const std::string& what, const std::string& mend) {
    if (mistake_.has_value() && mistake_->line <= line) return;
    mistake_ = Mistake{line, field + ": " + what + " (" + mend + ")"};
  }

  void CheckName() {
    const std::string& name = parsed_.cluster_name();
    const bool good =
        std::ranges::all_of(name, [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; });
    const int line = fields_.LineOf("cluster_name");
    if (name.empty()) {
      Wrong(line, "cluster_name", "is missing", "name the cluster: 1 to 64 of a-z, 0-9 and -");
    } else if (name.size() > kNameBytesMax) {
      Wrong(line, "cluster_name", "has " + std::to_string(name.size()) + " bytes",
            "shorten it to 64 or less");
    } else if (!good) {
      Wrong(line, "cluster_name", "has a byte that is not allowed", "use only a-z, 0-9 and -");
    }
    config_.cluster_name = name;
  }

  void CheckShards() {
    if (!fields_.Has("shards")) return;
    config_.shards = parsed_.shards();
    if (!std::has_single_bit(config_.shards) || config_.shards > ring::kShardsMax) {
      Wrong(fields_.LineOf("shards"), "shards",
            std::to_string(config_.shards) + " is not a power of two from 1 to 65536",
            "leave it out for 64, or take 16 to 32 for each node");
    }
  }

  void CheckReplicas() {
    const std::uint32_t nodes = static_cast<std::uint32_t>(config_.nodes.size());
    if (!fields_.Has("replicas")) {
      config_.replicas = std::min(ring::kReplicasDefault, nodes);
      return;
    }
    config_.replicas = parsed_.replicas();
    const std::string given = std::to_string(config_.replicas);
    const int line = fields_.LineOf("replicas");
    if (config_.replicas < 1 || config_.replicas > ring::kReplicasMax) {
      Wrong(line, "replicas", given + " is not 1 to 7", "leave it out for 3, or for fewer nodes");
    } else if (config_.replicas > nodes) {
      Wrong(line, "replicas",
            given + " copies of each shard do not fit on " + std::to_string(nodes) +
                (nodes == 1 ? " node" : " nodes"),
            "add nodes or lower it");
    }
  }

  void CheckNodes() {
    if (parsed_.nodes().empty()) {
      Wrong(1, "nodes", "are missing", "add one nodes { id: 1 address: \"HOST:PORT\" } for each");
    }
    for (int i = 0; i < parsed_.nodes_size(); ++i) {
      const proto::NodeConfig& node = parsed_.nodes(i);
      const Fields fields = fields_.Nested("nodes", i, node);
      config_.nodes.push_back({.id = NodeId(node.id()),
                               .address = node.address(),
                               .zone = node.zone(),
                               .weight = node.weight()});
      ring::NodeInfo* info = &config_.nodes.back();
      CheckId(fields, info->id);
      CheckAddress(fields, info->address);
      CheckZone(fields, info);
      CheckWeight(fields, info);
    }
  }

  void CheckId(const Fields& fields, NodeId id) {
    const int line = fields.LineOf("id");
    if (!fields.Has("id")) {
      Wrong(line, "nodes.id", "is missing", "give each node a number of its own from 1");
    } else if (id == NodeId(0)) {
      Wrong(line, "nodes.id", "0 stands for no node", "give each node a number of its own from 1");
    } else if (const auto [first, fresh] = line_of_id_.try_emplace(id, line); !fresh) {
      Wrong(line, "nodes.id",
            std::to_string(id.value()) + " is taken by the node of line " +
                std::to_string(first->second),
            "give each node a number of its own");
    }
  }

  void CheckAddress(const Fields& fields, const std::string& address) {
    const int line = fields.LineOf("address");
    if (address.empty()) {
      Wrong(line, "nodes.address", "is missing", "give HOST:PORT, where others reach the node");
      return;
    }
    if (const std::optional<std::string> wrong = WrongAddress(address)) {
      Wrong(line, "nodes.address", *wrong, "give HOST:PORT or [IPV6]:PORT");
      return;
    }
    // Host names do not tell small letters from large ones.
    std::string lowered = address;
    for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (const auto [first, fresh] = line_of_address_.try_emplace(lowered, line); !fresh) {
      Wrong(line, "nodes.address",
            address + " is taken by the node of line " + std::to_string(first->second),
            "give each node a host or port of its own");
    }
  }

  void CheckZone(const Fields& fields, ring::NodeInfo* node) {
    if (!fields.Has("zone")) {
      node->zone = "node-" + std::to_string(node->id.value());
      return;
    }
    const bool good = std::ranges::all_of(node->zone, [](char c) {
      return IsLetter(c) || IsDigit(c) || c == '-' || c == '_' || c == '.';
    });
    if (node->zone.empty() || node->zone.size() > kNameBytesMax || !good) {
      Wrong(fields.LineOf("zone"), "nodes.zone", "is not 1 to 64 letters, digits, '-', '_' and '.'",
            "rename it, or leave it out for a zone of the node's own");
    }
  }

  void CheckWeight(const Fields& fields, ring::NodeInfo* node) {
    if (!fields.Has("weight")) {
      node->weight = 1;
    } else if (node->weight < 1 || node->weight > ring::kWeightMax) {
      Wrong(fields.LineOf("weight"), "nodes.weight",
            std::to_string(node->weight) + " is not 1 to 1000", "leave it out for 1");
    }
  }

  const std::string& file_;
  const proto::ClusterConfig& parsed_;
  Fields fields_;
  ring::ClusterConfig config_;
  std::optional<Mistake> mistake_;
  std::map<NodeId, int> line_of_id_;
  std::map<std::string, int> line_of_address_;
};

}  // namespace

Result<ring::ClusterConfig> CheckClusterConfig(const std::string& file,
                                               const proto::ClusterConfig& parsed,
                                               const TextFormat::ParseInfoTree& locations) {
  return Checker(file, parsed, locations).Run();
}

}  // namespace ringfort::server
