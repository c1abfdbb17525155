import gc
import itertools
import re

import pytest

from benchmarks.goals import Goal
from benchmarks.results import Entry, Result, judged, timed
from benchmarks.turns import fair_collector, ratio, sampler, take_turns
from compare.measure.rounds import Lost
from compare.measure.timing import Sample, calibrated
from compare.process.executor import Outcome


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


def steady():
    """A calibration workload on a machine that is never disturbed."""
    return Sample(0.005, 0.005)


def times(*seconds, processor_s=None, loops=1):
    """Samples with these wall times, and the same processor times unless others are given."""
    pairs = zip(seconds, processor_s or seconds, strict=True)
    return [Sample(wall, processor, loops) for wall, processor in pairs]


def test_candidates_are_timed_in_turn_and_long_enough():
    clock = Clock()
    runs = {"a": clock.work("a", 0.004), "b": clock.work("b", 0.03)}
    samplers = {name: sampler(run, 0.01, clock) for name, run in runs.items()}
    before = len(clock.order)
    samples, lost = take_turns(samplers, 3, steady)
    assert lost == {}
    (loops,) = {sample.loops for sample in samples["a"]}
    assert loops >= 3
    assert {sample.loops for sample in samples["b"]} == {1}
    assert [sample.seconds for sample in samples["a"]] == pytest.approx([0.004] * 3)
    assert [sample.seconds for sample in samples["b"]] == pytest.approx([0.03] * 3)
    a = "a" * (1 + loops)
    order = "".join(clock.order[before:])
    assert re.fullmatch(f"({a}b|b{a}){{3}}", order), "in turn, and short calls are warmed up"


def test_a_round_on_a_disturbed_machine_is_repeated():
    seconds = itertools.chain([0.005] * 2, [0.009], itertools.repeat(0.005))
    numbers = itertools.count()
    samples, _ = take_turns(
        {"a": lambda: Sample(next(numbers), 0.0)}, 3, lambda: Sample(next(seconds), 0.005)
    )
    assert [sample.seconds for sample in samples["a"]] == [0, 3, 4]


def test_a_candidate_that_is_lost_leaves_the_others():
    def dying():
        raise Lost(Outcome("crashed", message="ended by a signal"))

    samples, lost = take_turns({"a": dying, "b": steady}, 2, steady)
    assert lost == {"a": "ended by a signal"}
    assert {name: len(taken) for name, taken in samples.items()} == {"b": 2}


def test_one_slow_call_does_not_make_a_sample():
    clock = Clock()
    slow_first = iter([0.5])

    def run():
        clock.now += next(slow_first, 0.001)

    assert calibrated(run, sample_s=0.01, clock=clock) >= 10


def test_a_function_that_takes_no_time_is_not_called_forever(monkeypatch):
    monkeypatch.setattr("compare.measure.timing._MOST_LOOPS", 1000)
    clock = Clock()
    samples, _ = take_turns({"a": sampler(clock.work("a", 0.0), 0.01, clock)}, 1, steady)
    assert samples["a"] == [Sample(0.0, samples["a"][0].processor_s, 1000)]


@pytest.mark.parametrize(("processor_s", "cores"), [([1.9, 2.1], 2.0), ([0.5, 0.3], 0.4)])
def test_cores_that_are_busy(processor_s, cores):
    result = synthetic()
    timed(result, {"base": times(1.0, 1.0, processor_s=processor_s)})
    assert result.entries[0].cores == pytest.approx(cores)


def test_a_slow_round_is_slow_for_all():
    """The medians alone would say 2: the second candidate was slow in other rounds."""
    baseline = times(1.0, 1.0, 2.0, 2.0, 2.0)
    found = ratio(times(1.5, 1.5, 3.0, 3.0, 30.0), baseline)
    assert (found.median, found.spread) == (1.5, 0.0)


def test_ratios_need_the_same_rounds():
    with pytest.raises(ValueError, match="zip"):
        ratio(times(1.0, 2.0), times(1.0))


def synthetic(operations=10, most=2.0):
    entries = [Entry("base", ""), Entry("mine", ""), Entry("other", "")]
    return Result("w", "", operations, [judged(Goal("mine", most, "base"), "w")], entries=entries)


def test_times_become_ratios_and_goals():
    result = synthetic()
    samples = {
        "base": times(1.0, 2.0, 4.0),
        "mine": times(2.0, 5.0, 8.0, processor_s=[1.5, 3.0, 6.0], loops=3),
        "other": times(9.0, 9.0, 9.0),
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
    timed(result, {"base": times(1.0), "mine": times(2.0)})
    _, mine, other = result.entries
    assert result.goals[0].reached is False
    assert mine.per_operation_s is None
    assert other.ratio is None, "a candidate without samples has no times"


def test_the_collector_stays_on_and_forgets_nothing():
    with fair_collector():
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0
    with pytest.raises(KeyError), fair_collector():
        raise KeyError
    assert gc.get_freeze_count() == 0
