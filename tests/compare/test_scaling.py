"""Laws of growth, on data whose law is known."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.scaling import (
    QUANTITIES,
    choose_law,
    fit_exponential,
    fit_power,
    summarise,
)
from compare.schema import RESULT_COLUMNS, SUMMARY_COLUMNS
from compare.store import as_frame, read_table, write_table

SIZES = 2.0 ** np.arange(1, 9)


def noisy(rng, sigma, exponent=1.5, sizes=SIZES):
    return 1e-6 * sizes**exponent * np.exp(sigma * rng.standard_normal(len(sizes)))


def stopped(n, y, budget):
    """Cut data the way a sweep does: it ends with the first cell above the budget."""
    late = np.flatnonzero(y > budget)
    last = late[0] + 1 if late.size else len(y)
    return n[:last], np.minimum(y, budget)[:last], (y > budget)[:last]


@pytest.mark.parametrize("exponent", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("points", [3, 4, 8])
def test_exact_powers_are_found_exactly(exponent, points):
    n = SIZES[:points]
    law = fit_power(n, 7.0 * n**exponent)
    assert law.exponent == pytest.approx(exponent, abs=1e-9)
    assert law.coefficient == pytest.approx(7.0)
    assert law.exponent_low <= law.exponent <= law.exponent_high
    assert law.exponent_high - law.exponent_low < 1e-4
    assert math.isfinite(law.log_likelihood)
    assert choose_law(law, fit_exponential(n, 7.0 * n**exponent)) == "power"


@pytest.mark.parametrize("rate", [-0.5, 0.1, 0.7, 2.0])
def test_exact_exponentials_are_found_exactly(rate):
    n = np.arange(1.0, 9.0)
    y = 3.0 * np.exp(rate * n)
    law = fit_exponential(n, y)
    assert law.rate == pytest.approx(rate)
    assert law.coefficient == pytest.approx(3.0)
    assert choose_law(fit_power(n, y), law) == "exponential"


def test_the_uncensored_interval_is_that_of_linear_regression():
    stats = pytest.importorskip("scipy.stats")
    y = noisy(np.random.default_rng(1), 0.3)
    law = fit_power(SIZES, y)
    known = stats.linregress(np.log(SIZES), np.log(y))
    half = stats.t.ppf(0.975, len(y) - 2) * known.stderr
    assert law.exponent == pytest.approx(known.slope)
    assert law.exponent_low == pytest.approx(known.slope - half, rel=1e-6)
    assert law.exponent_high == pytest.approx(known.slope + half, rel=1e-6)


def test_likelihood_and_criterion_are_those_of_the_normal_law():
    y = noisy(np.random.default_rng(2), 0.3)
    law = fit_power(SIZES, y)
    e = np.log(y) - np.log(law.coefficient) - law.exponent * np.log(SIZES)
    density = -0.5 * (e / law.sigma) ** 2 - math.log(law.sigma) - 0.5 * math.log(2.0 * math.pi)
    assert law.log_likelihood == pytest.approx(density.sum())
    assert law.aic == pytest.approx(6.0 - 2.0 * density.sum() + 24.0 / 4.0)
    assert math.isnan(fit_power(SIZES[:4], y[:4]).aic)


def test_the_censored_fit_is_a_maximum_and_its_ends_are_on_the_profile():
    special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(3)
    n, y, censored = stopped(SIZES, noisy(rng, 0.4), 5e-4)
    n = np.append(n, [2e3, 5e3])
    y, censored = np.append(y, [6e-4, 2e-2]), np.append(censored, [True, True])
    law = fit_power(n, y, censored)
    assert law.censored == np.count_nonzero(censored) >= 2

    def log_likelihood(intercept, slope, sigma):
        e = (np.log(y) - intercept - slope * np.log(n)) / sigma
        density = -0.5 * e**2 - math.log(sigma) - 0.5 * math.log(2.0 * math.pi)
        return np.where(censored, special.log_ndtr(-e), density).sum()

    best = np.array([math.log(law.coefficient), law.exponent, law.sigma])
    top = log_likelihood(*best)
    assert law.log_likelihood == pytest.approx(top)
    for _ in range(200):
        assert log_likelihood(*(best * (1.0 + 0.01 * rng.standard_normal(3)))) <= top


@pytest.mark.parametrize("points", [3, 4, 8])
@pytest.mark.parametrize("budget", [math.inf, 0.7], ids=["all measured", "a timeout"])
def test_intervals_hold_the_truth_as_often_as_they_claim(points, budget):
    rng = np.random.default_rng(4)
    sizes = 2.0 ** np.arange(1, points + 1 + (budget < math.inf))
    limit = budget * 1e-6 * sizes[-1] ** 1.5
    covered = []
    while len(covered) < 300:
        n, y, censored = stopped(sizes, noisy(rng, 0.3, sizes=sizes), limit)
        law = fit_power(n, y, censored)
        if law is not None:
            covered.append(law.exponent_low <= 1.5 <= law.exponent_high)
    assert 0.90 <= np.mean(covered) <= 0.99


def test_three_points_give_a_wide_interval():
    rng = np.random.default_rng(5)
    laws = [fit_power(SIZES[:k], noisy(rng, 0.2)[:k]) for k in (3, 8) for _ in range(50)]
    widths = [law.exponent_high - law.exponent_low for law in laws]
    assert np.median(widths[:50]) > 10.0 * np.median(widths[50:])


@pytest.mark.parametrize("wrong", ["left out", "as measured"])
def test_ignoring_the_censoring_would_bias_the_exponent(wrong):
    """With several late cells, both shortcuts make the engine look better than it is."""
    rng = np.random.default_rng(6)
    sizes = np.repeat(SIZES[:5], 3)
    budget = 1e-6 * 16.0**2
    right, shortcut = [], []
    for _ in range(100):
        y = noisy(rng, 1.0, exponent=2.0, sizes=sizes)
        censored = y > budget
        y = np.minimum(y, budget)
        keep = ~censored if wrong == "left out" else np.full_like(censored, True)
        right.append(fit_power(sizes, y, censored).exponent)
        shortcut.append(fit_power(sizes[keep], y[keep]).exponent)
    assert np.mean(right) == pytest.approx(2.0, abs=0.1)
    assert np.mean(shortcut) < 1.8


def test_a_bound_far_above_an_exact_law_changes_it_and_one_below_does_not():
    n, y = SIZES[:6], SIZES[:6].copy()
    below = fit_power([*n, 200.0], [*y, 100.0], [False] * 6 + [True])
    above = fit_power([*n, 200.0], [*y, 1e6], [False] * 6 + [True])
    assert below.exponent == pytest.approx(1.0, abs=1e-6)
    assert below.exponent_high < 1.001
    assert above.exponent > 1.2
    assert above.exponent_low < above.exponent < above.exponent_high


@pytest.mark.parametrize("seed", range(5))
def test_noisy_exponentials_and_powers_are_told_apart(seed):
    rng = np.random.default_rng(seed)
    n = np.arange(2.0, 11.0)
    power = 1e-6 * n**2 * np.exp(0.1 * rng.standard_normal(len(n)))
    exponential = 1e-6 * 2.0**n * np.exp(0.1 * rng.standard_normal(len(n)))
    late = n > 8
    for y, name in ((power, "power"), (exponential, "exponential")):
        bound = np.where(late, 0.9 * y, y)
        assert choose_law(fit_power(n, y), fit_exponential(n, y)) == name
        assert choose_law(fit_power(n, bound, late), fit_exponential(n, bound, late)) == name


NOTHING = [
    ([], [], []),
    ([1.0], [1.0], [False]),
    ([1.0, 2.0], [1.0, 2.0], [False, False]),
    ([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [True, True, True]),
    ([1.0, 2.0, 4.0, 8.0], [1.0, 2.0, 4.0, 8.0], [False, False, True, True]),
    ([3.0, 3.0, 3.0, 3.0], [1.0, 2.0, 4.0, 8.0], [False] * 4),
    ([1.0, 2.0, 4.0], [1.0, math.nan, 4.0], [False] * 3),
    ([1.0, 2.0, 4.0], [1.0, 0.0, -4.0], [False] * 3),
    ([1.0, 2.0, math.inf], [1.0, 2.0, 3.0], [False] * 3),
    ([0.0, -1.0, 2.0], [1.0, 2.0, 3.0], [False] * 3),
    ([3.0, 3.0, 3.0, 5.0], [1.0, 2.0, 4.0, 8.0], [False, False, False, True]),
]


@pytest.mark.parametrize(("n", "y", "censored"), NOTHING)
def test_too_little_gives_no_law(n, y, censored):
    assert fit_power(n, y, censored) is None
    assert fit_exponential(n, y, censored) is None
    assert choose_law(None, None) == "none"


COSTS = st.floats(1e-300, 1e300) | st.sampled_from([0.0, -1.0, math.nan, math.inf])


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 9, 1e7, 0, math.nan]), COSTS, st.booleans()), max_size=12
    )
)
@settings(max_examples=200, deadline=None)
def test_odd_points_never_raise(points):
    n, y, censored = (list(column) for column in zip(*points, strict=True)) if points else ([],) * 3
    power, exponential = fit_power(n, y, censored), fit_exponential(n, y, censored)
    assert (power is None) == (exponential is None)
    assert choose_law(power, exponential) in ("power", "exponential", "none")
    if power is not None:
        assert power.exponent_low <= power.exponent <= power.exponent_high
        assert exponential.rate_low <= exponential.rate <= exponential.rate_high
        assert math.isfinite(power.log_likelihood)


def test_lengths_must_be_equal():
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\) and \(3,\), expected one length"):
        fit_power([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="expected one length"):
        fit_power([[1, 2, 3]], [[1, 2, 3]])


# The summary.


def cell(n, **values):
    """A cell that ended as ok, unless `values` say otherwise."""
    return {
        "family": "mlp width",
        "problem": "mlp-width",
        "size": n,
        "label": f"width {n}",
        "engine": "graph",
        "parameters": (n + 1) ** 2,
        "status": "ok",
        "budget_s": 10.0,
        "build_s": 1e-3 * (n + 1) ** 2,
        "run_s": 1e-6 * (n + 1) ** 2,
        "first_run_s": 1e-6 * (n + 1) ** 2,
        "operations": 3 * (n + 1) ** 2,
        "ratio": 3.0,
    } | values


def late(n, stage, **values):
    return cell(n, status="timeout", stage=stage, run_s=None, first_run_s=None, ratio=None) | values


def summary(rows, quantity="run_s"):
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    assert list(frame.columns) == [column.name for column in SUMMARY_COLUMNS]
    return frame[frame["quantity"] == quantity].iloc[0]


def test_one_row_for_each_family_engine_and_quantity():
    rows = [
        cell(n, family=family, engine=engine)
        for n in (2, 4, 8)
        for family in ("mlp width", "notes", "mlp depth")
        for engine in ("graph", "hand")
    ]
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    keys = list(frame[["family", "engine", "quantity"]].itertuples(index=False, name=None))
    assert keys == [
        (family, engine, quantity)
        for family in ("mlp width", "mlp depth")
        for engine in ("graph", "hand")
        for quantity in QUANTITIES
    ]


def test_a_summary_is_written_and_read(tmp_path):
    rows = [cell(n) for n in (2, 4, 8, 16, 32)] + [late(64, "build", build_s=None)]
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    write_table(tmp_path / "summary.csv", frame, SUMMARY_COLUMNS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "summary.csv", SUMMARY_COLUMNS), frame)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_costs_that_follow_the_parameters_have_exponent_one(quantity):
    row = summary([cell(n) for n in (2, 4, 8, 16, 32)], quantity)
    assert (row["law"], row["against"]) == ("power", "parameters")
    assert row["exponent"] == pytest.approx(1.0)
    assert (row["largest"], row["largest_label"], row["largest_ratio"]) == (33**2, "width 32", 3.0)
    assert row["stopped_at"] is pd.NA
    assert row["stopped_by"] == ""


def test_the_size_counts_where_parameters_do_not_grow():
    rows = [cell(n, family="logistic map", parameters=1, run_s=2.0**n) for n in range(1, 9)]
    row = summary(rows)
    assert (row["law"], row["against"]) == ("exponential", "size")
    assert row["rate"] == pytest.approx(math.log(2.0))
    assert row["largest"] == 8


def test_a_timeout_of_the_build_bounds_the_build_by_the_budget():
    rows = [cell(n) for n in (2, 4, 8, 16)] + [late(128, "build", build_s=None, operations=None)]
    build, run = summary(rows, "build_s"), summary(rows, "run_s")
    assert (build["points"], build["censored"]) == (5, 1)
    assert (run["points"], run["censored"]) == (4, 0)
    assert (run["stopped_at"], run["stopped_by"]) == (129**2, "timeout")


def test_a_timeout_of_the_first_run_bounds_the_run_and_keeps_the_build():
    slow = [cell(n, run_s=1e-3 * n**3, first_run_s=1e-3 * n**3) for n in (2, 4, 8, 16, 20)]
    rows = [*slow, late(40, "first run", build_s=1.7)]
    build, run = summary(rows, "build_s"), summary(rows, "run_s")
    assert (build["points"], build["censored"]) == (4, 0)
    assert (run["points"], run["censored"]) == (5, 1)
    assert run["exponent"] == pytest.approx(1.5, abs=0.3)


def test_a_first_run_that_compiles_bounds_the_run_by_its_share_only():
    """The warm run is linear; the first run compiles for a thousand times as long."""
    rows = [cell(n, first_run_s=1e-3 * (n + 1) ** 2) for n in (2, 4, 8, 16, 32)]
    row = summary([*rows, late(127, "first run", build_s=0.0)])
    assert row["censored"] == 1
    assert row["exponent"] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("status", ["memory", "error", "unsupported", "mismatch"])
def test_other_failures_count_for_the_stop_only(status):
    rows = [cell(n) for n in (2, 4, 8)]
    failed = cell(16, status=status, run_s=1e3, build_s=1e3, operations=1)
    for quantity in QUANTITIES:
        row, alone = summary([*rows, failed], quantity), summary(rows, quantity)
        assert (row["points"], row["exponent"]) == (alone["points"], alone["exponent"])
        assert (row["stopped_at"], row["stopped_by"]) == (17**2, status)
        assert row["largest"] == 81


@pytest.mark.parametrize("stage", ["", "import", "inputs", "check", "sampling"])
def test_a_timeout_elsewhere_bounds_nothing(stage):
    row = summary([*(cell(n) for n in (2, 4, 8)), late(16, stage, build_s=None)])
    assert (row["points"], row["censored"], row["stopped_by"]) == (3, 0, "timeout")


def test_a_cell_without_parameters_takes_them_from_another_engine():
    rows = [cell(n) for n in (2, 4)]
    rows += [cell(4, engine="other", status="error", parameters=None)]
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    assert set(frame.loc[frame["engine"] == "other", "stopped_at"]) == {25}
    lonely = summary([cell(4, status="error", parameters=None)])
    assert (lonely["stopped_at"], lonely["stopped_by"]) == (pd.NA, "error")


def test_cells_that_cost_overhead_only_are_left_out_where_enough_remain():
    widths = (2, 4, 8, 16, 32, 64, 128, 256)
    rows = [cell(n, run_s=2e-4 + 1e-6 * (n + 1) ** 2) for n in widths]
    row = summary(rows)
    assert row["points"] == 4
    assert row["exponent"] == pytest.approx(1.0, abs=0.12)
    few = summary(rows[:6])
    assert few["points"] == 6
    assert few["exponent"] < 0.5


def test_nothing_gives_an_empty_summary():
    for results in (as_frame([], RESULT_COLUMNS), pd.DataFrame()):
        frame = summarise(results)
        assert list(frame.columns) == [column.name for column in SUMMARY_COLUMNS]
        assert len(frame) == 0


@pytest.mark.parametrize(
    "rows",
    [
        [cell(2)],
        [cell(2), cell(2), cell(2)],
        [late(n, "build", build_s=None) for n in (2, 4, 8, 16)],
        [cell(n, run_s=None, build_s=math.nan, operations=0) for n in (2, 4, 8)],
        [cell(n, budget_s=None, status="timeout", stage="build", build_s=None) for n in (2, 4, 8)],
        [cell(n, run_s=math.inf, build_s=-1.0, operations=None) for n in (2, 4, 8)],
        [cell(n, parameters=None, size=None) for n in (2, 4, 8)],
    ],
)
def test_degenerate_cells_give_no_law(rows):
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    assert len(frame) == 3
    assert "power" not in frame.loc[frame["quantity"] == "run_s", "law"].tolist()
    assert "exponential" not in set(frame["law"])
