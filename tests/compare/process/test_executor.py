import contextlib
import ctypes
import io
import os
import resource
import signal
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from compare.engines.engine import Engine, Prepared
from compare.measure.interleaved import InterleavedBatch
from compare.measure.rounds import Lost
from compare.measure.session import MeasurementSession
from compare.problems.own import own_problem
from compare.process import ipc
from compare.process.executor import Budget, Executor, Worker, worker_environment
from compare.process.jobs import call
from compare.process.pristine import Pristine

GIB = 1024**3


def case():
    return own_problem(lambda x: x * x, [3.0]).case(1, 0)


def measure_all(engines, seconds=1.0, limit=2 * GIB):
    """Return the rows of a batch of engines by name: how each is prepared, and what it imports."""
    tested = [Engine(name, "", imports, prepare) for name, (prepare, imports) in engines.items()]
    with MeasurementSession(Budget(seconds, limit)) as session:
        rows = [ended.row for ended in InterleavedBatch(case(), tested, session).cells()]
    return {row["engine"]: SimpleNamespace(**row) for row in rows}


def measure(prepare, seconds=1.0, limit=2 * GIB):
    """Return the row of a cell whose engine is prepared so."""
    return measure_all({"test": (prepare, ("numpy",))}, seconds, limit)["test"]


def doubling(case):
    return Prepared(lambda inputs: (inputs["x"] ** 2, {"x": np.float64(2 * inputs["x"])}))


def test_a_cell_ends_as_ok_with_every_measurement_though_its_engine_is_odd():
    """It prints where answers are sent, and its arrays are of a class that no one must unpickle."""

    class Own(np.ndarray):
        def __reduce__(self):
            return exec, ("raise SystemExit",)

    def run(inputs):
        return inputs["x"] ** 2, {"x": np.asarray(2 * inputs["x"]).view(Own)}

    def prepare(case):
        print("deriving", flush=True)
        os.write(1, b"\x00\x01\x02")
        return Prepared(run)

    engines = {"test": (prepare, ("numpy",)), "beside": (doubling, ("numpy",))}
    outcome, beside = measure_all(engines, 5.0).values()
    assert outcome.status == "ok", outcome
    assert 0 < outcome.run_s < 1
    assert outcome.run_low_s <= outcome.run_s <= outcome.run_high_s
    assert outcome.reference == "graph"
    # What is imported once is not imported again: the other is a fork.
    assert beside.import_s == outcome.import_s > 0.01
    assert outcome.parameters == 1
    assert outcome.threads_read == 1
    assert outcome.cores_busy > 0.0


def raises(error):
    def prepare(case):
        raise error

    return prepare


def claims(operations):
    return lambda case: Prepared(doubling(case).run, operations=operations)


CLAIMS = [-1, "many", 2**70, float("nan"), True]
NUMPY = ("numpy",)
#: How an engine is prepared, what it imports, and how its cell ends: status, stage, words.
ENDS = {
    "a wrong gradient": (
        lambda case: Prepared(lambda inputs: (9.0, {"x": np.float64(5.0)})),
        NUMPY,
        ("mismatch", None, ""),
    ),
    "long to build": (lambda case: time.sleep(60), NUMPY, ("timeout", "build", "more than 1 s")),
    "long to run": (
        lambda case: Prepared(lambda inputs: time.sleep(60)),
        NUMPY,
        ("timeout", "first run", "more than 1 s"),
    ),
    "an exception": (raises(KeyError("sinc")), NUMPY, ("error", "build", "KeyError: 'sinc'")),
    "no unicode": (
        raises(ValueError("cannot open caf" + chr(0xDCE9))),
        NUMPY,
        ("error", "build", "ValueError: cannot open caf\\udce9"),
    ),
    "a death": (lambda case: os.kill(os.getpid(), 9), NUMPY, ("crashed", "build", "SIGKILL")),
    "a refusal": (
        raises(NotImplementedError("no rule for this")),
        NUMPY,
        ("unsupported", "build", "no rule for this"),
    ),
    "no module": (doubling, ("no_such_module",), ("error", "import", "no_such_module")),
    **{
        f"claim {i}": (claims(claim), NUMPY, ("error", None, "operations; expected"))
        for i, claim in enumerate(CLAIMS)
    },
}


