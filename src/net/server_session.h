// What happens on one connection that a listener accepted.
#pragma once

#include "net/asio.h"
#include "net/event_loop.h"
#include "net/server.h"

namespace ringfort::net {

/// Takes the socket, on its loop, and serves it until it ends: first its hello, then as a client or
/// as a peer. `shared` outlives the connection's life.
void BeginSession(ListenerShared* shared, EventLoop* loop, Tcp::socket socket);

}  // namespace ringfort::net
