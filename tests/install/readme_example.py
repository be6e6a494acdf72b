"""Writes the README's C++ example to a file, so that what the README shows is what is compiled.

usage: readme_example.py README OUTPUT
"""

import pathlib
import re
import sys


def main():
    readme, output = map(pathlib.Path, sys.argv[1:])
    examples = re.findall(r"^```cpp\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)
    if len(examples) != 1:
        sys.exit(f"error: {readme} has {len(examples)} blocks of C++, not one (the test builds exactly one)")
    output.write_text(examples[0])


main()
