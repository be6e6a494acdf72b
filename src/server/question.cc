#include "server/question.h"

#include <chrono>
#include <future>
#include <utility>

namespace ringfort::server {
namespace {

constexpr std::chrono::seconds kAnswerMax(5);

}  // namespace

Question::Question(net::Address address, ClusterId cluster_id) {
  net::Channel::Options options;
  options.cluster_id = cluster_id;
  channel_ = std::make_shared<net::Channel>(&loop_, &group_, std::move(address), options);
}

Question::~Question() {
  std::promise<void> closed;
  loop_.Post([&] {
    channel_->Close(Status(Code::kCancelled, "asked"));
    closed.set_value();
  });
  closed.get_future().wait();
  group_.Shutdown(Status(Code::kCancelled, "asked"));
  loop_.Stop();
}

Result<proto::Response> Question::Ask(const proto::Request& request) {
  auto answer = std::make_shared<std::promise<Result<proto::Response>>>();
  std::future<Result<proto::Response>> future = answer->get_future();
  loop_.Post([this, request, answer] {
    channel_->Call(request,
                   [answer](Result<proto::Response> response) { answer->set_value(response); });
  });
  if (future.wait_for(kAnswerMax) == std::future_status::ready) return future.get();
  return Status(Code::kUnavailable, "no answer within 5 s");
}

}  // namespace ringfort::server
