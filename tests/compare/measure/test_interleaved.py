"""Batches of engines that misbehave, each in a process of its own."""

import os
import sys
import time

import numpy as np
import psutil
import pytest

from compare.engines.engine import Engine, Prepared
from compare.measure.interleaved import InterleavedBatch
from compare.measure.session import MeasurementSession
from compare.problems.own import own_problem
from compare.process.executor import Budget
from compare.process.keeper import KEEPS
from compare.process.processes import MARK

GIB = 1024**3


def right(inputs):
    return inputs["x"] ** 2, {"x": np.float64(2 * inputs["x"])}


def after(calls, then):
    """Return a preparation of a gradient that is right until it has been called so often."""

    def prepare(case):
        count = iter(range(10**9))

        def run(inputs):
            if next(count) >= calls:
                then()
            time.sleep(0.002)
            return right(inputs)

        return Prepared(run)

    return prepare


def engine(prepare, number, **more):
    return Engine(
        name=f"{number}-{getattr(prepare, '__name__', '')}",
        meaning="",
        imports=("numpy",),
        prepare=prepare,
        **more,
    )


def run_batch(*prepares, seconds=3.0, available=None, **options):
    """Return the cells of a batch by the numbers of their engines."""
    problem = own_problem(lambda x: x * x, [3.0]).case(1, 0)
    engines = [p if isinstance(p, Engine) else engine(p, i) for i, p in enumerate(prepares)]
    with MeasurementSession(Budget(seconds, 2 * GIB), **options) as session:
        more = {} if available is None else {"available": available}
        ended = list(InterleavedBatch(problem, engines, session, **more).cells())
    assert not any(MARK in _environment(p) for p in psutil.Process().children(recursive=True))
    return {cell.row["engine"][0]: cell for cell in ended}


def _environment(process):
    try:
        return process.environ()
    except psutil.Error:
        return {}


def fine(case):
    return Prepared(right)


def compiled(case):
    return Prepared(right, compile=lambda: time.sleep(0.2))


@pytest.fixture(scope="module")
def cells():
    """One batch: one that dies, one that hangs, one with more threads, one that compiles."""
    dies, hangs = after(20, lambda: os.kill(os.getpid(), 9)), after(20, lambda: time.sleep(600))
    many = engine(fine, 3, configure=lambda threads: 4)
    return run_batch(dies, hangs, fine, many, compiled, seconds=1.0)


def test_one_that_dies_while_it_is_sampled_costs_its_own_row_only(cells):
    assert cells["0"].row["status"] == "crashed"
    assert "SIGKILL" in cells["0"].row["message"]
    assert [cells[i].row["status"] for i in "234"] == ["ok"] * 3
    assert cells["2"].row["samples"] >= 1


def test_one_that_hangs_in_a_later_sample_is_a_timeout(cells):
    assert cells["1"].row["status"] == "timeout"
    assert cells["1"].row["stage"] == "sampling"


def test_samples_of_primal_and_calibration_are_given_once(cells):
    names = [sample["engine"] for cell in cells.values() for sample in cell.samples]
    rounds = [
        (sample["engine"], sample["round"])
        for cell in cells.values()
        for sample in cell.samples
        if sample["engine"] != "control"
    ]
    assert len(set(rounds)) == len(rounds)
    assert {"primal", "control"} < set(names)
    for cell in (cells[i] for i in "234"):
        counted = [s for s in cell.samples if s["engine"] == cell.row["engine"] and s["counts"]]
        assert len(counted) == cell.row["samples"]


def test_more_threads_than_requested_are_reported(cells):
    row = cells["3"].row
    assert (row["threads"], row["threads_read"]) == (1, 4)
    assert "reports 4 threads, asked for were 1" in row["message"]


def test_a_candidate_is_pinned_and_says_so(cells):
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        assert cells["2"].row["pinned"] == str(sorted(os.sched_getaffinity(0))[-1])


def test_compiling_has_a_clock_of_its_own(cells):
    assert cells["4"].row["compile_s"] > 0.19
    assert cells["4"].row["build_s"] < 0.1


