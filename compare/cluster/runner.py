"""The runner of a cluster: batches go to Dask workers, each to one that is idle.

The client alone decides who gets what: a batch is bound to one worker, and Dask moves nothing. So
it is known what a worker held that is lost, one that joins late gets the next batch, and a family
stays on one class of machine. The client alone writes, too.
"""

import dataclasses
import logging
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from compare.cluster import job
from compare.cluster.connecting import ANSWER_S, BATCH, ClusterError
from compare.engines.engine import Engine
from compare.measure.candidate import begun_row, ended_row
from compare.measure.interleaved import Ended
from compare.measure.ladder import Batch, Ladder
from compare.measure.plan import Plan
from compare.process.executor import Outcome
from compare.results.machine import versions

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskRunner"]

#: Pauses between two looks at what has ended, and at who is there, in s.
_PAUSE_S, _LOOK_S = 0.05, 0.5
#: Times the patience that a worker which is there has to answer.
_BUSY = 10
_LOG = logging.getLogger("gradscale.cluster")


@dataclasses.dataclass
class _Worker:
    """A worker that offers to measure."""

    address: str
    #: Its greeting, on its way or here.
    coming: "Future[job.Greeting]"
    greeting: job.Greeting | None = None
    #: Why it gets no work.
    refused: str = ""

    @property
    def host(self) -> str:
        """Digest of the name of its machine."""
        return self.greeting.where["host"] if self.greeting else ""

    @property
    def machine_class(self) -> str:
        """Its class of machines."""
        return self.greeting.where["machine_class"] if self.greeting else ""


@dataclasses.dataclass(frozen=True)
class _Flight:
    """A batch under way."""

    batch: Batch
    worker: _Worker
    coming: "Future[tuple[str, list[Ended]]]"


