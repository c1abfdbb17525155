"""The runner of this machine: a batch is measured twice, with batches of other sizes between."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from compare.engines.engine import Engine
from compare.measure.interleaved import Ended, InterleavedBatch
from compare.measure.ladder import Batch, Ladder
from compare.measure.plan import Plan
from compare.measure.session import MeasurementSession
from compare.process.threads import off_cores
from compare.results.machine import description

__all__ = ["LocalRunner"]

#: Batches that wait for their last turns while another has its first, so that the two are some
#: time apart. A run that is killed measures them again; the more wait, the later a first result.
_HELD = 1


class LocalRunner:
    """Measures on this machine, one batch at a time."""

    def measured(
        self, plan: Plan, ladder: Ladder, on_begin: Callable[[Batch, Engine], None]
    ) -> Iterator[tuple[Batch, Ended]]:
        """Yield the cells with their batches, each as soon as it has ended."""
        where = description()
        with (
            MeasurementSession(plan.budget, plan.threads, plan.seed, plan.fresh) as session,
            off_cores(session.cores),
        ):
            held: deque[tuple[Batch, InterleavedBatch]] = deque()
            while True:
                batch = next(ladder.ready(alongside=True), None)
                if batch is not None and len(held) <= _HELD:
                    ladder.begin(batch)
                    begins = partial(on_begin, batch)
                    interleaved = InterleavedBatch(batch.case, batch.engines, session, begins)
                    held.append((batch, interleaved))
                    cells = interleaved.first_turns()
                elif held:
                    batch, interleaved = held.popleft()
                    cells = interleaved.last_turns()
                else:
                    return
                for ended in cells:
                    yield batch, Ended(ended.row | where, ended.samples)