@pytest.fixture(scope="module")
def ended():
    return measure_all({name: end[:2] for name, end in ENDS.items()})


@pytest.mark.parametrize("name", ENDS)
def test_a_cell_that_fails_ends_with_its_reason_and_without_a_time(ended, name):
    row, (status, stage, words) = ended[name], ENDS[name][2]
    assert (row.status, words in row.message) == (status, True), row
    assert stage is None or row.stage == stage, row
    assert row.run_s is None


def test_a_cell_that_takes_too_much_memory_is_killed():
    def prepare(case):
        hoard = []
        while True:
            hoard.append(np.ones(10**6))

    outcome = measure(prepare, 30.0, GIB // 2)
    assert (outcome.status, outcome.stage) == ("memory", "build")


def test_a_worker_that_has_died_is_no_wait():
    worker = Worker()
    try:
        assert worker.run((call, len, ((),)), Budget(60.0, GIB)).status == "ok"
        worker.kill()
        begin = time.monotonic()
        for _ in range(3):
            assert worker.run((call, len, ((),)), Budget(60.0, GIB)).status == "crashed"
        assert time.monotonic() - begin < 30
    finally:
        worker.close()


def test_a_calibration_that_has_died_is_started_anew():
    with MeasurementSession(Budget(5.0, 2 * GIB)) as session:
        assert session.calibration().seconds > 0
        session._calibration.kill()
        with contextlib.suppress(Lost):
            session.calibration()
        assert session.calibration().seconds > 0


@pytest.mark.exhaustive
def test_stages_that_an_engine_makes_up_end_with_its_budget():
    def prepare(case):
        stages = io.BytesIO()
        for name in ("other", "another"):
            ipc.write_message(stages, ipc.parts_of(("stage", name, {})))
        sent = stages.getvalue()
        while True:
            for pipe in range(3, 12):
                with contextlib.suppress(OSError):
                    os.write(pipe, sent)

    begin = time.monotonic()
    outcome = measure(prepare, 1.0)
    assert outcome.status == "timeout"
    assert time.monotonic() - begin < 60


@pytest.mark.exhaustive
def test_an_engine_that_hangs_at_other_inputs_ends_with_its_budget():
    def prepare(case):
        def run(inputs):
            if inputs["x"] != 3.0:
                time.sleep(300)
            return inputs["x"] ** 2, {"x": np.float64(2 * inputs["x"])}

        return Prepared(run)

    begin = time.monotonic()
    outcome = measure(prepare, 1.0)
    assert (outcome.status, outcome.stage) == ("timeout", "check")
    assert time.monotonic() - begin < 60


def test_memory_of_child_processes_counts():
    def prepare(case):
        import subprocess
        import sys

        subprocess.run([sys.executable, "-c", "x = bytearray(10**9); input()"], stdin=None)
        time.sleep(30)

    outcome = measure(prepare, 20.0, GIB // 2)
    assert outcome.status in ("memory", "timeout")


def doubled(x):
    return 2 * x


def test_a_job_is_any_function_also_of_a_module_that_no_worker_can_import():
    with Executor() as executor:
        outcome = executor.call(doubled, 21, budget=Budget(5.0, GIB))
    assert (outcome.status, outcome.result) == ("ok", 42), outcome


def test_a_worker_ends_when_its_parent_closes_the_pipe():
    worker = Worker()
    process = psutil.Process(worker._process.pid)
    worker._stdin.close()
    process.wait(10)
    worker.close()


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_must_be_positive(seconds):
    with pytest.raises(ValueError, match="positive number of seconds"):
        Budget(seconds, GIB)
    with pytest.raises(ValueError, match="positive number of bytes"):
        Budget(1.0, 0)


class Odd(np.ndarray):
    """An array whose pickle ends whoever reads it."""

    def __reduce__(self):
        return exec, ("raise SystemExit('from the result')",)


def odd(report):
    return np.ones(3).view(Odd)


def into_the_pipe(report):
    for number in range(3, 12):
        try:
            os.write(number, b"\xff" * 64)
        except OSError:
            continue


def closing_the_pipe(report):
    for number in range(3, 12):
        try:
            os.close(number)
        except OSError:
            continue
    time.sleep(600)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (odd, "its result cannot be read: SystemExit: from the result"),
        (into_the_pipe, "bytes that are no answer arrived in the pipe"),
        (closing_the_pipe, "its process"),
    ],
)
def test_an_answer_that_cannot_be_read_ends_the_job_and_the_next_one_runs(job, words, monkeypatch):
    monkeypatch.setattr("compare.process.executor._DYING_S", 0.5)
    with Executor() as executor:
        begin = time.monotonic()
        outcome = executor.run(job, budget=Budget(0.5, GIB))
        assert outcome.status in ("error", "crashed")
        assert words in outcome.message
        assert executor.call(abs, -3, budget=Budget(20.0, GIB)).result == 3
        assert time.monotonic() - begin < 60


