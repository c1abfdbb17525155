"""Rounds: the calibration workload, the primal, then every candidate, a sample each, repeated.

What slows the machine for a while so slows all of them alike. A round around which the
calibration workload took longer or shorter than usual does not count and is repeated.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from compare.measure.estimates import estimate, narrow
from compare.measure.timing import Sample

__all__ = ["CALIBRATION", "PRIMAL", "Limits", "Lost", "Rounds", "Taken"]

#: Names of the calibration workload and of the loss alone in the column ``engine`` of
#: samples.parquet.
CALIBRATION, PRIMAL = "control", "primal"
#: Share of its running median that the calibration workload may be off. On a quiet virtual machine
#: with 2 cores nine of ten lay within 5 % of it; with somebody else at work they took 40 % longer.
DRIFT = 0.10
#: Runs of the calibration workload that its running median is of, and those before the first round.
_WINDOW, _FIRST = 15, 5
#: Rounds of a batch that are repeated at most: a machine that is never quiet must not stop it.
_MOST_REPEATED = 10
#: Samples below which an interval says little; taken where they fit into `Limits.slow_s`.
_FEWEST = 3

Sampler = Callable[[], Sample]


class Lost(Exception):
    """A candidate that will give no more samples; its argument says why."""


@dataclass(frozen=True)
class Limits:
    """How many samples are taken of each candidate."""

    #: Time that its samples may take together, in s; one is always taken.
    budget_s: float
    #: The same for the first three samples, which a slow candidate is given more time for.
    slow_s: float
    #: Samples at least, where the budget allows.
    least: int = 15
    #: Samples at most, however wide their interval is.
    most: int = 200


@dataclass
class Taken:
    """A sample of one round."""

    #: Number of the round.
    round: int
    #: Its times.
    sample: Sample
    #: Whether the calibration workload was off before or after the round.
    drifted: bool = False
    #: Whether it counts; a drifted one does where there was no time left to repeat the round.
    counts: bool = True
    #: Number of the process of its candidate, from 0.
    process: int = 0


@dataclass
class Rounds:
    """The rounds of one interleaved batch."""

    #: Each returns its next `Sample`, or raises `Lost`.
    candidates: Mapping[str, Sampler]
    #: Returns a sample of the calibration workload, or raises `Lost`: drift is then not seen.
    calibration: Sampler
    #: Returns a sample of the loss alone, or raises `Lost`.
    primal: Sampler | None
    #: How many samples are taken.
    limits: Limits
    #: Seed of the order in each round.
    seed: int = 0
    #: Number of the first round.
    first: int = 0
    #: Number of the processes that the samples are taken in; None where each has its own.
    process: int | None = 0
    #: Samples by name, those of the primal and the calibration workload among them.
    taken: dict[str, list[Taken]] = field(default_factory=dict, init=False)
    #: Rounds that were marked and repeated.
    repeated: int = field(default=0, init=False)
    #: Number of the round after the last.
    next: int = field(default=0, init=False)
    #: Whether no more are taken.
    done: bool = field(default=False, init=False)

    def take(self) -> Iterator[tuple[str, Lost]]:
        """Take all samples."""
        rng = np.random.default_rng([self.seed, self.first])
        self.taken = {name: [] for name in (CALIBRATION, PRIMAL, *self.candidates)}
        self.next = self.first
        live, primal = list(self.candidates), self.primal
        previous_s = self._calibration_seconds(_FIRST)
        before = self._drifted(previous_s)
        while live:
            current: dict[str, Taken] = {}
            if primal is not None:
                try:
                    current[PRIMAL] = Taken(self.next, primal())
                except Lost:
                    primal = None
            for place in rng.permutation(len(live)):
                name = live[place]
                try:
                    current[name] = Taken(self.next, self.candidates[name]())
                except Lost as lost:
                    yield name, lost
            for name, taken in current.items():
                taken.process = self._process(name)
                self.taken[name].append(taken)
            self.next += 1
            after = self._drifted(previous_s)
            drifted = before or after
            before = after
            repeat = drifted and self.repeated < _MOST_REPEATED
            self.repeated += repeat
            for taken in (t for ts in self.taken.values() for t in ts[-2:]):
                if taken.round == self.next - 1:
                    taken.drifted, taken.counts = drifted, not repeat
            live = [name for name in live if name in current and not self._enough(name)]
        self.done = True

    def _process(self, name: str) -> int:
        """Return the number of the process that the next sample of a candidate is from."""
        return len(self.taken[name]) if self.process is None else self.process

    def counted(self, name: str) -> list[Taken]:
        """Return the samples of a candidate that count."""
        return [taken for taken in self.taken[name] if taken.counts]

    def _enough(self, name: str) -> bool:
        """Whether a candidate needs no more rounds."""
        spent_s = sum(t.sample.seconds * t.sample.loops for t in self.taken[name])
        counted = self.counted(name)
        if len(counted) >= self.limits.most or spent_s >= self.limits.slow_s:
            done = True
        elif spent_s >= self.limits.budget_s:
            done = len(counted) >= _FEWEST
        else:
            done = len(counted) >= self.limits.least and narrow(
                estimate([t.sample.seconds for t in counted], self.seed)
            )
        if done and not counted:
            # No time to repeat them: they are all there is, and known to have drifted.
            rounds = {taken.round for taken in self.taken[name]}
            for taken in (*self.taken[name], *self.taken[PRIMAL]):
                taken.counts |= taken.round in rounds
        return done

    def _calibration_seconds(self, count: int) -> list[float]:
        """Return some runs of the calibration workload that belong to no round."""
        seconds = []
        for _ in range(count):
            try:
                seconds.append(self.calibration().seconds)
            except Lost:
                break
        return seconds

    def _drifted(self, previous_s: list[float]) -> bool:
        """Whether the calibration workload is off now; it joins the previous ones."""
        try:
            sample = self.calibration()
        except Lost:
            return False
        usual_s = statistics.median(previous_s[-_WINDOW:]) if previous_s else sample.seconds
        previous_s.append(sample.seconds)
        drifted = abs(sample.seconds - usual_s) > DRIFT * usual_s
        self.taken[CALIBRATION].append(
            Taken(self.next, sample, drifted, process=self._process(CALIBRATION))
        )
        return drifted
