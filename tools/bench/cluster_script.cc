#include "tools/bench/cluster_script.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace ringfort::bench {

Status RunClusterScript(const std::string& script, const std::string& word, std::uint32_t node) {
  std::string program = script;
  std::string command = word;
  std::string id = std::to_string(node);
  std::array<char*, 4> args = {program.data(), command.data(), id.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, program.c_str(), &actions, nullptr, args.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return {Code::kIoError, script + " cannot be run: " + std::strerror(error) +
                                " (name it with --cluster-script=FILE)"};
  }
  int state = 0;
  while (::waitpid(child, &state, 0) < 0) {
    if (errno != EINTR)
      return {Code::kIoError, script + ": waiting failed: " + std::strerror(errno)};
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return Status::Ok();
  return {Code::kUnavailable, script + " " + word + " " + id + " failed (its error is above)"};
}

}  // namespace ringfort::bench
