import gc

import pytest

from benchmarks.goals import Goal
from benchmarks.results import Entry, Result, judged, timed
from benchmarks.timing import (
    Samples,
    fair_collector,
    interleaved,
    median_and_spread,
    ratios,
)
from compare.measure.timing import calibrated


class Clock:
    """A clock that only the functions under test move."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def work(self, name, seconds):
        def run():
            self.order.append(name)
            self.now += seconds

        return run


def test_contenders_are_timed_in_turn_and_long_enough():
    clock = Clock()
    runs = {"a": clock.work("a", 0.004), "b": clock.work("b", 0.03)}
    samples = interleaved(runs, rounds=3, sample_s=0.01, clock=clock)
    assert samples["a"].loops >= 3
    assert samples["b"].loops == 1
    assert samples["a"].seconds == pytest.approx([0.004] * 3)
    assert samples["b"].median_s == pytest.approx(0.03)
    a = "a" * samples["a"].loops
    assert "".join(clock.order).endswith(("a" + a + "b") * 3), "short calls are warmed up"


def test_one_slow_call_does_not_make_a_sample():
    clock = Clock()
    slow_first = iter([0.5])

    def run():
        clock.now += next(slow_first, 0.001)

    assert calibrated(run, sample_s=0.01, clock=clock) >= 10


def test_a_function_that_takes_no_time_is_not_called_forever(monkeypatch):
    monkeypatch.setattr("compare.measure.timing._MOST_LOOPS", 1000)
    clock = Clock()
    samples = interleaved({"a": clock.work("a", 0.0)}, rounds=1, sample_s=0.01, clock=clock)
    assert samples["a"].loops == 1000
    assert samples["a"].seconds == [0.0]


def test_cores_that_are_busy():
    assert Samples([1.0, 1.0], [1.9, 2.1], 1).cores == pytest.approx(2.0)
    assert Samples([1.0, 1.0], [0.5, 0.3], 1).cores == pytest.approx(0.4)


def test_a_slow_round_is_slow_for_all():
    """The medians alone would say 2: the second contender was slow in other rounds."""
    baseline = [1.0, 1.0, 2.0, 2.0, 2.0]
    mine = [1.5, 1.5, 3.0, 3.0, 30.0]
    assert median_and_spread(ratios(mine, baseline)) == (1.5, 0.0)


def test_ratios_need_the_same_rounds():
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0, 2.0], [1.0])


def synthetic(operations=10, most=2.0):
    entries = [Entry("base", ""), Entry("mine", ""), Entry("other", "")]
    return Result("w", "", operations, [judged(Goal("mine", most, "base"), "w")], entries=entries)


def test_times_become_ratios_and_goals():
    result = synthetic()
    samples = {
        "base": Samples([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], 5),
        "mine": Samples([2.0, 5.0, 8.0], [1.5, 3.0, 6.0], 3),
        "other": Samples([9.0, 9.0, 9.0], [9.0, 9.0, 9.0], 1),
    }
    timed(result, samples)
    base, mine, _ = result.entries
    assert (base.ratio, base.ratio_spread) == (1.0, 0.0)
    assert (mine.ratio, mine.ratio_spread) == (2.0, 0.0)
    assert mine.processor_ratio == 1.5
    assert [(goal.found, goal.reached) for goal in result.goals] == [(2.0, True)]
    assert (mine.median_s, mine.per_operation_s, mine.loops) == (5.0, 0.5, 3)


def test_a_goal_that_is_missed():
    result = synthetic(operations=0, most=1.9)
    timed(result, {"base": Samples([1.0], [1.0], 1), "mine": Samples([2.0], [2.0], 1)})
    _, mine, other = result.entries
    assert result.goals[0].reached is False
    assert mine.per_operation_s is None
    assert other.ratio is None, "a contender without samples has no times"


def test_the_collector_stays_on_and_forgets_nothing():
    with fair_collector():
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0
    with pytest.raises(KeyError), fair_collector():
        raise KeyError
    assert gc.get_freeze_count() == 0
