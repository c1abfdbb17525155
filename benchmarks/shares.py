"""Share of the time of a run that its checks take: ``python -m benchmarks.shares``.

The process of a run waits for one job at a time, so that its profile tells what the run spent.
Arguments are those of ``gradscale run``.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from compare.checks.state_check import digest
from compare.cli import main
from compare.results.reading import read_results
from compare.results.samples import read_samples

__all__: list[str] = []

#: What is told: module and name of a function, and of its caller where only his calls count.
_PARTS = {
    "references": ("session", "reference", ""),
    "runs again at both inputs, and the verdict": ("candidate", "_agrees", ""),
    "… of it the verdict, in another process": ("session", "judge", "_agrees"),
    "… of it the reference at second inputs": ("candidate", "_at_second_inputs", ""),
    "results of samples, looked at": ("candidate", "checked", ""),
    "new inputs and another clock, after the samples": ("last_checks", "last_checks", ""),
}
#: The parts that are of the checks, and none twice.
_CHECKS = ("references", "runs again", "results of", "new inputs", "digests")
#: Calls by which the time of a digest is measured, at most.
_DIGESTS = 100


def _spent(stats: Any, module: str, name: str, caller: str) -> float:
    """Return the time in a function, in s, or that of the calls by another one."""
    found = [entry for key, entry in stats.items() if _is(key, module, name)]
    if not caller:
        return float(sum(entry[3] for entry in found))
    return float(
        sum(times[3] for entry in found for by, times in entry[4].items() if by[2] == caller)
    )


def _is(key: tuple[str, int, str], module: str, name: str) -> bool:
    path = Path(key[0])
    return (path.parent.name, path.stem, key[2]) == ("measure", module, name)


def _digests_s(folder: Path) -> float:
    """Return the time that digests of all samples' results take, in s, of arrays of their sizes."""
    cells = ["problem", "size", "engine"]
    parameters = read_results(folder / "results.csv")[[*cells, "parameters"]]
    samples = read_samples(folder / "samples.parquet").merge(parameters, on=cells)
    seconds = 0.0
    sizes = samples["parameters"].astype(int).to_numpy()
    for count, times in zip(*np.unique(sizes, return_counts=True), strict=True):
        result = (np.float64(1.0), {"w": np.ones(count)})
        calls = min(int(times), _DIGESTS)
        begin = time.perf_counter()
        for _ in range(calls):
            digest(result)
        seconds += (time.perf_counter() - begin) / calls * times
    return seconds


def _main() -> None:
    profile = cProfile.Profile(builtins=False)
    with tempfile.TemporaryDirectory() as place:
        folder, begin = Path(place) / "run", time.monotonic()
        sys.argv[1:] = ["run", "--out", str(folder), *sys.argv[1:]]
        try:
            profile.runcall(main)
        except SystemExit as end:
            if end.code:
                raise
        total_s = time.monotonic() - begin
        stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
        spent = {text: _spent(stats, *where) for text, where in _PARTS.items()}
        spent["digests of the results of all samples"] = _digests_s(folder)
    print(f"{total_s:.1f} s in all")
    for text, seconds in spent.items():
        print(f"{100 * seconds / total_s:5.2f} %  {text}")
    checks_s = sum(seconds for text, seconds in spent.items() if text.startswith(_CHECKS))
    print(f"{100 * checks_s / total_s:5.2f} %  all checks")


if __name__ == "__main__":
    _main()
