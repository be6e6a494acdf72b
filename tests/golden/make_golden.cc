// Prints the formats that the newest feature level adds, as this program writes them, a line each:
// NAME HEX. Run once for each release, when it is made: make_golden >
// tests/golden/RELEASE/formats.txt
#include <cstdio>

#include "tests/golden/samples.h"

int main() {
  for (const ringfort::golden::Sample& sample : ringfort::golden::LevelOne()) {
    std::printf("%s ", sample.name.c_str());
    for (const char byte : sample.bytes) std::printf("%02x", static_cast<unsigned char>(byte));
    std::printf("\n");
  }
}