@dataclasses.dataclass
class DaskRunner:
    """Measures the batches of a sweep on the workers of a Dask cluster.

    A worker takes part if it has one thread and the resource ``batch``, as ``gradscale worker``
    has; Python, packages and the sources of this one must be the client's.

    Parameters
    ----------
    client : distributed.Client
        A client of the cluster, however that was started.
    patience_s : float
        Time without any worker that could go on, in s, after which the sweep ends.
    says : callable, optional
        ``says(text)`` is told what goes on; by default the log is.
    warns : callable, optional
        ``warns(text)`` is told of workers that are lost or left out; by default the log is.
    classes : dict of str to str
        The class of machines that each family is measured on, as far as it is settled.
    machines : dict of str to dict
        Descriptions of the machines that take part, by class, which it fills in.

    Raises
    ------
    TypeError
        If `client` is none, or one that is asynchronous.
    ClusterError
        While it runs: if nobody could measure for `patience_s`, or the scheduler is gone.

    Notes
    -----
    A batch whose worker is lost is tried once more. Lost twice, its engines are run one by one, and
    one that loses a worker alone ends as ``crashed``.

    Examples
    --------
    >>> from distributed import Client  # doctest: +SKIP
    >>> client = Client("tcp://127.0.0.1:8786")  # doctest: +SKIP
    >>> for ended in compare.sweep(plan, runner=compare.DaskRunner(client)):  # doctest: +SKIP
    ...     print(ended.row["host"], ended.row["engine"], ended.row["run_s"])
    """

    client: "Client"
    patience_s: float = 60.0
    says: Callable[[str], None] = _LOG.info
    warns: Callable[[str], None] = _LOG.warning
    classes: dict[str, str] = dataclasses.field(default_factory=dict)
    machines: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    _workers: dict[str, _Worker] = dataclasses.field(default_factory=dict, init=False)
    _looked_s: float = dataclasses.field(default=0.0, init=False)
    #: Workers that are there and offer no batch.
    _others: int = dataclasses.field(default=0, init=False)

    def __post_init__(self) -> None:
        kind = type(self.client).__name__
        if getattr(self.client, "asynchronous", False):
            kind = f"{kind} that is asynchronous"
        elif hasattr(self.client, "submit"):
            return
        raise TypeError(
            f"DaskRunner: a {kind} arrived; expected a distributed.Client, such as "
            'Client("tcp://127.0.0.1:8786")'
        )

    def measured(
        self, plan: Plan, ladder: Ladder, on_begin: Callable[[Batch, Engine], None]
    ) -> Iterator[tuple[Batch, Ended]]:
        """Yield the cells with their batches, those of a batch when it has ended."""
        packages = [name for engine in plan.engines for name in engine.imports]
        ours = job.greet(packages)
        # Anew for each plan: its engines need other packages, and who did not answer until the end
        # of the last one was not waited for.
        self._workers.clear()
        flights: list[_Flight] = []
        busy_s = time.monotonic()
        try:
            while True:
                self._look(packages, ours)
                for flight in [f for f in flights if self._is_over(f)]:
                    flights.remove(flight)
                    yield from self._landed(flight, plan, ladder)
                for batch in ladder.ready() if self._idle(flights) else ():
                    worker = self._worker_for(batch, self._idle(flights))
                    if worker is not None:
                        yield from self._start(batch, worker, plan, ladder, flights, on_begin)
                if flights:
                    busy_s = time.monotonic()
                elif next(ladder.ready(), None) is None:
                    return
                elif time.monotonic() - busy_s > self._patience_s():
                    raise ClusterError(self._nobody(ladder))
                time.sleep(_PAUSE_S)
        finally:
            coming = [f.coming for f in flights]
            coming += [w.coming for w in self._workers.values() if w.greeting is None]
            if coming and self.client.status == "running":
                self.client.cancel(coming)

    def _look(self, packages: list[str], ours: job.Greeting) -> None:
        """Note which workers are there, greet the new ones, and read their answers."""
        now = time.monotonic()
        if now - self._looked_s >= _LOOK_S:
            self._looked_s = now
            there = self._there()
            for address in self._workers.keys() - there:
                del self._workers[address]
            for address in sorted(there - self._workers.keys()):
                coming = self._submit(job.greet, packages, address)
                self._workers[address] = _Worker(address, coming)
        for worker in self._workers.values():
            if worker.greeting is None and not worker.refused and worker.coming.done():
                self._read(worker, ours)

    def _there(self) -> set[str]:
        """Return the addresses of the workers that offer to measure."""
        try:
            # Not `scheduler_info`: what that returns may be a look of the client's own, without
            # any workers, which came between.
            asked = self.client.sync(self.client.scheduler.identity, callback_timeout=6 * ANSWER_S)
            known = asked["workers"]
        except Exception as error:  # sockets, TLS and Dask itself each raise their own
            raise ClusterError(
                f"the scheduler is gone ({' '.join(str(error).split())[:200]}). Start it and its "
                "workers again; --resume keeps what is measured."
            ) from None
        offers = {name for name, worker in known.items() if worker["resources"].get(BATCH)}
        self._others = len(known) - len(offers)
        return {name for name in offers if known[name]["nthreads"] == 1}

    def _read(self, worker: _Worker, ours: job.Greeting) -> None:
        """Read the answer of a worker to its greeting."""
        if worker.coming.status != "finished":
            error = worker.coming.exception() if worker.coming.status == "error" else None
            worker.refused = f"it cannot run gradscale: {type(error).__name__}: {error}"
        else:
            greeting = worker.coming.result()
            worker.refused = greeting.difference(ours)
            if not worker.refused:
                worker.greeting = greeting
                known = self.machines.setdefault(worker.machine_class, dict(greeting.machine))
                known["hosts"] = sorted({*known.get("hosts", ()), worker.host})
                self.says(f"{worker.address} on {worker.host} joins")
                return
        self.warns(
            f"{worker.address} gets no work: {worker.refused}. Install there what is installed "
            "here, and start it again."
        )

    def _idle(self, flights: list[_Flight]) -> list[_Worker]:
        """Return the workers on machines where none measures."""
        busy = {flight.worker.host for flight in flights}
        return [w for w in self._workers.values() if w.greeting and w.host not in busy]

    def _worker_for(self, batch: Batch, idle: list[_Worker]) -> _Worker | None:
        """Return the idle worker that a batch goes to."""
        settled = self.classes.get(batch.case.problem.family)
        if settled is not None:
            return next((worker for worker in idle if worker.machine_class == settled), None)
        # The class with the most machines: the family stays there.
        able = {(w.machine_class, w.host) for w in self._workers.values() if w.greeting}
        hosts = Counter(kind for kind, _ in able)
        return max(idle, key=lambda worker: hosts[worker.machine_class], default=None)

    def _start(
        self,
        batch: Batch,
        worker: _Worker,
        plan: Plan,
        ladder: Ladder,
        flights: list[_Flight],
        on_begin: Callable[[Batch, Engine], None],
    ) -> Iterator[tuple[Batch, Ended]]:
        """Send a batch to a worker; yield the cells that cannot be sent."""
        ladder.begin(batch)
        if batch.attempt == 1:
            for engine in batch.engines:
                on_begin(batch, engine)
        try:
            ordered = job.order(batch.case, batch.engines, plan)
        except Exception:  # whatever pickling the user's own objects may raise
            wrong = {engine.name: _unsendable(batch, engine, plan) for engine in batch.engines}
            for engine in batch.engines:
                if outcome := wrong[engine.name]:
                    yield batch, _ended(batch, engine, plan, outcome, {"versions": versions()})
            sent = tuple(engine for engine in batch.engines if wrong[engine.name] is None)
            if not sent:
                ladder.batch_ended(batch)
                return
            batch = dataclasses.replace(batch, engines=sent)
            ordered = job.order(batch.case, sent, plan)
        self.classes.setdefault(batch.case.problem.family, worker.machine_class)
        self.says(f"{batch.problem} {batch.case.label} on {worker.host}")
        coming = self._submit(job.measure, ordered, worker.address)
        flights.append(_Flight(batch, worker, coming))

    def _submit(self, function: Callable[..., Any], argument: Any, address: str) -> "Future[Any]":
        """Have a worker call a function."""
        with warnings.catch_warnings():
            # Own arrays are large, and Dask's advice (to scatter them) is for what is used twice.
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self.client.submit(
                function,
                argument,
                key=f"gradscale-{function.__name__}-{uuid.uuid4().hex}",
                workers=[address],
                allow_other_workers=False,
                resources={BATCH: 1},
                retries=0,
                pure=False,
            )

    def _is_over(self, flight: _Flight) -> bool:
        """Return whether a batch has ended, or its worker is lost."""
        return flight.coming.done() or flight.worker is not self._workers.get(flight.worker.address)

    def _landed(self, flight: _Flight, plan: Plan, ladder: Ladder) -> Iterator[tuple[Batch, Ended]]:
        """Yield the cells of a batch that has ended; one that was lost is tried again."""
        from distributed import KilledWorker

        batch, worker = flight.batch, flight.worker
        where = worker.greeting.where if worker.greeting else {}
        if flight.coming.status == "finished":
            unreadable, cells = flight.coming.result()
            if unreadable:
                wrong = Outcome("error", None, unreadable)
                cells = [_ended(batch, engine, plan, wrong, where) for engine in batch.engines]
            # Their samples go with the first cell: a file of a batch, not of each cell, is what
            # a client can write that serves a hundred machines.
            samples = tuple(sample for ended in cells for sample in ended.samples)
            for place, ended in enumerate(cells):
                yield batch, Ended(ended.row, samples if place == 0 else ())
            ladder.batch_ended(batch)
            return
        lost = Outcome("crashed", None, "its worker was lost")
        error = flight.coming.exception() if flight.coming.status == "error" else None
        if error is not None and not isinstance(error, KilledWorker):
            lost = Outcome("error", None, f"its worker failed: {type(error).__name__}: {error}")
        self.client.cancel(flight.coming)
        self.warns(
            f"{worker.address} on {worker.host}: {batch.problem} {batch.case.label}, attempt "
            f"{batch.attempt}: {lost.message}"
        )
        if ladder.batch_lost(batch):
            for engine in batch.engines:
                yield batch, _ended(batch, engine, plan, lost, where)

    def _patience_s(self) -> float:
        """Return how long to wait: longer where a worker may have the batch of a killed client."""
        answering = any(not w.refused and w.greeting is None for w in self._workers.values())
        return self.patience_s * (_BUSY if answering else 1)

    def _nobody(self, ladder: Ladder) -> str:
        """Return a sentence on why nobody has measured for so long."""
        refused = [worker for worker in self._workers.values() if worker.refused]
        able = [worker for worker in self._workers.values() if worker.greeting is not None]
        if able:
            families = dict.fromkeys(batch.case.problem.family for batch in ladder.ready())
            wanted = ", ".join(f"{f} of class {self.classes.get(f)}" for f in families)
            why = (
                f"the workers are of class {', '.join(sorted({w.machine_class for w in able}))}, "
                f"and families stay on the class that they were begun on: {wanted}. Start a "
                "worker on such a machine"
            )
        elif refused:
            why = f"{refused[0].address} runs {refused[0].refused}. Install there what is here"
        elif self._workers:
            why = f"{', '.join(self._workers)} did not answer. Another client may have work there"
        elif self._others:
            why = (
                f"{self._others} are there without the resource {BATCH}. Start them with "
                f"gradscale worker, or dask worker --nthreads 1 --resources {BATCH}=1"
            )
        else:
            address = self.client.scheduler.address if self.client.scheduler else "ADDRESS"
            why = f"none is there. Start one with gradscale worker {address}"
        return (
            f"no worker could measure for {self._patience_s():g} s: {why}. --resume keeps what is "
            "measured."
        )


def _unsendable(batch: Batch, engine: Engine, plan: Plan) -> Outcome | None:
    """Return the end of a cell that cannot be sent to a worker."""
    try:
        job.order(batch.case, (engine,), plan)
    except Exception as error:  # whatever pickling the user's own objects may raise
        return Outcome(
            "error", None, f"it cannot be sent to a worker: {type(error).__name__}: {error}"
        )
    return None


def _ended(
    batch: Batch, engine: Engine, plan: Plan, outcome: Outcome, where: dict[str, str]
) -> Ended:
    """Return the cell of an engine that was not measured."""
    row = begun_row(batch.case, engine, plan)
    return Ended(ended_row(row, batch.case, outcome) | where)
