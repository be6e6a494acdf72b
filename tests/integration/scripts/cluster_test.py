"""Types what scripts/cluster offers, on three nodes with ports of their own.

usage: cluster_test.py ROOT       (RINGFORT_BIN_DIR names the folder of the binaries)
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

CLUSTER = pathlib.Path(sys.argv.pop(1)).resolve() / "scripts/cluster"


def FreePorts(count):
    """Ports that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class ClusterTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name, "cluster")
        self.config = pathlib.Path(folder.name, "three.textproto")
        self.ports = FreePorts(3)
        self.config.write_text('cluster_name: "scripts-test"\nshards: 8\n' + "".join(
            f'nodes {{ id: {i} address: "127.0.0.1:{port}" zone: "z{i}" }}\n'
            for i, port in enumerate(self.ports, 1)))
        self.addCleanup(self.Run, "down", "--wipe")

    def Run(self, *words):
        return subprocess.run([CLUSTER, *words], env=os.environ | {"RINGFORT_CLUSTER_DIR": str(self.home)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              check=False)

    def Expect(self, code, *words, says=""):
        done = self.Run(*words)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        self.assertIn(says, done.stdout + done.stderr)
        return done.stdout

    def States(self):
        """What the first lines of `status` say: {node: state}."""
        lines = self.Expect(0, "status").split("\n\n")[0].splitlines()
        return {line.split()[1]: line.split()[3] for line in lines}

    def testALife(self):
        self.Expect(0, "up", f"--config={self.config}", says="all 8 shards have a primary")
        self.assertEqual(self.States(), {"1": "running", "2": "running", "3": "running"})
        self.Expect(0, "up", says="all 8 shards")

        self.Expect(0, "kill", "1", says="node 1 killed")
        self.Expect(1, "kill", "1", says="node 1 is stopped")
        self.assertEqual(self.States()["1"], "stopped")
        self.Expect(0, "up", says="node 1 started")
        said = json.loads(self.Expect(0, "status", "--format=json"))
        self.assertEqual([node["state"] for node in said["nodes"]], ["up"] * 3, "up returned before node 1 was back")

        self.Expect(0, "pause", "2", says="node 2 paused")
        self.Expect(1, "pause", "2", says="node 2 is paused")
        self.assertEqual(self.States()["2"], "paused")
        self.Expect(0, "resume", "2", says="node 2 resumed")
        self.Expect(1, "resume", "2", says="node 2 is running")

        self.Expect(0, "restart", "3", says="node 3 started")
        status = json.loads(self.Expect(0, "status", "--format=json"))
        self.assertEqual(status["summary"]["shards"], 8)
        self.assertEqual(status["summary"]["with_primary"], 8)
        self.assertEqual(sorted(node["id"] for node in status["nodes"]), [1, 2, 3])

        self.Expect(0, "down", says="their data stays")
        self.assertTrue((self.home / "node-1").is_dir())
        self.Expect(1, "status", says="did not answer")
        self.Expect(0, "up", says="all 8 shards have a primary")
        self.Expect(0, "down", "--wipe", says="deleted")
        self.assertFalse(self.home.exists())

    @unittest.skipUnless(pathlib.Path("/proc/net/if_inet6").exists(), "this machine has no IPv6")
    def testNodesOnIpv6(self):
        self.config.write_text(self.config.read_text().replace("127.0.0.1", "[::1]"))
        self.Expect(0, "up", f"--config={self.config}", says="all 8 shards have a primary")

    def testAPortInUseStopsUpAndLeavesNothing(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.ports[2]))
            taken.listen()
            self.Expect(1, "up", f"--config={self.config}", says=f"cannot listen on 127.0.0.1:{self.ports[2]}")
        self.Expect(1, "status", says="there is no cluster")
        self.assertEqual([f.name for f in self.home.iterdir()], ["lock"])

    def testAConfigWithAMistakeIsReportedByTheNode(self):
        self.config.write_text(self.config.read_text().replace("shards: 8", "shards: 7"))
        self.Expect(1, "up", f"--config={self.config}", says="shards")

    def testAnotherConfigThanTheDataIsRefused(self):
        self.Expect(0, "up", f"--config={self.config}")
        other = self.config.with_name("other.textproto")
        other.write_text(self.config.read_text() + "# another\n")
        self.Expect(1, "up", f"--config={other}", says="made from another config")

    def testARecordedPidOfAnotherProgramIsLeftAlone(self):
        self.Expect(0, "up", f"--config={self.config}")
        self.Expect(0, "kill", "1")
        with subprocess.Popen(["sleep", "60"]) as bystander:
            (self.home / "node-1.pid").write_text(f"{bystander.pid}\n")
            self.Expect(1, "kill", "1", says="node 1 is stopped")
            self.assertIsNone(bystander.poll())
            bystander.kill()

    def testWrongWords(self):
        for words, says in [([], "no command"), (["start"], "'start'"), (["kill"], "one node"),
                            (["kill", "1", "2"], "one node"), (["up", "--wipe"], "--wipe"),
                            (["up", "--config="], "--config=FILE"), (["down", "1"], "no node"),
                            (["status", "--format=xml"], "text or json")]:
            with self.subTest(words=words):
                self.Expect(2, *words, says=says)
        for command in ["status", "kill 1", "pause 1", "resume 1", "restart 1"]:
            self.Expect(1, *command.split(), says="there is no cluster")
        self.Expect(1, "up", "--config=/nowhere", says="/nowhere")
        self.Expect(0, "down", says="there is no cluster")


if __name__ == "__main__":
    unittest.main()
