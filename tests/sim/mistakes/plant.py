#!/usr/bin/env python3
"""Copies one source file and applies to the copy what a patch says about it."""

import argparse
import pathlib
import re
import subprocess
import sys


def section_of(patch_text, file):
    """The part of a unified diff that is about one file."""
    parts = re.split(r"(?m)^(?=--- a/)", patch_text)
    return "".join(part for part in parts if part.startswith(f"--- a/{file}\n"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("patch", "root", "file", "out", "patch_program"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()

    out = pathlib.Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    section = section_of(pathlib.Path(args.patch).read_text(), args.file)
    done = subprocess.run(
        [args.patch_program, "--quiet", "--fuzz=2", "--no-backup-if-mismatch", "--reject-file=-",
         f"--output={out}", f"{args.root}/{args.file}"],
        input=section, text=True, capture_output=True)
    if done.returncode != 0 or not section:
        out.unlink(missing_ok=True)
        sys.exit(f"error: {args.patch} no longer applies to {args.file}: the code has changed "
                 f"(plant the same mistake into the new code)\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
