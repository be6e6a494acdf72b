#!/usr/bin/env python3
"""Runs simulators with a planted mistake until each is found, and fails where one is not.

Each patch says in its head "Found within: N seeds". The seeds 1 to N are run, with 3 and with 5
nodes, until something is wrong.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 20  # Of faults in each run, simulated.


def seeds_of(name):
    """How many seeds the mistake may take."""
    head = (HERE / f"{name}.patch").read_text().split("\n--- ", 1)[0]
    found = re.search(r"^Found within: (\d+) seeds?$", head, re.MULTILINE)
    if not found:
        sys.exit(f"error: {name}.patch does not say 'Found within: N seeds' before its diff")
    return int(found.group(1))


def hunt(bin_dir, name):
    """Found or not, at which seed, by what, and after how many simulated seconds."""
    simulator = bin_dir / f"ringfort-sim-{name}"
    if not simulator.exists():
        sys.exit(f"error: there is no {simulator} (build it: cmake --build --target {simulator.name})")
    run = subprocess.run(
        [str(simulator), "--stop", "--nodes=3,5", f"--seconds={SECONDS}",
         f"--runs={seeds_of(name)}"],
        capture_output=True, text=True)
    wrong = re.search(r"seed (\d+), (\d+) nodes: WRONG.*\n  (.*)", run.stdout)
    total = re.search(r"calls, (\d+) simulated s", run.stdout)
    if wrong:
        checker, _, what = wrong.group(3).partition(": ")
        return True, f"{wrong.group(1)} ({wrong.group(2)} nodes)", checker, total.group(1), what
    check = re.search(r"\S+: check failed: .*", run.stderr)
    if run.returncode != 0 and check:
        seed = re.search(r"--seed=(\d+) .*--nodes=(\d+)", run.stderr)
        return True, f"{seed.group(1)} ({seed.group(2)} nodes)", "a check in src/", "-", check[0]
    if run.returncode != 0:
        sys.exit(f"error: ringfort-sim-{name} ended with {run.returncode}:\n{run.stderr}")
    return False, "-", "NOT FOUND", total.group(1), "no checker noticed it"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, type=pathlib.Path, help="where ringfort-sim-* are")
    parser.add_argument("--all", action="store_true", help="every mistake")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    names = sorted(path.stem for path in HERE.glob("*.patch")) if args.all else args.names
    if not names:
        parser.error("name mistakes, or give --all")

    rows = []
    for i, name in enumerate(names, 1):
        began = time.monotonic()
        found, seed, checker, simulated, what = hunt(args.bin, name)
        rows.append((name, seed, checker, simulated))
        print(f"[{i}/{len(names)}] {name}: seed {seed}, {checker}: {what} "
              f"({time.monotonic() - began:.1f} s)", flush=True)

    titles = ("mistake", "found at seed", "by", "simulated s")
    widths = [max(len(row[i]) for row in [titles, *rows]) for i in range(4)]
    print()
    for row in [titles, *rows]:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    missed = [row[0] for row in rows if row[2] == "NOT FOUND"]
    if missed:
        sys.exit(f"error: not found: {', '.join(missed)} (strengthen faults, workload or checkers, "
                 "never the mistake)")


if __name__ == "__main__":
    main()
