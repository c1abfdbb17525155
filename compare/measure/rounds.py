"""Rounds: the calibration workload, the primal, then every candidate, a sample each, repeated.

What slows the machine for a while so slows all of them alike, and a sample to that of the primal
in its round says the same in a slow minute as in a quick one. A round in which the machine changed
its speed, as the calibration workload before and after it says, does not count and is repeated.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from compare.measure.estimates import estimate, narrow
from compare.measure.timing import Sample

__all__ = ["CALIBRATION", "PRIMAL", "Limits", "Lost", "Rounds", "Taken"]

#: Names of the calibration workload and of the loss alone in the column ``engine`` of
#: samples.parquet.
CALIBRATION, PRIMAL = "control", "primal"
#: Share by which the calibration workload may differ before and after a round. A virtual machine
#: whose host has others at work changes between full and half speed several times a second.
DRIFT = 0.25
#: Samples below which an interval says little; taken where they fit into `Limits.slow_s`.
_FEWEST = 3
#: Rounds from one look at the intervals to the next: a bootstrap takes as long as a turn.
_LOOK = 5

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
    #: Whether it counts. One of a round in which the machine changed its speed does where there was
    #: no time left to repeat the round.
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
        before_s = self._calibration_s()
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
            after_s = self._calibration_s()
            # A machine that is never quiet must not stop it.
            repeat = _differ(before_s, after_s) and self.repeated < self.limits.least
            before_s = after_s
            self.repeated += repeat
            for taken in (t for ts in self.taken.values() for t in ts[-2:]):
                if taken.round == self.next - 1:
                    taken.counts = not repeat
            live = [name for name in live if name in current and not self._enough(name)]
        self.done = True

    def _process(self, name: str) -> int:
        """Return the number of the process that the next sample of a candidate is from."""
        return len(self.taken[name]) if self.process is None else self.process

    def counted(self, name: str) -> list[Taken]:
        """Return the samples of a candidate that count."""
        return [taken for taken in self.taken[name] if taken.counts]

    def ratios(self, name: str) -> list[float]:
        """Return the samples of a candidate that count, each to the primal's of its round."""
        primal_s = {taken.round: taken.sample.seconds for taken in self.taken[PRIMAL]}
        counted = [t for t in self.counted(name) if primal_s.get(t.round)]
        return [taken.sample.seconds / primal_s[taken.round] for taken in counted]

    def _enough(self, name: str) -> bool:
        """Whether a candidate needs no more rounds."""
        spent_s = sum(t.sample.seconds * t.sample.loops for t in self.taken[name])
        counted = self.counted(name)
        if len(counted) >= self.limits.most or spent_s >= self.limits.slow_s:
            done = True
        elif spent_s >= self.limits.budget_s:
            done = len(counted) >= _FEWEST
        else:
            more = len(counted) - self.limits.least
            done = more >= 0 == more % _LOOK and narrow(
                estimate(self.ratios(name) or [t.sample.seconds for t in counted], self.seed)
            )
        if done and not counted:
            # No time to repeat them: they are all there is, and known to have drifted.
            rounds = {taken.round for taken in self.taken[name]}
            for taken in (*self.taken[name], *self.taken[PRIMAL]):
                taken.counts |= taken.round in rounds
        return done

    def _calibration_s(self) -> float:
        """Return the time of the calibration workload now; NaN where it is lost."""
        try:
            sample = self.calibration()
        except Lost:
            return math.nan
        self.taken[CALIBRATION].append(Taken(self.next, sample, process=self._process(CALIBRATION)))
        return sample.seconds


def _differ(before_s: float, after_s: float) -> bool:
    """Whether the machine changed its speed between two runs of the calibration workload."""
    return max(before_s, after_s) > (1.0 + DRIFT) * min(before_s, after_s)
