"""The runner of a cluster, against a client that is scripted: no network and no processes."""

import dataclasses
import pickle
import threading
import types

import numpy as np
import pytest

import compare
from compare.cluster import job, runner
from compare.cluster.connecting import ClusterError
from compare.cluster.runner import DaskRunner
from compare.measure.candidate import begun_row
from compare.measure.interleaved import Ended
from compare.problems.own import own_problem

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

ENGINES = tuple(compare.get_engine(name) for name in ("graph", "hand-written", "shared"))


def plan(problems=("logistic-map", "mlp-width"), sizes=(2, 4), engines=ENGINES):
    chosen = tuple(compare.PROBLEMS[p] if isinstance(p, str) else p for p in problems)
    return compare.Plan(
        chosen, engines, compare.Budget(1.0, 2**31), lambda p: sizes if p.family != "own" else (1,)
    )


@dataclasses.dataclass
class Coming:
    """A future that has ended already, or whose worker will be gone."""

    status: str
    value: object = None

    def done(self):
        return self.status != "pending"

    def result(self):
        return self.value

    def exception(self):
        return self.value


@dataclasses.dataclass
class Workers:
    """A client whose workers do what a script says."""

    #: Host, class and versions of the workers by their addresses.
    there: dict
    #: ``script(size, engines, host)`` returns "ok", "lost" or an exception.
    script: object = lambda size, engines, host: "ok"
    #: Called before each look at who is there.
    before: object = lambda self: None
    status: str = "running"
    looks: int = 0
    measured: list = dataclasses.field(default_factory=list)
    lost: int = 0

    def sync(self, ask, callback_timeout):
        return ask()

    @property
    def scheduler(self):
        return types.SimpleNamespace(identity=self.identity, address="tcp://127.0.0.1:8786")

    def identity(self):
        self.looks += 1
        self.before(self)
        offers = {"resources": {"batch": 1}, "nthreads": 1}
        return {"workers": dict.fromkeys(self.there, offers)}

    def submit(self, function, argument, *, workers, **words):
        (address,) = workers
        if address not in self.there:
            return Coming("pending")
        host, kind, versions = self.there[address]
        where = {"host": host, "machine_class": kind, "versions": "", "machine": kind}
        if function is job.greet:
            return Coming("finished", job.Greeting(where, {"machine": kind}, versions))
        case, engines, _ = pickle.loads(argument)
        end = self.script(case.size, [engine.name for engine in engines], host)
        if end == "lost":
            # Its nanny starts another in its place.
            del self.there[address]
            self.lost += 1
            self.there[f"{host}:{self.lost}"] = (host, kind, versions)
            return Coming("pending")
        if isinstance(end, Exception):
            return Coming("error", end)
        self.measured.append((case.problem.name, host))
        rows = [begun_row(case, engine, plan()) | where | {"status": "ok"} for engine in engines]
        return Coming("finished", ("", [Ended(row) for row in rows]))

    def cancel(self, coming):
        pass


