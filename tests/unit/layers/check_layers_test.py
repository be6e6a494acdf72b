"""Plants every kind of mistake in a small sound house and expects scripts/check-layers to find it.

usage: check_layers_test.py PATH_OF_CHECK_LAYERS [UNITTEST ARGUMENT...]
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK_LAYERS = pathlib.Path(sys.argv.pop(1)).resolve()

MAP = """# A small house

| layer | folder | what lives there |
|---|---|---|
| 0 | `include/ringfort/` | the public API |
| 0 | `proto/ringfort/` | formats |
| 1 | `src/base/` | vocabulary |
| 2 | `src/raft/` | consensus |
| 2 | `src/ring/` | placement |
| 3 | `src/wire/` | frames |
| 7 | `src/net/` | sockets |
| 7 | `src/rocks/` | RocksDB |
| 7 | `src/wal/` | the log |
| 8 | `src/sdk/` | the client, put together |
| 9 | `tools/` | programs |
| 9 | `tests/` | tests |

| library | headers | targets | may be used in |
|---|---|---|---|
| Boost.Asio | `boost/*` | `Boost::*` `ringfort_asio` | `include/ringfort/asio.h` `src/net/` |
| RocksDB | `rocksdb/*` | `RocksDB::*` | `src/rocks/` |
| protobuf | `google/protobuf/*` `ringfort/*.pb.h` | `ringfort_proto` | `src/wire/` `src/net/` |
| glog | `glog/*` | `glog::*` | `src/rocks/` |

