#include "sdk/net_dialer.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "net/address.h"
#include "net/channel.h"
#include "net/slot_table.h"

namespace ringfort::sdk {

/// One node's link. While there is no connection it keeps the requests to itself and sends a
/// question of its own, whose answer proves that there is one: so a request that is cancelled
/// meanwhile certainly never leaves, which net::Channel, once it has it, does not promise. Outlives
/// its Handle until net's last completion has come, because those hold a plain pointer to it.
class NetDialer::Link {
 public:
  Link(NetDialer& dialer, const std::string& address)
      : dialer_(dialer), number_(++dialer.links_made_), address_(net::ParseAddress(address)) {
    knock_.mutable_get_map();
    knock_.set_timeout_ms(1000);
    if (address_.ok()) MakeChannel();
  }

  client::Channel::RequestId Send(const proto::Request& request, client::Channel::Done done) {
    const std::uint64_t id = pending_.Insert({std::move(done), &request, 0, false});
    if (channel_ == nullptr) {
      ++expected_;
      dialer_.loop_.Post([this, id] { OnDone(id, address_.status()); });
    } else if (channel_->connected() && !knocking_) {
      Forward(id);
    } else {
      held_.push_back(id);
      if (!knocking_) Knock();
    }
    return id;
  }

  bool Cancel(client::Channel::RequestId id) {
    const std::optional<Pending> given_up = pending_.Take(id);
    if (!given_up || !given_up->forwarded) return false;
    // Without a number it has failed already, and its completion is on the way.
    if (given_up->net_call == 0) return false;
    channel_->Cancel(given_up->net_call);
    --expected_;
    return true;
  }

  /// Nobody wants an answer any more.
  void Close() {
    pending_.TakeAll();
    closed_ = true;
    if (channel_ != nullptr)
      channel_->Close({Code::kCancelled, "the client closes the connection"});
    RetireIfDone();
  }

 private:
  struct Pending {
    client::Channel::Done done;
    const proto::Request* request = nullptr;
    std::uint64_t net_call = 0;
    bool forwarded = false;
  };

  void MakeChannel() {
    net::Channel::Options options;
    options.cluster_id = cluster_ = dialer_.cluster_;
    options.seed = number_;
    channel_ = std::make_shared<net::Channel>(&dialer_.loop_, &dialer_.group_, *address_, options);
  }

  void Knock() {
    if (cluster_ != dialer_.cluster_ && expected_ == 0) {
      channel_->Close({Code::kCancelled, "the client has learned which cluster it belongs to"});
      MakeChannel();
    }
    knocking_ = true;
    ++expected_;
    channel_->Call(knock_, [this](const Result<proto::Response>& answer) { OnKnocked(answer); });
  }

  void OnKnocked(const Result<proto::Response>& answer) {
    --expected_;
    knocking_ = false;
    std::vector<std::uint64_t> held;
    held.swap(held_);
    for (std::uint64_t id : held) {
      if (closed_) break;
      if (answer.ok()) {
        if (pending_.Find(id) != nullptr) Forward(id);
      } else if (std::optional<Pending> failed = pending_.Take(id)) {
        Status why = answer.status();
        failed->done(why.set_effect(Effect::kNotApplied));
      }
    }
    RetireIfDone();
  }

  void Forward(std::uint64_t id) {
    Pending* pending = pending_.Find(id);
    pending->forwarded = true;
    ++expected_;
    pending->net_call = channel_->Call(
        *pending->request,
        [this, id](Result<proto::Response> answer) { OnDone(id, std::move(answer)); });
  }

  void OnDone(std::uint64_t id, Result<proto::Response> answer) {
    --expected_;
    if (std::optional<Pending> pending = pending_.Take(id)) pending->done(std::move(answer));
    RetireIfDone();
  }

  void RetireIfDone() {
    if (!closed_ || expected_ > 0 || retired_) return;
    retired_ = true;
    // Not at once: this may be inside a completion.
    dialer_.loop_.Post([this] { dialer_.links_.erase(this); });
  }

  NetDialer& dialer_;
  const std::uint64_t number_;
  const Result<net::Address> address_;
  proto::Request knock_;
  ClusterId cluster_;
  std::shared_ptr<net::Channel> channel_;
  net::SlotTable<Pending> pending_;
  /// Waiting for the knock's answer; some may be cancelled.
  std::vector<std::uint64_t> held_;
  bool knocking_ = false;
  /// Completions that net still owes.
  std::uint64_t expected_ = 0;
  bool closed_ = false;
  bool retired_ = false;
};

class NetDialer::Handle final : public client::Channel {
 public:
  explicit Handle(Link* link) : link_(link) {}
  ~Handle() override { link_->Close(); }
  RequestId Send(const proto::Request& request, Done done) override {
    return link_->Send(request, std::move(done));
  }
  bool Cancel(RequestId request) override { return link_->Cancel(request); }

 private:
  Link* link_;
};

NetDialer::NetDialer(net::EventLoop& loop) : loop_(loop) {}
NetDialer::~NetDialer() = default;

std::unique_ptr<client::Channel> NetDialer::Open(const std::string& address) {
  auto link = std::make_unique<Link>(*this, address);
  Link* key = link.get();
  links_.emplace(key, std::move(link));
  return std::make_unique<Handle>(key);
}

void NetDialer::Shutdown() {
  group_.Shutdown({Code::kCancelled, "the client is shutting down"});
}

}  // namespace ringfort::sdk
