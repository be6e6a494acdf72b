#include "tests/sim/cluster/client_wire.h"

#include <utility>

#include "base/check.h"
#include "tests/sim/cluster/loops.h"

namespace ringfort::sim {

using namespace std::chrono_literals;  // NOLINT: durations

std::string AddressOf(NodeId node) {
  return "node-" + std::to_string(node.value()) + ":7000";
}

struct ClientDialer::Wire {
  Wire(ClientWorld world, const Process* process, Random random)
      : world(std::move(world)), process(process), random(random) {}

  Duration Delay() {
    return random.OneIn(100) ? Between(random, 1ms, 60ms) : Between(random, 50us, 1ms);
  }

  const ClientWorld world;
  const Process* const process;
  Random random;
  bool closed = false;
};

namespace {

using Done = client::Channel::Done;

/// The requests in flight of one channel, shared with what is under way.
struct Flights {
  std::map<client::Channel::RequestId, Done> waiting;
};

/// One request on its way to a node and back. When the node's process dies, so does the last copy
/// of its reply: the connection is lost then.
class Flight : public std::enable_shared_from_this<Flight> {
 public:
  using Wire = ClientDialer::Wire;

  Flight(std::shared_ptr<Wire> wire, std::weak_ptr<Flights> flights, NodeId node,
         client::Channel::RequestId id, proto::Request request)
      : wire_(std::move(wire)),
        flights_(std::move(flights)),
        node_(node),
        id_(id),
        request_(std::move(request)) {}

  void Depart(Duration wait) {
    wire_->world.events->After(wait, nullptr, "request",
                               [flight = shared_from_this()] { flight->Arrive(); });
  }

 private:
  struct Lost {
    explicit Lost(std::shared_ptr<Flight> flight) : flight(std::move(flight)) {}
    Lost(const Lost&) = delete;
    Lost& operator=(const Lost&) = delete;
    ~Lost() {
      if (!answered) flight->OnLost();
    }
    std::shared_ptr<Flight> flight;
    bool answered = false;
  };

  void Arrive() {
    if (wire_->closed) return;
    if (wire_->world.network->IsCut(wire_->process->who, node_.value())) {
      if (++waits_ < 40 && !wire_->random.OneIn(20)) Depart(50ms);  // Else it is never heard of.
      return;
    }
    SimulatedNode* node = wire_->world.node(node_);
    if (!node->running()) {
      Return(Status(Code::kUnavailable, AddressOf(node_) + " refuses (is the node running?)",
                    Effect::kNotApplied));
      return;
    }
    node_process_ = node->process();
    auto lost = std::make_shared<Lost>(shared_from_this());
    wire_->world.events->At(wire_->world.events->now(), node_process_, "handle",
                            [node, lost, this] {
                              std::vector<node::Node::Incoming> batch(1);
                              batch[0].request = std::move(request_);
                              batch[0].reply = [lost, this](proto::Response response) {
                                RF_CHECK(!lost->answered) << "a request is answered twice";
                                lost->answered = true;
                                Return(std::move(response));
                              };
                              node->node().Handle(std::move(batch));
                            });
  }

  void OnLost() {
    if (wire_->closed) return;
    if (node_process_->alive) {
      wire_->world.complain("node " + std::to_string(node_.value()) +
                            " forgot a request without an answer");
    }
    Return(Status(Code::kUnavailable, AddressOf(node_) + ": the connection was lost",
                  Effect::kUnknown));
  }

  void Return(Result<proto::Response> answer) {
    if (wire_->world.network->IsCut(node_.value(), wire_->process->who)) return;  // Never heard of.
    wire_->world.events->After(
        wire_->Delay(), wire_->process, "answer",
        [flights = flights_, id = id_, answer = std::move(answer)]() mutable {
          const auto here = flights.lock();
          if (here == nullptr) return;
          auto waiting = here->waiting.extract(id);
          if (!waiting.empty()) waiting.mapped()(std::move(answer));
        });
  }

  const std::shared_ptr<Wire> wire_;
  const std::weak_ptr<Flights> flights_;
  const NodeId node_;
  const client::Channel::RequestId id_;
  proto::Request request_;
  const Process* node_process_ = nullptr;
  int waits_ = 0;
};

class SimChannel final : public client::Channel {
 public:
  SimChannel(std::shared_ptr<ClientDialer::Wire> wire, NodeId node)
      : wire_(std::move(wire)), node_(node) {}

  RequestId Send(const proto::Request& request, Done done) override {
    const RequestId id = ++last_;
    flights_->waiting.emplace(id, std::move(done));
    std::make_shared<Flight>(wire_, flights_, node_, id, request)->Depart(wire_->Delay());
    return id;
  }
  bool Cancel(RequestId request) override {
    flights_->waiting.erase(request);
    return true;
  }

 private:
  const std::shared_ptr<ClientDialer::Wire> wire_;
  const NodeId node_;
  const std::shared_ptr<Flights> flights_ = std::make_shared<Flights>();
  RequestId last_ = 0;
};

}  // namespace

ClientDialer::ClientDialer(ClientWorld world, const Process* process, Random random)
    : wire_(std::make_shared<Wire>(std::move(world), process, random)) {}

ClientDialer::~ClientDialer() {
  wire_->closed = true;
}

std::unique_ptr<client::Channel> ClientDialer::Open(const std::string& address) {
  const NodeId node(static_cast<std::uint32_t>(std::stoul(address.substr(address.find('-') + 1))));
  return std::make_unique<SimChannel>(wire_, node);
}

}  // namespace ringfort::sim