| from | may also use | why |
|---|---|---|
| `tools/ctl/` | `src/wal/` | reads the log |
"""

SOUND_HOUSE = {
    "src/README.md": MAP,
    "include/ringfort/client.h": '#include <string>\n#include "ringfort/status.h"\n',
    "include/ringfort/status.h": "#pragma once\n",
    "include/ringfort/asio.h": "#include <boost/asio.hpp>\n",
    "proto/ringfort/client.proto": "",
    "src/base/ids.h": "#include <cstdint>\n",
    "src/base/CMakeLists.txt": "ringfort_library(base SOURCES ids.cc)\n",
    "src/raft/raft.h": '#include "base/ids.h"\n#include "raft/log.h"\n#include "ringfort/status.h"\n',
    "src/raft/CMakeLists.txt": "ringfort_library(raft SOURCES raft.cc LINKS ringfort_base)\n",
    "src/ring/CMakeLists.txt": "ringfort_library(ring LINKS ringfort_base)  # not ringfort_net\n",
    "src/wire/frame.h": '#include "raft/raft.h"\n#include "ringfort/client.pb.h"\n',
    "src/wire/CMakeLists.txt":
        "ringfort_library(wire SOURCES frame.cc\n  LINKS ringfort_raft ringfort_ring ringfort_proto)\n",
    "src/net/loop.h": "#include <boost/asio.hpp>\n",
    "src/net/CMakeLists.txt": "ringfort_library(net LINKS ringfort_wire PRIVATE_LINKS ringfort_asio)\n",
    "src/rocks/store.cc": "#include <rocksdb/db.h>\n#include <glog/logging.h>\n",
    "src/rocks/CMakeLists.txt": "ringfort_library(rocks PRIVATE_LINKS RocksDB::rocksdb glog::glog)\n",
    "src/wal/wal.h": "",
    "src/wal/CMakeLists.txt": "ringfort_library(wal LINKS ringfort_base)\n",
    "src/sdk/CMakeLists.txt": "ringfort_library(sdk LINKS ringfort_net)\n",
    "src/decisions/0001-why.md": "",
    "tools/ctl/main.cc": '#include "tools/ctl/args.h"\n#include "ringfort/client.h"\n#include "wal/wal.h"\n',
    "tools/ctl/CMakeLists.txt": "ringfort_program(ringfortctl SOURCES main.cc LINKS ringfort_sdk ringfort_wal)\n",
    "tools/bench/main.cc": '#include "ringfort/client.h"\n',
    "tests/unit/raft/raft_test.cc": '#include "net/loop.h"\n#include <rocksdb/db.h>\n',
}


class CheckLayersTest(unittest.TestCase):
    def Run(self, files):
        """Checks the house made of `files`; (exit code, output)."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                file = pathlib.Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            done = subprocess.run([sys.executable, CHECK_LAYERS, root], capture_output=True,
                                  text=True, timeout=30, check=False)
            return done.returncode, done.stdout + done.stderr

    def ExpectFound(self, path, text, *words):
        """The sound house, with `text` planted in `path`, has exactly one violation: `words`, there."""
        code, output = self.Run(SOUND_HOUSE | {path: text})
        self.assertEqual(code, 1, output)
        found = [line for line in output.splitlines() if not line.startswith("layers:")]
        self.assertEqual(len(found), 1, output)
        self.assertTrue(found[0].startswith(f"{path}:"), output)
        for word in words:
            self.assertIn(word, found[0])

    def ExpectBadMap(self, old, new, word):
        self.assertIn(old, MAP)
        code, output = self.Run(SOUND_HOUSE | {"src/README.md": MAP.replace(old, new)})
        self.assertEqual(code, 2, output)
        self.assertIn(word, output)

    def testSoundHousePasses(self):
        code, output = self.Run(SOUND_HOUSE)
        self.assertEqual((code, output), (0, "layers: in order\n"))

    def testIncludeOfAHigherLayer(self):
        self.ExpectFound("src/raft/log.h", '\n#include "wire/frame.h"\n', ":2:", "src/wire/")

    def testIncludeOfTheSameLayer(self):
        self.ExpectFound("src/ring/ring.h", '#include "raft/raft.h"\n', "src/raft/")

    def testIncludeInAngleBracketsOrWithSpaces(self):
        self.ExpectFound("src/raft/log.h", "#include <wire/frame.h>\n", "src/wire/")
        self.ExpectFound("src/raft/log.h", '  #  include "wire/frame.h"\n', "src/wire/")

    def testPublicApiIncludesNothingOfSrc(self):
        self.ExpectFound("include/ringfort/status.h", '#include "base/ids.h"\n', "src/base/")

    def testPublicApiIncludesNoGeneratedHeader(self):
        code, output = self.Run(SOUND_HOUSE | {
            "include/ringfort/status.h": '#include "ringfort/client.pb.h"\n'})
        self.assertEqual(code, 1)
        self.assertIn("include/ringfort/status.h:1:", output)

    def testBoostInThePublicApiOutsideItsOneHeader(self):
        self.ExpectFound("include/ringfort/client.h", "#include <boost/asio.hpp>\n", "Boost.Asio")

    def testThirdPartyHeadersOutsideTheirFolders(self):
        for path, header in [("src/raft/log.h", "boost/asio.hpp"), ("src/wire/frame.h", "rocksdb/db.h"),
                             ("src/raft/log.h", "ringfort/client.pb.h"),
                             ("src/raft/log.h", "google/protobuf/message.h"),
                             ("src/net/loop.h", "glog/logging.h"),
                             ("tools/ctl/main.cc", "rocksdb/db.h")]:
            with self.subTest(path=path, header=header):
                self.ExpectFound(path, f"#include <{header}>\n", header)

    def testRelativeInclude(self):
        self.ExpectFound("src/base/check.h", '#include "ids.h"\n', "relative")

    def testToolsStandOnThePublicApi(self):
        self.ExpectFound("tools/bench/main.cc", '#include "net/loop.h"\n', "public API")

    def testExceptionCountsOnlyWhereItIsMade(self):
        self.ExpectFound("tools/bench/main.cc", '#include "wal/wal.h"\n', "src/wal/")

    def testLinkOfAHigherLayer(self):
        for keyword in ["LINKS", "PRIVATE_LINKS"]:
            with self.subTest(keyword=keyword):
                self.ExpectFound("src/raft/CMakeLists.txt",
                                 f"ringfort_library(raft\n  SOURCES raft.cc\n  {keyword} ringfort_wire)\n",
                                 ":3:", "ringfort_wire")

    def testLinkOfTheSameLayer(self):
        self.ExpectFound("src/ring/CMakeLists.txt", "ringfort_library(ring LINKS ringfort_raft)\n",
                         "ringfort_raft")

    def testLinkBesideRingfortLibrary(self):
        self.ExpectFound("src/raft/CMakeLists.txt",
                         "target_link_libraries(ringfort_raft PRIVATE ringfort_net)\n", "ringfort_net")

    def testThirdPartyLinksOutsideTheirFolders(self):
        for path, target in [("src/raft/CMakeLists.txt", "ringfort_asio"),
                             ("src/raft/CMakeLists.txt", "ringfort_proto"),
                             ("src/net/CMakeLists.txt", "glog::glog"),
                             ("src/sdk/CMakeLists.txt", "RocksDB::rocksdb")]:
            with self.subTest(path=path, target=target):
                self.ExpectFound(path, f"ringfort_library(x LINKS {target})\n", target)

    def testProgramLinksMoreThanThePublicApi(self):
        self.ExpectFound("tools/bench/CMakeLists.txt",
                         "ringfort_program(ringfort-bench SOURCES main.cc LINKS ringfort_wal)\n",
                         "ringfort_wal")

    def testFolderWithoutARow(self):
        code, output = self.Run(SOUND_HOUSE | {
            "src/meta/meta.h": "", "src/meta/CMakeLists.txt": "ringfort_library(meta)\n"})
        self.assertEqual(code, 1)
        self.assertIn("src/meta/ has no row", output)

    def testFolderWithoutCMakeLists(self):
        files = {k: v for k, v in SOUND_HOUSE.items() if k != "src/wire/CMakeLists.txt"}
        code, output = self.Run(files)
        self.assertEqual(code, 1)
        self.assertIn("src/wire/CMakeLists.txt:1: is missing", output)

    def testRowWithoutAFolder(self):
        files = {k: v for k, v in SOUND_HOUSE.items() if not k.startswith("src/ring/")}
        code, output = self.Run(files | {
            "src/wire/CMakeLists.txt": "ringfort_library(wire LINKS ringfort_raft)\n"})
        self.assertEqual(code, 1)
        self.assertIn("src/ring/ is in the layer table but does not exist", output)

    def testSourceOutsideEveryFolder(self):
        self.ExpectFound("src/stray.h", "", "stands in no folder")

    def testMapThatCannotBeRead(self):
        self.ExpectBadMap("| layer | folder |", "| floor | folder |", "0 tables")
        self.ExpectBadMap("| 2 | `src/ring/`", "| two | `src/ring/`", "two")
        self.ExpectBadMap("| 2 | `src/ring/`", "| 2 | `src/raft/`", "twice")
        self.ExpectBadMap("| `src/wal/` | reads", "| `src/meta/` | reads", "src/meta/")
        code, output = self.Run({"src/base/ids.h": ""})
        self.assertEqual(code, 2, output)
        self.assertIn("cannot be read", output)


if __name__ == "__main__":
    unittest.main()
