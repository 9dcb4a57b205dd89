#!/usr/bin/env python3
"""Finds words that readers have to read twice, and says what to write instead.

    python3 tests/words.py                # the whole project
    python3 tests/words.py src README.md  # these files and folders

Prose is read in Markdown, and in the comments and strings of everything else; names are read in the
code, too. A pattern finds what is always wrong. Whether a sentence is plain, only a reader can tell.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PROSE = [
    (r"\b(gives?|gave|giving)\b(?! (up|back|way|out|in)\b)", "returns, makes, has"),
    (r"(?<!in )(?<!in its )(?<!take )(?<!takes )\bplaces?\b", "location, point, or what it is"),
    (r"\b(is|are|was|were|be|been|gets?) told\b|\btells? of\b", "is reported, reports"),
    (r"\bstand(s|ing)? (in|on)\b", "is in, is built on"),
    (r"\bcomes? (in|to) (a|the|its|both|one) (hold|point|ends?)\b", "reaches"),
    (r"\bcomes? out as\b", "returns, is"),
    (r"\bkeeps? quiet\b", "says nothing, is silent"),
    (r"\brules? (that )?(means?|meant)\b|\b(is|are) meant\b", "matches"),
    (r"[.:;] Where \w+|\* Where \w+", "If, When"),
    (r"\blets? (the|a|this|that|any|each) call through\b|\blet through\b", "allows"),
    (r"\bon the ways? that errors? takes?\b", "on error paths"),
    (r"\bof which what\b", "two sentences"),
]

NAMES = [
    (r"\bnoted\b", "record_last_error"),
    (r"\blet_through\b|\blets_through\b", "allows"),
    (r"\bAsk(ing|ed)\b", "Query"),
    (r"\bInForce\b", "ActiveRule, ActiveHold"),
    (r"\bMissed\b", "HoldError"),
    (r"\bDebts\b|\bOwed\b|\bLent\b", "Outstanding, Obligation, Allocation"),
    (r"\bis_it\b", "what it asks"),
]

SUFFIXES = {".rs", ".md", ".py", ".c", ".h", ".cs", ".toml"}

# A comment, or a string. A raw string is found as what is between its quotes.
IN_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.|\\\n)*"', re.S)
IN_SCRIPT = re.compile(r'(?m)^\s*#[^\n]*|"""(?:.*?)"""', re.S)


def prose(path, text):
    """Yields each stretch of prose, with where it begins."""
    if path.suffix == ".md":
        yield 0, text
        return
    pattern = IN_SCRIPT if path.suffix in {".py", ".toml", ""} else IN_CODE
    for found in pattern.finditer(text):
        yield found.start(), found[0]


def files(arguments):
    command = ["git", "ls-files", "--", *(arguments or ["."])]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        path = ROOT / name
        is_script = name == ".ci/run" or name.endswith("/run")
        if (path.suffix in SUFFIXES or is_script) and path != Path(__file__).resolve():
            yield name, path


def main():
    count = 0
    for name, path in files(sys.argv[1:]):
        text = path.read_text(encoding="utf-8")
        found = [(start + match.start(), match[0].strip(), instead)
                 for start, stretch in prose(path, text)
                 for pattern, instead in PROSE
                 for match in re.finditer(pattern, stretch, re.I if "Where" not in pattern else 0)]
        found += [(match.start(), match[0], instead)
                  for pattern, instead in NAMES for match in re.finditer(pattern, text)]
        for at, words, instead in sorted(found):
            count += 1
            print(f"{name}:{text.count(chr(10), 0, at) + 1}: {words!r}: {instead}")
    if count:
        sys.exit(f"{count} to be said in plainer words")


if __name__ == "__main__":
    main()
