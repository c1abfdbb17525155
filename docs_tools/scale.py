"""A sweep at 100 machines, simulated: ``python -m docs_tools.scale > docs/scale.md``.

The ladder is the real one, and so is what it does with lost batches; the time of each cell is that
of the reference run, and the client is a queue that every row and every batch goes through.
"""

import dataclasses
import heapq
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import compare
from compare.measure.ladder import Batch, Ladder

__all__ = ["Cluster", "Figures", "Simulated", "figures", "scale_page", "simulated"]

#: Processor time of the client for a row (its line on disk and its fingerprint) and for a batch (to
#: pickle it, and to write its 170 samples), in s: best of 12.
ROW_S, BATCH_S = 0.0004, 0.006
#: Time until a worker that was lost is there again, in s.
BACK_S = 15.0


@dataclasses.dataclass(frozen=True)
class Figures:
    """How long the cells of a run took and how they ended, by problem, size and engine."""

    seconds: dict[tuple[str, int, str], float]
    status: dict[tuple[str, int, str], str]


def figures(folder: Path) -> Figures:
    """Return the figures of a run: the time of its clocks, and an equal share of all the rest."""
    rows = compare.read_results(folder / "results.csv")
    clocks = ["import_s", "build_s", "compile_s", "first_run_s"]
    known = rows[clocks].fillna(0.0).sum(axis=1)
    known += (rows["run_s"] * rows["samples"].astype(float) * rows["loops"].astype(float)).fillna(0)
    known += rows["budget_s"].where(rows["status"] == "timeout", 0.0)
    ended = pd.to_datetime(rows["ended"])
    rest_s = ((ended.max() - ended.min()).total_seconds() - known.sum()) / len(rows)
    cells = list(zip(rows["problem"], rows["size"], rows["engine"], strict=True))
    return Figures(
        dict(zip(cells, known + rest_s, strict=True)), dict(zip(cells, rows["status"], strict=True))
    )


