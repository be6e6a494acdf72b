"""Runs the README's tour, line for line, and looks at what it prints.

usage: readme_tour_test.py ROOT       (RINGFORT_BIN_DIR names the folder of the binaries)
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()


class ReadmeTourTest(unittest.TestCase):
    def testTour(self):
        tour = re.search(r"^<!-- tested: tour -->\n```sh\n(.*?)^```$", (ROOT / "README.md").read_text(),
                         re.MULTILINE | re.DOTALL)[1]
        # The one thing that differs from what a newcomer types: which build is tried.
        tour, replaced = re.subn("build/release/bin", os.environ["RINGFORT_BIN_DIR"], tour)
        self.assertGreater(replaced, 0)
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"RINGFORT_CLUSTER_DIR": f"{folder}/cluster"}
            try:
                done = subprocess.run(
                    ["bash", "-c", f"set -euo pipefail; shopt -s expand_aliases\n{tour}"], cwd=ROOT,
                    env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200,
                    check=False)
            finally:
                subprocess.run([ROOT / "scripts/cluster", "down", "--wipe"], env=environment,
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=90, check=False)
        output = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, output)
        self.assertEqual(done.stdout.count("hello, ring"), 3, output)  # Two gets and a scan.
        packages = subprocess.run(["dpkg-query", "--show"], capture_output=True, text=True, check=True)
        # Beside the packages, `export` counts the greeting.
        self.assertIn(f"\n{len(packages.stdout.splitlines()) + 1}\n", done.stdout, output)


if __name__ == "__main__":
    unittest.main()
