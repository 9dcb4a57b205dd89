#!/usr/bin/env python3
"""Measures what the crate adds to a build, and what mockall adds: CPU seconds.

    python3 benches/build.py

`cargo test --no-run` builds an empty package with an empty target directory. Its only dev-dependency
is this crate, or mockall. Neither is compiled incrementally, as no crate of a registry is. The two take
turns. The figure is the median of the rounds' ratios; it fails if that is above the goal.
"""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPENDENCIES = {"dism-emu": f'{{ path = "{ROOT}" }}', "mockall": '"0.15"'}
ROUNDS = 5
GOAL = 1.25


def package(name, dependency):
    """Makes an empty package whose dependencies have the versions of this repository."""
    folder = ROOT / "target" / "build-cost" / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").touch()
    (folder / "Cargo.toml").write_text(f"""[package]
name = "empty"
edition = "2024"

[dev-dependencies]
{name} = {dependency}

[profile.dev]
incremental = false

[workspace]
""")
    shutil.copy(ROOT / "Cargo.lock", folder)
    subprocess.run(["cargo", "fetch", "--quiet"], cwd=folder, check=True)
    return folder


def seconds(folder):
    """Returns the CPU seconds of one build."""
    shutil.rmtree(folder / "target", ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target")}
    subprocess.run(["cargo", "test", "--no-run", "--quiet"], cwd=folder, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    packages = [package(*it) for it in DEPENDENCIES.items()]
    rounds = [[seconds(folder) for folder in packages] for _ in range(ROUNDS)]
    rounds.sort(key=lambda times: times[0] / times[1])
    ours, rival = rounds[ROUNDS // 2]
    met = ours / rival <= GOAL
    print(f"cargo test --no-run : mockall  {ours:.1f} s  {rival:.1f} s  {ours / rival:.2f}  "
          f"{GOAL} {'met' if met else 'missed'}")
    sys.exit(not met)


if __name__ == "__main__":
    main()
