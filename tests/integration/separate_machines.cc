#include "tests/integration/separate_machines.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/check.h"
#include "tests/integration/local_cluster.h"

namespace ringfort::integration {
namespace {

std::string NamespaceOf(const std::string& process) {
  return "/proc/" + process + "/ns/net";
}

std::string NamespaceOf(const Process& process) {
  return NamespaceOf(std::to_string(process.pid()));
}

/// Without root: in a user namespace of its own a process may do the same.
bool EnterAsAnybody() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  return ::geteuid() == 0;
}

}  // namespace

std::string SeparateMachines::Enter() {
  if (::unshare(CLONE_NEWNET) != 0 && !EnterAsAnybody()) {
    return std::string("this process may not make network namespaces: ") + std::strerror(errno) +
           " (run the test as root, or allow user namespaces)";
  }
  for (const char* tool : {"ip -Version", "nft --version", "nsenter --version"}) {
    const std::string command = std::string(tool) + " >/dev/null";
    RF_CHECK(std::system(command.c_str()) == 0) << tool << " does not run: run scripts/setup";
  }
  if (std::system("ip link add probe type bridge && ip link del probe") != 0 ||
      std::system("nft add table netdev probe && nft delete table netdev probe") != 0) {
    return "this kernel has no bridges, or nf_tables cannot drop packets at their ports";
  }
  return "";
}

SeparateMachines::SeparateMachines(std::uint32_t machines, const std::string& dir) : dir_(dir) {
  MustRun("ip link set lo up");
  MustRun("ip link add switch type bridge");
  MustRun("ip address add " + AddressOf(254) + "/24 dev switch");
  MustRun("ip link set switch up");
  const std::filesystem::path own = std::filesystem::read_symlink(NamespaceOf("thread-self"));
  for (std::uint32_t machine = 1; machine <= machines; ++machine) {
    machines_.push_back(std::make_unique<Process>(
        std::vector<std::string>{"/usr/bin/unshare", "--net", "sleep", "infinity"},
        dir_ + "/machines.log"));
    const Process& process = *machines_.back();
    RF_CHECK(Eventually(std::chrono::seconds(10), [&] {
      std::error_code gone;
      const auto its = std::filesystem::read_symlink(NamespaceOf(process), gone);
      return !gone && its != own;
    })) << process.Output();
    const std::string port = "port" + std::to_string(machine);
    MustRun("ip link add " + port + " type veth peer name eth0 netns " +
            std::to_string(process.pid()));
    MustRun("ip link set " + port + " master switch up");
    const std::string there = "nsenter --net=" + NamespaceOf(process) + " ip ";
    MustRun(there + "link set lo up");
    MustRun(there + "address add " + AddressOf(machine) + "/24 dev eth0");
    MustRun(there + "link set eth0 up");
  }
}

std::string SeparateMachines::AddressOf(std::uint32_t machine) {
  return "10.77.0." + std::to_string(machine);
}

std::vector<std::string> SeparateMachines::RunOn(std::uint32_t machine) const {
  return {"/usr/bin/nsenter", "--net=" + NamespaceOf(*machines_.at(machine - 1))};
}

void SeparateMachines::Cut(const std::vector<Way>& ways) const {
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_sender;
  for (const auto& [from, to] : ways) by_sender[from].push_back(to);
  const std::string file = dir_ + "/cut.nft";
  std::ofstream rules(file);
  rules << "table netdev cut {\n";
  for (const auto& [from, receivers] : by_sender) {
    rules << "chain from" << from << " { type filter hook ingress device \"port" << from
          << "\" priority 0; policy accept;\n";
    for (const std::uint32_t to : receivers) rules << "ip daddr " << AddressOf(to) << " drop\n";
    rules << "}\n";
  }
  rules << "}\n";
  rules.close();
  MustRun("nft -f " + file);
}

void SeparateMachines::Heal() const {
  MustRun("nft delete table netdev cut");
}

void SeparateMachines::MustRun(const std::string& command) {
  RF_CHECK(std::system(command.c_str()) == 0) << "failed: " << command;
}

}  // namespace ringfort::integration
