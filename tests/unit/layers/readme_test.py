"""Checks that what README.md shows is there: each command, file and package that it names.

The commands of its tour are run by tests/integration/scripts against a live cluster, its C++ example is
built by tests/install. This test needs no build.

usage: readme_test.py ROOT
"""

import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
README = (ROOT / "README.md").read_text()
CI_COMMAND = "scripts/test"


def Blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def Commands():
    """Every line of the README's shell blocks, without comments."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for block in Blocks("sh") for line in block.splitlines())
    return [line for line in lines if line]


class ReadmeTest(unittest.TestCase):
    def testEveryShellBlockSaysWhoTestsIt(self):
        marked = re.findall(r"^<!-- tested: \w+ -->\n```sh$", README, re.MULTILINE)
        self.assertEqual(len(marked), len(Blocks("sh")))

    def testFirstBlockIsTheTwoCommands(self):
        first = re.sub(r"\s+#.*", "", Blocks("sh")[0]).split()
        self.assertEqual(first, ["scripts/quickstart", CI_COMMAND])

    def testCiRunsTheTestCommand(self):
        last = (ROOT / ".ci/run").read_text().strip().splitlines()[-1]
        self.assertEqual(last, f"exec {CI_COMMAND}")

    def testScriptsExistAndExplainThemselves(self):
        scripts = {word for command in Commands() for word in command.split() if word.startswith("scripts/")}
        self.assertGreaterEqual(scripts, {"scripts/quickstart", "scripts/test", "scripts/cluster"})
        for script in sorted(scripts):
            with self.subTest(script=script):
                self.assertTrue(os.access(ROOT / script, os.X_OK))
                done = subprocess.run([ROOT / script, "--help"], capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, timeout=30, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(script, done.stdout)

    def testClusterCommandsAreKnown(self):
        known = (ROOT / "scripts/cluster").read_text().split('"""')[1]
        for command in Commands():
            if command.startswith("scripts/cluster "):
                self.assertIn("scripts/cluster " + command.split()[1], known)

    def testNamedPathsExist(self):
        for path in re.findall(r"`((?:src|scripts|include|cluster-configs|tests|tools)/[^`\s]*)`", README):
            self.assertTrue((ROOT / path).exists(), path)

    def testPackageAndTargetAreTheInstalledOnes(self):
        install = (ROOT / "scripts/cmake/RingfortInstall.cmake").read_text()
        block, = Blocks("cmake")
        self.assertIn("find_package(ringfort ", block)
        self.assertIn("ringfort::client", block)
        self.assertIn("EXPORT_NAME client", install)
        self.assertIn("NAMESPACE ringfort::", install)


if __name__ == "__main__":
    unittest.main()
