"""Rounds, with clocks and candidates that are made up."""

import itertools

import numpy as np
import pytest

from compare.measure.rounds import CALIBRATION, PRIMAL, Limits, Lost, Rounds
from compare.measure.timing import Sample
from compare.process.executor import Outcome

LIMITS = Limits(budget_s=10.0, slow_s=20.0)


def steady(seconds):
    return lambda: Sample(seconds, seconds, 10)


def noisy(seconds, sigma, seed=0):
    rng = np.random.default_rng(seed)
    return lambda: Sample(seconds * float(np.exp(sigma * rng.standard_normal())), seconds, 10)


def take(candidates, calibration=None, primal=None, limits=LIMITS):
    rounds = Rounds(candidates, calibration or steady(0.005), primal or steady(0.001), limits)
    return rounds, list(rounds.take())


def test_candidates_take_turns_within_each_round():
    order = []

    def telling(name):
        def sample():
            order.append(name)
            return Sample(0.01, 0.01, 1)

        return sample

    rounds, lost = take({name: telling(name) for name in "ABC"})
    assert lost == []
    assert len(rounds.counted("A")) == 15
    rows = [order[i : i + 3] for i in range(0, len(order), 3)]
    assert all(sorted(row) == ["A", "B", "C"] for row in rows)
    assert len({tuple(row) for row in rows}) > 1, "the order changes from round to round"
    assert [taken.round for taken in rounds.taken[PRIMAL]] == list(range(15))


@pytest.mark.parametrize("off_s", [0.009, 0.001])
def test_a_round_in_which_the_machine_changed_its_speed_is_repeated(off_s):
    # One run before the first round, then one after each.
    seconds = itertools.chain([0.005] * 4, [off_s], itertools.repeat(0.005))
    rounds, _ = take({"A": steady(0.01)}, calibration=lambda: Sample(next(seconds), 0.005))
    assert rounds.repeated == 2, "the rounds before and after the odd run"
    assert len(rounds.counted("A")) == 15
    assert len(rounds.taken["A"]) == 17
    assert [taken.round for taken in rounds.taken["A"] if not taken.counts] == [3, 4]


def test_a_machine_that_is_never_quiet_does_not_stop_the_batch():
    seconds = itertools.cycle([0.005, 0.009])
    rounds, _ = take({"A": steady(0.01)}, calibration=lambda: Sample(next(seconds), 0.005))
    assert rounds.repeated == LIMITS.least
    assert len(rounds.counted("A")) >= 15
    assert [taken.round for taken in rounds.counted("A")][:2] == [15, 16], "off, and no time left"


def test_a_machine_at_half_its_speed_says_the_same_of_ratios():
    slow = itertools.cycle([1.0] * 20 + [2.0] * 20)
    factor = [1.0]

    def calibration():
        factor[0] = next(slow)
        return Sample(0.005 * factor[0], 0.005)

    def at_speed(seconds):
        return lambda: Sample(seconds * factor[0], seconds, 10)

    rounds, _ = take({"A": at_speed(0.003)}, calibration, at_speed(0.001))
    seconds = [taken.sample.seconds for taken in rounds.counted("A")]
    assert len(seconds) == 15, "enough, since its ratios do not move"
    assert rounds.ratios("A") == pytest.approx([3.0] * 15)


def test_samples_are_taken_until_the_interval_is_narrow():
    still, _ = take({"A": noisy(0.001, 0.001)})
    moved, _ = take({"A": noisy(0.001, 0.1)})
    assert len(still.counted("A")) == 15
    assert len(moved.counted("A")) > 50


@pytest.mark.parametrize(("seconds", "count"), [(1.0, 3), (30.0, 1)])
def test_the_sampling_budget_ends_a_slow_candidate(seconds, count):
    limits = Limits(budget_s=2.0, slow_s=20.0)
    rounds, _ = take({"A": lambda: Sample(seconds, seconds, 1)}, limits=limits)
    assert len(rounds.counted("A")) == count


def test_a_slow_candidate_of_a_drifted_round_keeps_its_primal():
    seconds = itertools.cycle([0.005, 0.009])
    limits = Limits(budget_s=2.0, slow_s=20.0)
    rounds, _ = take(
        {"A": lambda: Sample(30.0, 30.0, 1)},
        calibration=lambda: Sample(next(seconds), 0.005),
        limits=limits,
    )
    assert [taken.round for taken in rounds.counted("A")] == [0]
    assert [taken.round for taken in rounds.counted(PRIMAL)] == [0]


def test_a_candidate_that_is_lost_in_round_7_leaves_the_others():
    calls = itertools.count()

    def dying():
        if next(calls) == 7:
            raise Lost(Outcome("crashed", message="signal"))
        return Sample(0.01, 0.01)

    rounds, lost = take({"A": dying, "B": steady(0.01)})
    assert [(name, end.args[0].status) for name, end in lost] == [("A", "crashed")]
    assert len(rounds.counted("A")) == 7
    assert len(rounds.counted("B")) == 15


def test_without_calibration_and_primal_the_rounds_go_on():
    def gone():
        raise Lost(Outcome("crashed"))

    rounds, lost = take({"A": steady(0.01)}, calibration=gone, primal=gone)
    assert lost == []
    assert len(rounds.counted("A")) == 15
    assert rounds.taken[PRIMAL] == rounds.taken[CALIBRATION] == []