@pytest.mark.exhaustive
def test_little_memory_splits_a_batch_into_groups():
    left = iter([GIB, GIB, *[8 * GIB] * 99])  # once for each time that they take turns
    cells = run_batch(fine, fine, available=lambda: next(left))
    assert [cell.row["status"] for cell in cells.values()] == ["ok", "ok"]
    first, second = (
        {s["round"] for s in cell.samples if s["engine"] == cell.row["engine"]}
        for cell in cells.values()
    )
    assert not first & second, "each group has rounds of its own"


def test_processor_time_of_children_counts():
    def prepare(case):
        import subprocess
        import sys

        spin = "import time\nend = time.time() + 60\nwhile time.time() < end: pass"
        children = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(3)]
        for child in children:
            child.wait()

    cells = run_batch(prepare, seconds=2.0)
    assert cells["0"].row["status"] == "timeout"


@pytest.mark.exhaustive
def test_fresh_samples_are_taken_in_processes_of_their_own():
    def prepare(case):
        calls = iter(range(10**9))

        def run(inputs):
            next(calls)
            time.sleep(0.002)
            return right(inputs)

        return Prepared(run)

    cells = run_batch(prepare, fresh=True)
    row = cells["0"].row
    assert (row["status"], row["mode"], row["samples"]) == ("ok", "fresh", 5), row["message"]
    assert row["processes"] == 5


def test_a_fresh_sample_is_held_against_the_checked_result(tmp_path):
    """Right in the process that is checked, wrong in all that come after it."""
    mark = tmp_path / "seen"

    def prepare(case):
        wrong = mark.exists()
        mark.touch()
        return Prepared(
            lambda inputs: (right(inputs)[0], {"x": right(inputs)[1]["x"] * (1 + wrong)})
        )

    row = run_batch(prepare, fresh=True)["0"].row
    assert row["status"] == "mismatch", row["message"]
    assert "is not the one that was checked" in row["message"]


@pytest.mark.exhaustive
def test_the_second_process_has_a_verdict_of_its_own(tmp_path):
    ends = [
        (lambda: time.sleep(600), "ok", "measured in one process only, the next one ended as time"),
        (lambda: os._exit(3), "crashed", "code 3"),
        (lambda: 1 / 0, "error", "ZeroDivisionError"),
    ]

    def once(mark, then):
        def prepare(case):
            if mark.exists():
                then()
            mark.touch()
            return Prepared(right)

        return prepare

    prepares = [once(tmp_path / str(i), then) for i, (then, _, _) in enumerate(ends)]
    cells = run_batch(*prepares, fine, seconds=2.0)
    for i, (_, status, words) in enumerate(ends):
        row = cells[str(i)].row
        assert (row["status"], words in row["message"]) == (status, True), row
        assert (row["processes"], row["noisy"]) == ((1, 1) if status == "ok" else (None, None))
    other = cells["3"].row
    assert (other["status"], other["processes"]) == ("ok", 2)
    assert {s["process"] for s in cells["3"].samples if s["engine"] == other["engine"]} == {0, 1}


@pytest.mark.exhaustive
def test_what_an_engine_leaves_behind_ends_with_its_cell(tmp_path):
    """In sessions of their own, without an environment, orphans of orphans."""
    note = tmp_path / "left"
    program = "import os, time; open(os.sys.argv[1], 'a').write(f'{os.getpid()} '); time.sleep(300)"

    def leave(run):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                run()
                os._exit(0)
            os._exit(0)

    def stay():
        with note.open("a") as file:
            file.write(f"{os.getpid()} ")
        time.sleep(300)

    def prepare(case):
        leave(lambda: os.execve(sys.executable, [sys.executable, "-c", program, str(note)], {}))
        leave(stay)
        leave(lambda: leave(stay))
        while not note.exists() or len(note.read_text().split()) % 3:
            time.sleep(0.05)
        return Prepared(right)

    row = run_batch(prepare, seconds=20.0)["0"].row
    assert row["status"] == "ok", row["message"]
    left = [int(pid) for pid in note.read_text().split()]
    assert len(left) >= 6, "three in each of two processes"
    if KEEPS:
        assert not any(psutil.pid_exists(pid) for pid in left)