def stops(report):
    report("build", {})
    os.kill(os.getpid(), signal.SIGSTOP)


def stops_its_keeper(report):
    report("build", {})
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)


def prints_without_end(report):
    report("build", {})
    while True:
        os.write(2, b"x" * 2**20)


def reports_without_end(report):
    while True:
        report("build", {})
        report("start", {})


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP on Windows")
@pytest.mark.parametrize("job", [stops, stops_its_keeper, prints_without_end, reports_without_end])
def test_who_does_not_answer_ends_with_the_budget(job):
    worker = Worker()
    begin = time.monotonic()
    outcome = worker.run((job,), Budget(1.0, GIB), limit_s=20.0)
    assert outcome.status == "timeout"
    assert os.fstat(worker._stderr.fileno()).st_blocks * 512 < GIB
    worker.close()
    assert time.monotonic() - begin < 60


def forks(report):
    report("build", {})
    os.fork()
    report("check", {})
    return "of the fork or of the job"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_that_comes_back_answers_nothing():
    worker = Worker()
    for number in range(3):
        assert worker.run((forks,), Budget(20.0, GIB)).status == "ok"
        assert worker.run((call, doubled, number), Budget(20.0, GIB)).result == 2 * number
    worker.close()


def test_who_reads_no_jobs_keeps_nobody_waiting():
    """The interpreter's lock is held in C, and the job does not fit into the pipe."""

    def hold(report):
        lock = ctypes.PyDLL(None).sleep
        threading.Timer(0.2, lambda: lock(600)).start()

    worker = Worker()
    assert worker.run((hold,), Budget(5.0, GIB)).status == "ok"
    time.sleep(1.0)
    outcome = worker.run((doubled, b"x" * 10**6), Budget(1.0, GIB), limit_s=1.0)
    worker.close()
    assert outcome.status == "timeout"


def test_a_fork_of_a_pristine_process_is_a_worker_like_any_other():
    pristine = Pristine(worker_environment(1, None), ("json",))
    first, second = (Worker(pristine=pristine) for _ in range(2))
    begin = time.monotonic()
    assert first.run((call, os._exit, 7), Budget(5.0, GIB)).message.endswith("code 7")
    assert second.run((call, doubled, 21), Budget(5.0, GIB)).result == 42
    assert second.run((call, time.sleep, 60), Budget(0.5, GIB)).status == "timeout"
    for held in (first, second, pristine):
        held.close()
    assert time.monotonic() - begin < 60


def faults_of_a_walk(report):
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    # Each look at an object writes its count of references.
    for module in list(sys.modules.values()):
        for value in list(vars(module).values()):
            list(vars(value).values()) if isinstance(value, type) else None
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere no worker is a fork")
def test_a_fork_has_the_pages_of_what_was_imported():
    pristine = Pristine(worker_environment(1, None), ("numpy",))
    worker = Worker(pristine=pristine)
    outcome = worker.run((faults_of_a_walk,), Budget(5.0, GIB))
    for held in (worker, pristine):
        held.close()
    # Pages that it shares with its parent would be copied under the clock: some 500 here.
    assert outcome.result < 100


def test_without_a_fork_there_is_a_new_interpreter():
    pristine = Pristine(worker_environment(1, None), ("no_such_module",))
    worker = Worker(pristine=pristine)
    assert worker.run((call, doubled, 21), Budget(20.0, GIB)).result == 42
    worker.close()
    pristine.close()
