"""The clock of a measured process, held against another one."""

import pytest

from compare.measure.last_checks import _clock_differs, _looked_at_differs
from compare.measure.timing import Sample


class Timed:
    """A candidate of 0.2 ms a call whose clock goes slow by a factor, on a machine that is busy."""

    result_bytes = 8

    def __init__(self, slow, waits_s, call_s=0.0002):
        self.slow, self.waits_s, self.call_s, self.used = slow, iter(waits_s), call_s, 0.0
        self.samples = [self.warm_sample(1)[0] for _ in range(3)]

    def warm_sample(self, times):
        lasts_s = times * 10 * self.call_s
        told_s = self.call_s / self.slow
        beside_s = lasts_s - lasts_s / self.slow + 0.003 + next(self.waits_s, 0.0)
        self.beside_s = min(getattr(self, "beside_s", 1.0), beside_s)
        self.used += lasts_s + 0.003
        return Sample(told_s, told_s, 10 * times), beside_s

    def used_s(self):
        return self.used


@pytest.mark.each(
    ("slow", "waits_s", "call_s", "differs"),
    [
        (1.0, (), 0.0002, False),
        (1.0, (), 0.1, False),
        (1.0, (0.0, 0.0, 0.0, 0.5, 0.5, 0.5), 0.0002, False),
        (1.0, (0.4,) * 9, 0.002, False),
        (5.0, (), 0.0002, True),
        (20.0, (), 0.0002, True),
        (20.0, (0.5,) * 9, 0.0002, True),
        (20.0, (), 0.1, True),
    ],
)
def test_a_clock_that_goes_slow_is_seen_and_a_busy_machine_is_not_one(
    slow, waits_s, call_s, differs
):
    candidate = Timed(slow, waits_s, call_s)
    found = _clock_differs(candidate, candidate.samples)
    assert bool(found) == differs, found


@pytest.mark.each(
    ("call_s", "looked_s", "differs"),
    [
        # A function of 0.3 µs, looked at beside a busy neighbour: nothing is in the cache.
        (3e-7, 1.4e-6, False),
        (3e-7, 3.1e-6, False),
        (3e-7, 6e-6, True),
        (1e-5, 3e-5, False),
        (1e-5, 6e-5, True),
    ],
)
def test_a_call_that_is_looked_at_may_be_cold_and_not_much_slower(call_s, looked_s, differs):
    samples = [Sample(call_s, call_s, 1000, looked_s=looked_s * scale) for scale in (9, 1, 1, 1, 1)]
    found = _looked_at_differs(samples)
    assert bool(found) == differs, found
    assert not _looked_at_differs(samples[:4])
