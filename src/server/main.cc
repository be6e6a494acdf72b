// ringfortd: one storage node.
#include <glog/logging.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "base/descriptors.h"
#include "server/bring_back.h"
#include "server/log_lines.h"
#include "server/recover.h"
#include "server/server.h"
#include "server/server_flags.h"
#include "server/signals.h"

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
  OpenStandardDescriptors();
  // What is stored is nobody else's business, whatever the shell says.
  ::umask(0077);
  Signals::Block();
  google::InitGoogleLogging(argv[0]);
  LogLines log(STDERR_FILENO);
  Signals signals({.say = [](const std::string& line) { LOG(INFO) << line; },
                   .end =
                       [](int exit_code) {
                         LogLines::Flush();
                         ::_exit(exit_code);
                       }});
  auto flags = ParseServerFlags(argc, argv);
  if (!flags.ok()) return Fail(flags.status(), 2);
  if (flags->recover_cluster || flags->bring_back != 0 || flags->accept_old_copies) {
    signals.SetExitCodeBeforeRunning(1);  // What was asked is not done.
    return ChangeStopped(*flags);
  }
  // A node that was removed ends as if it were told to.
  auto server = Server::Start(
      *flags, {.on_removed = [&signals] { signals.AskToStop("its removal from the cluster"); },
               .dropped_log_lines = [&log] { return log.dropped(); }});
  if (!server.ok()) {
    LogLines::Flush();
    return Fail(server.status(), 1);
  }
  LOG(INFO) << "stopping on " << signals.WaitUntilAsked();
  std::thread([limit = flags->stop_timeout + kEndMax] {
    std::this_thread::sleep_for(limit);
    LOG(ERROR) << "the stop took too long; ending at once";
    LogLines::Flush();
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
