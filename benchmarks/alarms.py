"""How often a comparison of two runs raises an alarm: ``python -m benchmarks.alarms --pairs 50``.

Each pair is two sweeps of the same cells, one after the other, compared as ``gradscale compare``
does. Nothing changed, so that every alarm is false; with ``--slower 1.15`` the engine ``hand`` of
the second run takes so much longer, and every pair should raise one. ``--busy`` keeps all cores at
work for random spans of time, as a neighbour does.
"""

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from compare.engines import get_engine
from compare.engines.engine import Engine, Prepared
from compare.measure.sweep import Plan, sweep
from compare.problems import PROBLEMS
from compare.problems.problem import Case
from compare.process.executor import Budget
from compare.regressions import Comparison, compare_runs, read_run
from compare.results.samples import SampleStore
from compare.results.store import append_row, create_results

#: Problems with the size that is timed: arithmetic of Python's, and of NumPy's.
_CELLS = {"circuit": 1, "two-layer-sigmoid": 4, "mlp-width": 8}
_ENGINES = ("graph", "graph-compiled")


def _slower(factor: float) -> Engine:
    """Return the hand-written engine, whose calls take longer by a factor."""
    engine = get_engine("hand-written")

    def prepare(case: Case) -> Prepared:
        run = engine.prepare(case).run

        def run_slower(inputs: Any) -> Any:
            start = time.perf_counter()
            result = run(inputs)
            now = time.perf_counter()
            end = now + (factor - 1.0) * (now - start)
            while time.perf_counter() < end:
                pass
            return result

        return Prepared(run_slower)

    return Engine("hand", "by hand, and waiting", engine.imports, prepare, refuses=engine.refuses)


def _run(folder: Path, factor: float) -> None:
    """Write the results of one sweep."""
    problems = tuple(PROBLEMS[name] for name in _CELLS)
    engines = (*(get_engine(name) for name in _ENGINES), _slower(factor))
    folder.mkdir()
    create_results(folder / "results.csv")
    store = SampleStore(folder)
    plan = Plan(problems, engines, Budget(3.0, 2**31), lambda p: (_CELLS[p.name],))
    for ended in sweep(plan):
        row = ended.row
        store.add((row["problem"], row["size"], row["engine"]), ended.samples, 0)
        append_row(folder / "results.csv", row)
    store.finish(complete=True)


def _work(seed: int) -> None:
    """Use a core and its caches for random spans of time."""
    rng = random.Random(seed)
    numbers = np.ones(4_000_000)
    while True:
        end = time.monotonic() + rng.expovariate(1 / 5.0)
        while time.monotonic() < end:
            np.multiply(numbers, 1.0000001, out=numbers)
        time.sleep(rng.expovariate(1 / 5.0))


@contextmanager
def _neighbour(busy: bool) -> Iterator[None]:
    """Keep every core at work for random spans of time, beside what is measured."""
    start: Callable[..., Any] = multiprocessing.get_context("spawn").Process
    workers = [start(target=_work, args=(i,), daemon=True) for i in range(os.cpu_count() or 1)]
    workers = workers if busy else []
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()


def compared(factor: float) -> Comparison:
    """Return the comparison of two sweeps, the second with an engine that is slower."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("old", "new")]
        _run(paths[0], 1.0)
        _run(paths[1], factor)
        return compare_runs(*(read_run(path) for path in paths))


def main() -> None:
    """Print each pair, and how many raised an alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--slower", type=float, default=1.0)
    parser.add_argument("--busy", action="store_true")
    chosen = parser.parse_args()
    alarms = found = 0
    verdicts: Counter[str] = Counter()
    with _neighbour(chosen.busy):
        for pair in range(1, chosen.pairs + 1):
            begin = time.monotonic()
            cells = compared(chosen.slower).cells
            truly = (cells["engine"] == "hand") & (chosen.slower != 1.0)
            false = cells[~truly]["verdict"].isin(["slower", "faster", "broken"]).any()
            alarms += int(false)
            found += int((cells[truly]["verdict"] == "slower").any())
            verdicts.update(cells["verdict"])
            changes = " ".join(
                f"{row['change']:.3f}{'*' if row['verdict'] in ('slower', 'faster') else ''}"
                for row in cells.sort_values(["problem", "engine"]).to_dict("records")
            )
            print(f"{pair:3d} {time.monotonic() - begin:5.1f} s  {changes}", flush=True)
    print(f"{alarms} of {chosen.pairs} pairs with a false alarm; cells: {dict(verdicts)}")
    if chosen.slower != 1.0:
        print(f"the change by {chosen.slower:g} was found in {found} of {chosen.pairs} pairs")


if __name__ == "__main__":
    main()
