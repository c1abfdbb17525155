"""Which tests reach a line, by recorded coverage, and in which order they are tried."""

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["digest", "nearest", "reaching", "record"]

#: Test modules that are taken as the nearest ones, and the time that each is given, in s.
_NEAREST, _NEAREST_S = 4, 5.0


def digest(root: Path, packages: Sequence[str], tests: Sequence[str]) -> str:
    """Return a digest of the sources, of the tests, and of what is recorded."""
    found = hashlib.blake2b(repr((sorted(packages), list(tests))).encode(), digest_size=16)
    files = [f for top in (*packages, "tests") for f in sorted((root / top).rglob("*.py"))]
    for file in [*files, *root.glob("pyproject.toml")]:
        found.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return found.hexdigest()


class _Contexts:
    """A plug-in of pytest: each test function is a context of coverage, and is timed."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Record the lines and the time of a test, those of its fixtures included."""
        test, start = item.nodeid.partition("[")[0], time.monotonic()
        self.coverage.switch_context(test)
        result = yield
        self.coverage.switch_context("")
        self.seconds[test] = self.seconds.get(test, 0.0) + time.monotonic() - start
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that fails without any mistake: it cannot catch one."""
        if report.failed:
            self.failed.add(report.nodeid.partition("[")[0])


def record(file: Path, root: Path, packages: Sequence[str], tests: Sequence[str]) -> None:
    """Run tests in a checkout and write which lines each of them reaches."""
    import coverage

    measured = coverage.Coverage(data_file=None, source=[str(root / p) for p in packages])
    plugin = _Contexts(measured)
    measured.start()
    pytest.main(["-q", "--no-header", "--tb=line", *tests], plugins=[plugin])
    measured.stop()
    names = sorted(plugin.seconds.keys() - plugin.failed)
    place = {name: i for i, name in enumerate(names)}
    reached = [0] * len(names)
    groups: dict[tuple[int, ...], int] = {}
    lines: dict[str, dict[int, int]] = {}
    data = measured.get_data()
    for path in sorted(data.measured_files()):
        own = lines[str(Path(path).relative_to(root))] = {}
        for line, contexts in data.contexts_by_lineno(path).items():
            group = tuple(sorted(place[c] for c in contexts if c in place))
            own[line] = groups.setdefault(group, len(groups))
            for i in group:
                reached[i] += 1
    known = [[name, plugin.seconds[name], reached[i]] for i, name in enumerate(names)]
    found = {"digest": digest(root, packages, tests), "tests": known, "lines": lines}
    file.write_text(json.dumps({**found, "groups": list(groups)}), encoding="utf-8")


def reaching(recorded: Any, file: str, line: int, most_s: float) -> list[tuple[str, float]]:
    """Return the tests that reach a line and their seconds, the nearest and most specific first.

    Of a line that runs when its module is imported they are those of the whole file. As many are
    taken as run in `most_s` seconds, one at least.
    """
    lines = {int(n): group for n, group in recorded["lines"].get(file, {}).items()}
    # A statement of several lines is recorded where it begins, or where its parts do.
    above = max((n for n in lines if n <= line), default=None)
    found = recorded["groups"][lines[above]] if above is not None else []
    if not found:
        found = sorted({i for group in set(lines.values()) for i in recorded["groups"][group]})
    tests = [recorded["tests"][i] for i in found]
    chosen: list[tuple[str, float]] = []
    spent_s = 0.0
    for name, seconds, _ in sorted(tests, key=lambda test: (-_nearness(test[0], file), test[2])):
        spent_s += seconds
        if chosen and spent_s > most_s:
            break
        chosen.append((name, seconds))
    return chosen


def nearest(root: Path, file: str) -> list[tuple[str, float]]:
    """Return the test modules that mirror a file, as `reaching` does, where nothing is recorded."""

    def rank(test: str) -> tuple[int, bool, str]:
        names = module in (root / test).read_text(encoding="utf-8")
        return -_nearness(test, file), not names, test

    module = ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")
    found = [str(test.relative_to(root)) for test in (root / "tests").rglob("test_*.py")]
    return [(test, _NEAREST_S) for test in sorted(found, key=rank)[:_NEAREST]]


def _nearness(test: str, file: str) -> int:
    """Return how many parts of its path a test has in common with a file, which it mirrors."""
    parts = Path(test.partition("::")[0].removeprefix("tests/")).with_suffix("").parts
    own = (*parts[:-1], parts[-1].removeprefix("test_"))
    pairs = list(zip(own, Path(file).with_suffix("").parts, strict=False))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))


if __name__ == "__main__":
    record(Path(sys.argv[1]), Path.cwd(), sys.argv[2].split(","), sys.argv[3:])
