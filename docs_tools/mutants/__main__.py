"""Mistakes planted at random: ``python -m docs_tools.mutants --sample 20 --seed 1``.

Each is made in a copy of the checkout, and the tests that reach its line run there until one
fails. What no test of a mutant can see is listed with its reason in ``equivalents.toml``.
"""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from docs_tools.mutants.reach import digest, nearest, reaching
from docs_tools.mutants.sampling import Mutant, sample

PACKAGES = ("symdiff", "autodiff", "compare")
_EQUIVALENTS = Path(__file__).with_name("equivalents.toml")
#: Seconds of recorded tests that a mutant is given, and what a start of pytest may take.
_MOST_S, _START_S = 60.0, 60.0
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "site", "_build")


@contextmanager
def _copied(root: Path) -> Iterator[Path]:
    """Give a copy of a checkout, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        yield Path(shutil.copytree(root, Path(folder) / "copy", ignore=_LEFT_OUT))


def run(root: Path, command: Sequence[str], limit_s: float | None) -> tuple[int | None, str]:
    """Return the code and the output of Python in a copy; no code where it took too long."""
    settings = {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=root,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        if process.poll() is None:
            # Those that it has started, too.
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def recorded(file: Path, root: Path, packages: Sequence[str], tests: Sequence[str]) -> Any:
    """Return which tests reach which lines: from a file, if it is of these sources."""
    tops = sorted({p.partition("/")[0] for p in (*PACKAGES, *packages)})
    packages = [p for p in tops if (root / p).is_dir()]
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if found.get("digest") != digest(root, packages, tests):
        with _copied(root) as copy:
            script = [str(Path(__file__).with_name("reach.py")), str(file.resolve())]
            _, output = run(copy, [*script, ",".join(packages), *tests], None)
        print(output[-400:], file=sys.stderr)
        found = json.loads(file.read_text(encoding="utf-8"))
    return found


def verdict(
    root: Path, tests: Sequence[tuple[str, float]], mutant: Mutant, end_s: float
) -> tuple[str, str]:
    """Return the verdict on a mutant, and the test that caught it or the number that did not."""
    if not tests:
        return "survived", "no test reaches it"
    left_s = end_s - time.monotonic()
    if left_s <= 0:
        return "not run", "no time was left"
    limit_s = _START_S + 4 * sum(seconds for _, seconds in tests)
    command = ["-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-rfE"]
    with _copied(root) as copy:
        (copy / mutant.file).write_text(mutant.text, encoding="utf-8")
        code, output = run(copy, [*command, *(name for name, _ in tests)], min(limit_s, left_s))
    if code is None and left_s < limit_s:
        return "not run", f"no time was left after {left_s:.0f} s"
    if code is None:
        return "timed out", f"after {limit_s:.0f} s"
    if code == 0:
        return "survived", f"{len(tests)} tests"
    failed = [x.split()[1] for x in output.splitlines() if x.startswith(("FAILED ", "ERROR "))]
    return "caught", failed[0] if failed else "its import"


def equivalents(file: Path = _EQUIVALENTS) -> dict[tuple[str, str, str], str]:
    """Return the reasons why mutants are the same program, by file and changed text."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["equivalent"]
    return {(x["file"], x["before"], x["after"]): x["reason"] for x in entries}


def survey(
    root: Path,
    tests_of: Callable[[Mutant], Sequence[tuple[str, float]]],
    mutants: Sequence[Mutant],
    known: dict[tuple[str, str, str], str],
    end_s: float = math.inf,
) -> Iterator[tuple[Mutant, str, str]]:
    """Yield each mutant and what became of it, two at a time, until a time of `time.monotonic`."""

    def judged(mutant: Mutant) -> tuple[str, str]:
        reason = known.get((mutant.file, mutant.before, mutant.after))
        if reason:
            return "equivalent", reason
        return verdict(root, tests_of(mutant), mutant, end_s)

    with ThreadPoolExecutor(2) as pool:
        for mutant, (word, by) in zip(mutants, pool.map(judged, mutants), strict=True):
            yield mutant, word, by


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """Print the table of mutants and what became of them."""
    parser = argparse.ArgumentParser(prog="python -m docs_tools.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=20, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--package", action="append", help="a package or a folder of it")
    parser.add_argument("--coverage", type=Path, default=Path(".mutants.json"), metavar="FILE")
    parser.add_argument("--tests", nargs="+", default=[], help="what is recorded, if not all")
    parser.add_argument(
        "--nearest", action="store_true", help="record nothing: the test modules that mirror a file"
    )
    parser.add_argument("--within", type=float, default=math.inf, metavar="S", help="time for all")
    given = parser.parse_args(arguments)
    end_s = time.monotonic() + given.within
    root, packages = root or Path.cwd(), given.package or PACKAGES
    reach = None if given.nearest else recorded(given.coverage, root, packages, given.tests)

    def tests_of(mutant: Mutant) -> list[tuple[str, float]]:
        if reach is None:
            return nearest(root, mutant.file)
        return reaching(reach, mutant.file, mutant.line, _MOST_S)

    mutants = list(islice(sample(root, packages, given.seed), given.sample))
    met: Counter[tuple[str, str]] = Counter()
    print("| place | mutant | verdict | by |\n|---|---|---|---|")
    for mutant, word, by in survey(root, tests_of, mutants, equivalents(), end_s):
        met[mutant.file.partition("/")[0], word] += 1
        before, after = (text.replace("|", "\\|") for text in (mutant.before, mutant.after))
        change = f"`{before}` → `{after}`"
        print(f"| {mutant.file}:{mutant.line} | {change} | {word} | {by} |", flush=True)
    for package in sorted({package for package, _ in met}):
        words = {word: n for (name, word), n in met.items() if name == package}
        judged = sum(words.values()) - words.get("equivalent", 0) - words.get("not run", 0)
        caught = words.get("caught", 0) + words.get("timed out", 0)
        print(f"{package}: {caught} of {judged} caught; {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