def cells_of(known: Figures, copies: int) -> Iterator[tuple[compare.Case, compare.Engine]]:
    """Yield the cells of many problems: each measured ladder some times, under other names."""
    sizes: dict[str, set[int]] = {}
    engines: dict[tuple[str, int], list[str]] = {}
    for problem, size, engine in known.seconds:
        sizes.setdefault(problem, set()).add(size)
        engines.setdefault((problem, size), []).append(engine)
    for place in range(max(map(len, sizes.values()))):
        for problem, copy in itertools.product(sizes, range(copies)):
            rungs = sorted(sizes[problem])
            if place < len(rungs):
                found = compare.get_problem(problem)
                named = dataclasses.replace(found, name=f"{problem} {copy}", at=None)
                case = compare.Case(named, rungs[place], 0)
                for engine in engines[problem, rungs[place]]:
                    yield case, compare.get_engine(engine)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The machines of a simulation, and what goes wrong with them."""

    machines: int
    #: Probability that a batch loses its worker, which is back after `BACK_S`.
    lost: float = 0.0
    #: Share of the machines that go for good, at a random time of the first half.
    gone: float = 0.0
    #: How much longer the first machine takes for everything.
    straggler: float = 1.0


@dataclasses.dataclass(frozen=True)
class Simulated:
    """The end of a simulated sweep."""

    hours: float
    rows: int
    rows_per_s: float
    batches_per_s: float
    #: Share of the time of the machines that went into cells that are in the table.
    useful: float
    #: Share of the time that the client was busy.
    client: float
    lost: int
    #: Cells that ended as crashed by chance, and those that were not begun because of that.
    crashed: int
    missing: int


def simulated(known: Figures, copies: int, cluster: Cluster, seed: int = 0) -> Simulated:
    """Return the end of a sweep of many ladders on a cluster."""
    rng = random.Random(seed)
    cells = list(cells_of(known, copies))
    ladder = Ladder(cells, {})
    idle = list(range(cluster.machines))
    events: list[tuple[float, int, int, Batch | None, bool]] = []
    numbers, now, client_s, busy_s = itertools.count(), 0.0, 0.0, 0.0
    useful_s = machine_s = 0.0
    rows = lost = crashed = batches = 0
    alone_s = sum(known.seconds.values()) * copies / cluster.machines
    leaves = {
        machine: rng.uniform(0.0, alone_s / 2)
        for machine in range(cluster.machines)
        if rng.random() < cluster.gone
    }

    def works(seconds: float) -> float:
        """Return when the client is through with what it is given now."""
        nonlocal client_s, busy_s
        client_s, busy_s = max(client_s, now) + seconds, busy_s + seconds
        return client_s

    def cell(batch: Batch, engine: str) -> tuple[str, int, str]:
        return batch.problem.rpartition(" ")[0], batch.case.size, engine

    while True:
        for batch in ladder.ready() if idle else ():
            if not idle:
                break
            machine = idle.pop()
            ladder.begin(batch)
            batches += 1
            begin_s = works(BATCH_S)
            slow = cluster.straggler if machine == 0 else 1.0
            takes_s = slow * sum(known.seconds[cell(batch, e.name)] for e in batch.engines)
            fails = rng.random() < cluster.lost
            end_s = begin_s + takes_s * (rng.random() if fails else 1.0)
            if machine in leaves and end_s > leaves[machine]:
                fails, end_s = True, max(leaves[machine], begin_s)
            else:
                heapq.heappush(events, (end_s + BACK_S * fails, next(numbers), machine, None, True))
            heapq.heappush(events, (end_s, next(numbers), machine, batch, fails))
            machine_s += end_s - begin_s
            useful_s += 0.0 if fails else takes_s
        if not events:
            break
        now, _, machine, done, fails = heapq.heappop(events)
        if done is None:
            idle.append(machine)
        elif not fails:
            for engine in done.engines:
                rows += 1
                ladder.cell_ended(done, engine.name, known.status[cell(done, engine.name)])
            works(ROW_S * len(done.engines))
            ladder.batch_ended(done)
        else:
            lost += 1
            if ladder.batch_lost(done):
                crashed += 1
                rows += 1
                ladder.cell_ended(done, done.engines[0].name, "crashed")
                works(ROW_S)
    whole_s = max(now, client_s)
    return Simulated(
        whole_s / 3600,
        rows,
        rows / whole_s,
        batches / whole_s,
        useful_s / (cluster.machines * whole_s),
        busy_s / whole_s,
        lost,
        crashed,
        len(cells) - rows,
    )


#: The rows of the table: their names, and the clusters.
SCENARIOS = (
    ("1 machine", Cluster(1)),
    ("10 machines", Cluster(10)),
    ("100 machines", Cluster(100)),
    ("… every fifth batch loses its worker", Cluster(100, lost=0.2)),
    ("… every fiftieth does", Cluster(100, lost=0.02)),
    ("… every fifth machine goes for good", Cluster(100, gone=0.2)),
    ("… one machine is five times slower", Cluster(100, straggler=5.0)),
    ("1,000 machines", Cluster(1000)),
)

_HEADER = """\
| cluster | hours | rows | rows/s | batches/s | useful | client busy | lost | crashed by chance \
| not begun |
|---|---|---|---|---|---|---|---|---|---|"""


def scale_page(folder: Path, cells: int = 100_000) -> str:
    """Return ``docs/scale.md``."""
    known = figures(folder)
    copies = round(cells / len(known.seconds))
    template = (Path(__file__).parent / "scale.md").read_text(encoding="utf-8")
    lines = [_HEADER]
    for name, cluster in SCENARIOS:
        end = simulated(known, copies, cluster)
        lines.append(
            f"| {name} | {end.hours:.2f} | {end.rows:,} | {end.rows_per_s:.1f} | "
            f"{end.batches_per_s:.1f} | {end.useful:.0%} | {end.client:.0%} | {end.lost:,} | "
            f"{end.crashed:,} | {end.missing:,} |"
        )
    mean_s = sum(known.seconds.values()) / len(known.seconds)
    words = {
        "table": "\n".join(lines),
        "cells": f"{copies * len(known.seconds):,}",
        "ladders": f"{copies * len({problem for problem, _, _ in known.seconds}):,}",
        "mean_s": f"{mean_s:.2f}",
        "row_ms": f"{1000 * ROW_S:g}",
        "batch_ms": f"{1000 * BATCH_S:g}",
        "back_s": f"{BACK_S:g}",
    }
    for name, value in words.items():
        template = template.replace(f"<{name}>", value)
    return template


if __name__ == "__main__":
    print(scale_page(Path("reports/reference")), end="")
