// Uses the installed client: it links, it runs, and a cluster that is not there is one clear error
// in time.
#include <ringfort/client.h>

#include <chrono>
#include <iostream>

int main() {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;

  // Port 1 needs a privileged program to listen on it, and none does.
  const auto start = steady_clock::now();
  const auto client =
      ringfort::Client::Connect({.seeds = {"127.0.0.1:1"}, .timeout = milliseconds(500)});
  const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  if (client.ok()) {
    std::cerr << "connected to a cluster that is not there\n";
    return 1;
  }
  const ringfort::Status status = client.status();
  std::cout << status.ToString() << " (" << took.count() << " ms)\n";
  if (status.code() != ringfort::Code::kUnavailable ||
      status.message().find("127.0.0.1:1") == std::string::npos) {
    std::cerr << "expected Unavailable with the seed's address in its message\n";
    return 1;
  }
  if (took > milliseconds(3000)) {
    std::cerr << "Connect took far longer than its timeout of 500 ms\n";
    return 1;
  }
  return 0;
}
