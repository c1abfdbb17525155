"""A sweep whose cells are prepared, and timed by nobody."""

import pytest

from compare.measure import local
from compare.measure.candidate import begun_row, ended_row
from compare.measure.interleaved import Ended
from compare.process.executor import Outcome


class _Unmeasured:
    """A batch whose engines are prepared in this process."""

    def __init__(self, case, engines, session, on_begin):
        self.case, self.engines, self.session, self.on_begin = case, engines, session, on_begin
        self.left = []

    def first_turns(self):
        for engine in self.engines:
            self.on_begin(engine)
            row = begun_row(self.case, engine, self.session)
            try:
                if refusal := engine.refuses(self.case):
                    raise NotImplementedError(refusal)
                row["operations"] = engine.prepare(self.case).operations
            except NotImplementedError as error:
                yield self.ended(row, "unsupported", str(error))
            except Exception as error:
                yield self.ended(row, "error", f"{type(error).__name__}: {error}")
            else:
                self.left.append(self.ended(row, "ok"))

    def last_turns(self):
        yield from self.left

    def ended(self, row, status, message=""):
        return Ended(ended_row(row, self.case, Outcome(status, message=message)))


@pytest.fixture
def unmeasured(monkeypatch):
    """Sweeps of this machine start no process: for what comes before and after the clock."""
    monkeypatch.setattr(local, "InterleavedBatch", _Unmeasured)