SAME = {"Python": "3", "numpy": "2"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No pauses, and a greeting that reads no files."""
    monkeypatch.setattr(runner, "_PAUSE_S", 0.0)
    monkeypatch.setattr(runner, "_LOOK_S", 0.0)

    def greet(packages):
        return job.Greeting({}, {}, SAME)

    monkeypatch.setattr(job, "greet", greet)


def swept(client, which=None, patience_s=0.05, **more):
    """Return how the cells of a sweep ended, with their attempts; none is there twice."""
    found = {}
    working = DaskRunner(client, patience_s, warns=lambda text: None, **more)
    for ended in compare.sweep(which or plan(), runner=working):
        row = ended.row
        cell = (row["problem"], row["size"], row["engine"])
        assert cell not in found
        found[cell] = (row["status"], row["attempt"], row["message"], row["host"])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_every_cell_ends_once_whatever_is_lost(seed):
    rng = np.random.default_rng(seed)

    def script(size, engines, host):
        return "lost" if rng.random() < 0.2 else "ok"

    client = Workers({a: (f"h{a}", "c", SAME) for a in ("1", "2", "3")}, script)
    found = swept(client)
    cells = [(case.problem.name, case.size, engine.name) for case, engine in plan().cells()]
    stopped = {(c[0], c[2]): c[1] for c, end in found.items() if end[0] != "ok"}
    expected = [c for c in cells if c[1] <= stopped.get((c[0], c[2]), 99)]
    assert sorted(found) == sorted(expected)
    assert client.lost
    assert {end[:2] for end in found.values()} >= {("ok", 1), ("ok", 2)}


def test_an_engine_that_loses_its_worker_alone_is_crashed_and_nothing_else():
    def script(size, engines, host):
        return "lost" if "shared" in engines and size == 2 else "ok"

    found = swept(Workers({"1": ("h1", "c", SAME)}, script), plan(("mlp-width",)))
    assert found.pop(("mlp-width", 2, "shared")) == ("crashed", 3, "its worker was lost", "h1")
    assert {c[1:]: end[:2] for c, end in found.items()} == {
        (2, "graph"): ("ok", 3),
        (2, "hand-written"): ("ok", 3),
        (4, "graph"): ("ok", 1),
        (4, "hand-written"): ("ok", 1),
    }


def test_a_job_that_fails_on_its_worker_is_an_error_with_its_reason():
    def script(size, engines, host):
        return OSError("No space left on device")

    found = swept(Workers({"1": ("h1", "c", SAME)}, script), plan(("mlp-width",)))
    assert {end[:3] for end in found.values()} == {
        ("error", 3, "its worker failed: OSError: No space left on device")
    }


def test_a_family_stays_on_its_class_and_who_joins_late_gets_work():
    def before(client):
        if client.looks == 3:
            client.there["2"] = ("h2", "fast", SAME)

    client = Workers({}, before=before)
    client.there["1"] = ("h1", "slow", SAME)
    swept(client, plan(sizes=(2, 4, 8)), classes={"logistic map": "fast"})
    assert {*client.measured} == {("mlp-width", "h1"), ("logistic-map", "h2")}


def test_two_workers_of_a_host_never_measure_at_once():
    under_way, most = [], []

    class Later(Coming):
        """A future that has ended when it is asked a second time."""

        def done(self):
            most.append(len(under_way))
            if self in under_way:
                under_way.remove(self)
                return False
            return True

    class Hosts(Workers):
        def submit(self, function, argument, **words):
            coming = super().submit(function, argument, **words)
            if function is job.measure:
                coming = Later(coming.status, coming.value)
                under_way.append(coming)
            return coming

    client = Hosts(dict.fromkeys(("1", "2"), ("one host", "c", SAME)))
    assert len(swept(client)) == 12
    assert max(most) == 1


@pytest.mark.parametrize(
    ("there", "text"),
    [
        ({}, "none is there. Start one with gradscale worker"),
        ({"1": ("h", "c", SAME | {"numpy": "1"})}, "1 runs numpy 1, not 2. Install there what"),
        ({"1": ("h", "slow", SAME)}, "families stay on the class that they were begun on"),
    ],
)
def test_nobody_who_can_measure_is_a_sentence(there, text):
    with pytest.raises(ClusterError, match=text):
        swept(Workers(there), plan(("logistic-map",)), classes={"logistic map": "fast"})


def test_a_worker_without_the_resource_is_named():
    client = Workers({"1": ("h", "c", SAME)})
    client.identity = lambda: {"workers": {"1": {"resources": {}, "nthreads": 1}}}
    with pytest.raises(ClusterError, match="1 are there without the resource batch"):
        swept(client)


def test_each_plan_greets_anew(monkeypatch):
    """Its engines need other packages; and a worker may not have answered the plan before."""
    asked, _ours = [], job.Greeting({}, {}, SAME)

    class Slow(Workers):
        def submit(self, function, argument, *, workers, **words):
            coming = super().submit(function, argument, workers=workers, **words)
            if function is job.greet:
                asked.append((*workers, *argument))
                if workers == ["late"] and len(asked) < 3:
                    return Coming("pending")
            return coming

        def cancel(self, coming):
            for one in coming:
                one.status = "cancelled"

    client = Slow({"1": ("h1", "c", SAME), "late": ("h2", "c", SAME)})
    told = []
    working = DaskRunner(client, 0.05, warns=told.append)
    for names in (("graph",), ("adjoint",)):
        engines = tuple(map(compare.get_engine, names))
        rows = [e.row for e in compare.sweep(plan(engines=engines), runner=working)]
        assert {row["status"] for row in rows} == {"ok"}
    assert [x[0] for x in asked] == ["1", "late"] * 2
    assert "symdiff" not in asked[0]
    assert "symdiff" in asked[2]
    assert "h2" in {host for _, host in client.measured}
    assert told == []


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ("tcp://127.0.0.1:8786", "a str arrived; expected a distributed.Client"),
        (types.SimpleNamespace(submit=None, asynchronous=True), "that is asynchronous arrived"),
    ],
)
def test_what_is_no_client_is_refused(client, text):
    with pytest.raises(TypeError, match=text):
        DaskRunner(client)


def test_a_scheduler_that_is_gone_is_a_sentence():
    def before(client):
        if client.looks == 2:
            raise OSError("Timed out")

    with pytest.raises(ClusterError, match=r"the scheduler is gone \(Timed out\).*--resume"):
        swept(Workers({"1": ("h", "c", SAME)}, before=before))


def test_a_model_that_cannot_be_pickled_is_an_error_of_its_cells_alone():
    lock = threading.Lock()

    def locked(x):
        with lock:
            return np.sum(x * x)

    client = Workers({"1": ("h1", "c", SAME)})
    engines = (compare.get_engine("graph"),)
    found = swept(client, plan((own_problem(locked, [np.ones(2)]), "mlp-width"), engines=engines))
    status, _, message, _ = found.pop(("locked", 1, "graph"))
    assert (status, {end[0] for end in found.values()}) == ("error", {"ok"})
    assert message.startswith("it cannot be sent to a worker: TypeError: cannot pickle")
