#include "tests/integration/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/check.h"

extern char** environ;

namespace ringfort::integration {

Process::Process(const std::vector<std::string>& words, std::string output_file)
    : output_file_(std::move(output_file)) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_file_.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  RF_CHECK(error == 0) << words[0] << " cannot be started, errno " << error;
}

Process::~Process() {
  Kill();
}

void Process::Signal(int signal) const {
  if (!exit_code_) ::kill(pid_, signal);
}

std::optional<int> Process::Reap(bool block) {
  if (exit_code_) return exit_code_;
  int status = 0;
  if (::waitpid(pid_, &status, block ? 0 : WNOHANG) != pid_) return std::nullopt;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

std::optional<int> Process::Wait(std::chrono::milliseconds limit) {
  if (auto code = Reap(/*block=*/false)) return code;
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  RF_CHECK(fd >= 0);
  pollfd ended{fd, POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(limit.count()));
  ::close(fd);
  return Reap(/*block=*/false);
}

void Process::Kill() {
  Signal(SIGKILL);
  Reap(/*block=*/true);
}

std::string Process::Output() const {
  std::ifstream file(output_file_);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace ringfort::integration
