#include "server/join.h"

#include <glog/logging.h>

#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "net/address.h"
#include "net/clocks.h"
#include "server/question.h"
#include "wire/status_codec.h"

namespace ringfort::server {
namespace {

constexpr Duration kPause = std::chrono::milliseconds(300);

std::string AddressOf(Question* question, std::uint32_t node) {
  proto::Request request;
  request.mutable_get_map();
  request.set_timeout_ms(1000);
  const Result<proto::Response> response = question->Ask(request);
  if (!response.ok()) return "";
  for (const proto::MapNode& one : response->map().nodes()) {
    if (one.id() == node) return one.address();
  }
  return "";
}

struct Asked {
  Result<proto::JoinedCluster> joined = Status(Code::kUnavailable, "not asked");
  /// Who leads the meta group, where the node knew.
  std::string primary;
};

Asked AskNode(const std::string& text, ClusterId cluster_id, const proto::JoinCluster& join) {
  const Result<net::Address> address = net::ParseAddress(text);
  if (!address.ok()) return {address.status(), ""};
  Question question(*address, cluster_id);
  proto::Request request;
  request.set_timeout_ms(5000);
  *request.mutable_meta()->mutable_join() = join;
  request.mutable_meta()->set_who("node " + std::to_string(join.node()));
  Result<proto::Response> response = question.Ask(request);
  if (!response.ok()) return {response.status(), ""};
  if (!response->has_error()) return {response->meta().joined(), ""};
  Asked asked{wire::DecodeStatus(response->error()), ""};
  if (response->error().primary_hint() != 0) {
    asked.primary = AddressOf(&question, response->error().primary_hint());
  }
  return asked;
}

bool IsFinal(Code code) {
  return code == Code::kInvalidArgument || code == Code::kConditionFailed ||
         code == Code::kWrongCluster || code == Code::kUnsupported;
}

}  // namespace

Result<proto::JoinedCluster> Join(const std::vector<std::string>& seeds, ClusterId cluster_id,
                                  const proto::JoinCluster& request, Duration timeout) {
  const MonotonicTime until = net::MonotonicNow() + timeout;
  std::map<std::string, std::string> said;
  while (true) {
    for (const std::string& seed : seeds) {
      Asked asked = AskNode(seed, cluster_id, request);
      if (!asked.primary.empty()) asked = AskNode(asked.primary, cluster_id, request);
      if (asked.joined.ok()) return asked.joined;
      const Status status = asked.joined.status();
      if (IsFinal(status.code())) {
        return Status(status.code(), "the cluster does not take the node in: " + status.message());
      }
      if (std::string& last = said[seed]; last != status.message()) {
        last = status.message();
        LOG(INFO) << "joining: " << seed << ": " << last;
      }
    }
    if (net::MonotonicNow() + kPause > until) break;
    std::this_thread::sleep_for(kPause);
  }
  std::string each;
  for (const auto& [seed, last] : said) each += (each.empty() ? "" : "; ") + seed + ": " + last;
  return Status(Code::kUnavailable,
                "no seed of --join could take the node in: " + each +
                    " (give addresses of the cluster's nodes, and see that a majority runs)");
}

}  // namespace ringfort::server
