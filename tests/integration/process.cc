#include "tests/integration/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/check.h"

namespace ringfort::integration {

Process::Process(const std::vector<std::string>& words, std::string output_file)
    : output_file_(std::move(output_file)) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  RF_CHECK(pid_ >= 0) << "no process for " << words[0];
  if (pid_ != 0) return;
  // The child, which may be one of many threads: only calls that are safe there. It ends with a
  // test that aborts, too.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int in = ::open("/dev/null", O_RDONLY);
  const int out = ::open(output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const bool ready = ::getppid() == parent && ::dup2(in, STDIN_FILENO) >= 0 &&
                     ::dup2(out, STDOUT_FILENO) >= 0 && ::dup2(out, STDERR_FILENO) >= 0;
  if (ready) ::execv(argv[0], argv.data());
  ::_exit(127);
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
