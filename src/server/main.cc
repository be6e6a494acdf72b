// ringfortd: one storage node.
#include <glog/logging.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "server/bring_back.h"
#include "server/recover.h"
#include "server/server.h"
#include "server/server_flags.h"

namespace ringfort::server {
namespace {

/// What remains to be done once nobody is waited for any more.
constexpr std::chrono::seconds kEndMax{8};

int Fail(const Status& status, int exit_code) {
  std::fprintf(stderr, "error: ringfortd: %s\n", status.message().c_str());
  return exit_code;
}

// No node is started.
int ChangeStopped(const ServerFlags& flags) {
  const Result<std::string> done =
      flags.recover_cluster   ? RecoverCluster(flags.data_dir, flags.dry_run)
      : flags.bring_back != 0 ? BringBack(flags.data_dir, flags.bring_back, flags.dry_run)
                              : AcceptOldCopies(flags.data_dir, flags.dry_run);
  if (!done.ok()) return Fail(done.status(), 1);
  std::fputs(done->c_str(), stdout);
  return 0;
}

int Main(int argc, char** argv) {
  auto flags = ParseServerFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status(), 2);
  if (flags->recover_cluster || flags->bring_back != 0 || flags->accept_old_copies) {
    return ChangeStopped(*flags);
  }
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);

  // The signals are taken by sigwait below; every thread made from here on leaves them alone.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  // A node that was removed ends as if it were told to.
  auto server = Server::Start(*flags, [] { ::kill(::getpid(), SIGTERM); });
  if (!server.ok()) return Fail(server.status(), 1);
  int signal = 0;
  sigwait(&signals, &signal);
  LOG(INFO) << "stopping on " << (signal == SIGTERM ? "SIGTERM" : "SIGINT");
  std::thread([limit = flags->stop_timeout + kEndMax] {
    std::this_thread::sleep_for(limit);
    LOG(ERROR) << "the stop took too long; ending at once";
    google::FlushLogFiles(google::INFO);
    ::_exit(1);
  }).detach();
  server->reset();
  LOG(INFO) << "stopped";
  return 0;
}

}  // namespace
}  // namespace ringfort::server

int main(int argc, char** argv) {
  return ringfort::server::Main(argc, argv);
}
