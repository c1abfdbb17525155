import json
import math

import numpy as np
import pandas as pd
import pytest

from compare.cli import main
from compare.measure.estimates import between_processes
from compare.regressions import Run, compare_runs, read_run, verdicts
from compare.regressions.change import change_of_medians, change_of_processes, holm
from compare.results.reading import ResultsError, as_frame, read_table
from compare.results.schema import COMPARISON_COLUMNS, RESULT_COLUMNS, SAMPLE_COLUMNS
from compare.results.store import write_table

CONDITIONS = {"machine": "a machine", "seed": 0, "threads": 1, "budget_s": 10.0}


def made(
    rng, cells=10, samples=10, noise=0.03, slower=None, drift=1.0, correlation=0.0, between=0.0,
    processes=2, **columns,
):  # fmt: skip
    """Return a run of synthetic cells; all of them slower by a factor that the primal shares."""
    rows, taken = [], []
    for size in range(1, cells + 1):
        factor = (slower or {}).get(size, 1.0)
        seconds = {
            "primal": 1e-3 * drift * lognormal(rng, samples * processes, noise, correlation),
            "engine": 3e-3
            * drift
            * factor
            * lognormal(rng, samples * processes, noise, correlation),
        }
        seconds["engine"] *= np.repeat(np.exp(between * rng.normal(size=processes)), samples)
        for name, times in seconds.items():
            taken += [
                {"problem": "p", "size": size, "engine": name, "mode": "warm", "run": 0, "round": i}
                | {
                    "process": i // samples,
                    "counts": 1,
                    "seconds": t,
                    "processor_s": t,
                    "loops": 10,
                }
                for i, t in enumerate(times)
            ]
        ratio = seconds["engine"] / seconds["primal"]
        row = {"problem": "p", "size": size, "engine": "engine", "mode": "warm", "status": "ok"}
        row |= CONDITIONS | {"fingerprint": f"d{size}"} | interval("run", "_s", seconds["engine"])
        rows.append(row | interval("ratio", "", ratio) | columns)
    return Run("run", as_frame(rows, RESULT_COLUMNS), as_frame(taken, SAMPLE_COLUMNS))


def lognormal(rng, count, noise, correlation):
    """Return factors around 1, each like the one before it."""
    x = rng.standard_normal(count)
    for i in range(1, count):
        x[i] = correlation * x[i - 1] + math.sqrt(1 - correlation**2) * x[i]
    return np.exp(noise * x)


def interval(name, unit, x):
    width = 1.2533 * 1.96 * x.std() / math.sqrt(len(x))
    middle = float(np.median(x))
    return {
        name + unit: middle,
        f"{name}_low{unit}": middle - width,
        f"{name}_high{unit}": middle + width,
    }


def without_samples(run):
    return Run(run.path, run.results)


def changed(run, size, **values):
    results = run.results.copy()
    for name, value in values.items():
        results.loc[results["size"].isin(np.atleast_1d(size)), name] = value
    return Run(run.path, results, run.samples)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("between", "correlation", "processes"), [(0.0, 0.6, 2), (0.08, 0.0, 2), (0.03, 0.0, 1)]
)
def test_false_alarms_are_rare_where_nothing_changed(between, correlation, processes, rng):
    """The threshold is set so low that the test alone must hold back."""
    settings = {"cells": 6, "noise": 0.1, "correlation": correlation}
    settings |= {"between": between, "processes": processes}
    alarms = 0
    for _ in range(25):
        found = compare_runs(made(rng, **settings), made(rng, **settings), threshold=1.000001)
        alarms += found.count("slower") + found.count("faster") > 0
    # At a rate of 5 %, 5 or more of 25 have a probability of 1 %.
    assert alarms < 5


def test_what_differs_from_process_to_process_is_no_change(rng):
    """The samples of one process alone would call it one: medians apart, and narrow."""
    old, new = ([[math.log(x) + 0.001 * rng.normal() for _ in range(20)] for x in run]
                for run in ((1.0, 1.3), (1.28, 1.32)))  # fmt: skip
    (between,) = between_processes([[old, new]])
    assert change_of_processes(old, new, between).p > 0.1
    quiet = between_processes([[old[:1] * 2, old[:1] * 2]] * 20)[0]
    assert change_of_processes(old[:1] * 2, new[:1] * 2, quiet).p < 1e-6


def test_intervals_of_the_change_cover_it(rng):
    settings = {"cells": 20, "slower": dict.fromkeys(range(1, 21), 1.2), "between": 0.03}
    covered = []
    for _ in range(5):
        found = compare_runs(made(rng, 20, between=0.03), made(rng, **settings)).cells
        covered += list((found["change_low"] <= 1.2) & (found["change_high"] >= 1.2))
    assert np.mean(covered) > 0.88


def test_cells_that_are_noisy_are_listed_and_not_judged(rng):
    old, new = made(rng, 4), made(rng, 4, slower=dict.fromkeys(range(1, 5), 2.0))
    found = compare_runs(changed(old, 2, noisy=1), changed(new, 3, noisy=1))
    assert (found.count("slower"), found.count("noisy")) == (2, 2)
    assert any("2 of 4 cells are not judged" in n and "p 3 engine" in n for n in found.notes)
    assert found.cells.query("verdict == 'noisy'")["p"].isna().all()
    assert not compare_runs(changed(old, [1, 2, 3, 4], noisy=1), new).regressed


@pytest.mark.parametrize("samples", [True, False])
def test_a_slowdown_of_a_fifth_is_found_among_fifty_cells(samples, rng):
    old, new = made(rng, 50), made(rng, 50, slower={17: 1.2}, drift=1.5)
    if not samples:
        old, new = without_samples(old), without_samples(new)
    found = compare_runs(old, new)
    assert found.count("slower") == 1
    assert found.count("faster") == 0
    assert found.regressed
    worst = found.cells.iloc[0]
    assert (worst["size"], worst["measure"]) == (17, "run to primal")
    assert 1.1 < worst["change_low"] < worst["change"] < worst["change_high"] < 1.3
    assert any("by their medians" in note for note in found.notes) is not samples
    assert not compare_runs(old, new, threshold=1.4).regressed
    back = compare_runs(new, old)
    assert (back.count("slower"), back.count("faster"), back.regressed) == (0, 1, False)


def test_seconds_are_compared_where_they_are_asked_for(rng):
    old, new = made(rng), made(rng, drift=1.5)
    assert not compare_runs(old, new).regressed
    for runs in ((old, new), (without_samples(old), without_samples(new))):
        found = compare_runs(*runs, absolute=True)
        assert found.count("slower") == 10
        assert set(found.cells["measure"]) == {"seconds"}


def test_the_control_kernel_stands_in_for_the_primal(rng):
    runs = [made(rng), made(rng, drift=1.5)]
    for run in runs:
        run.samples["engine"] = run.samples["engine"].replace("primal", "control")
    found = compare_runs(*runs)
    assert set(found.cells["measure"]) == {"run to control"}
    assert not found.regressed
    only = [Run("run", r.results, r.samples[r.samples["engine"] == "engine"]) for r in runs]
    found = compare_runs(*only)
    assert found.count("slower") == 10
    assert "10 of 10 cells have no primal to divide by" in " ".join(found.notes)


def test_a_change_of_status_is_a_regression_or_its_end(rng):
    old = made(rng)
    new = changed(old, 3, status="timeout")
    found = compare_runs(old, new)
    assert found.regressed
    assert found.cells.iloc[0][["size", "verdict", "status_new"]].tolist() == [
        3,
        "broken",
        "timeout",
    ]
    found = compare_runs(new, old)
    assert (found.regressed, found.count("mended")) == (False, 1)
    found = compare_runs(new, changed(old, 3, status="memory"))
    assert (found.regressed, found.count("other")) == (False, 1)


def test_other_conditions_are_said(rng):
    old = made(rng)
    assert compare_runs(old, old).notes == []
    notes = compare_runs(old, made(rng, machine="another", seed=3, fingerprint="new")).notes
    assert notes[0].startswith("warning: the machines differ")
    assert "another" in notes[0]
    assert "the seeds of the inputs differ: 0 and 3" in notes
    assert any("fingerprints differ of 10 of 10 cells" in note for note in notes)


def test_cells_on_another_class_of_machines_are_not_compared(rng):
    old = made(rng, machine_class="c")
    mixed = changed(made(rng, machine_class="c"), [1, 2], machine_class="d")
    found = compare_runs(old, mixed)
    assert len(found.cells) == 8
    assert "2 cells were on another class of machines: they are not compared" in found.notes
    # Two machines that have no class in common are compared with a warning, as ever.
    assert len(compare_runs(old, made(rng, machine_class="d")).cells) == 10


def test_cells_in_one_run_only(rng):
    found = compare_runs(made(rng, 10), made(rng, 7))
    assert (len(found.cells), found.only_old, found.only_new) == (7, 3, 0)
    with pytest.raises(ResultsError, match="no cell in common"):
        compare_runs(made(rng), changed(made(rng, 1), 1, problem="q"))
    with pytest.raises(ValueError, match="factor above 1"):
        compare_runs(made(rng), made(rng), threshold=1.0)


def test_cells_without_times_are_not_judged(rng):
    old = without_samples(changed(made(rng), 2, ratio=np.nan, run_s=np.nan))
    found = compare_runs(old, old)
    row = found.cells.query("size == 2").iloc[0]
    assert row["verdict"] == "untested"
    assert math.isnan(row["p"])
    assert any("1 of 10 cells are not judged" in note for note in found.notes)


def test_a_comparison_that_could_not_fail_is_refused(rng):
    old = without_samples(changed(made(rng, 1), 1, ratio=np.nan, run_s=np.nan))
    with pytest.raises(ResultsError, match="nothing can be judged"):
        compare_runs(old, old)


def test_medians_without_an_interval():
    assert change_of_medians((1.0, math.nan, 1.0), (1.0, 1.0, 1.0)) is None
    assert change_of_medians((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)).p == 1.0
    assert change_of_medians((1.0, 1.0, 1.0), (2.0, 2.0, 2.0)).p == 0.0


def test_holm_is_monotone_and_never_below_the_p_value(rng):
    p = list(rng.random(20))
    corrected = holm(p)
    assert all(c >= q for c, q in zip(corrected, p, strict=True))
    assert np.argsort(p).tolist() == sorted(range(20), key=lambda i: (corrected[i], p[i]))
    assert holm([]) == []


def three(times, ratio=2.0, ends=None):
    """Return a run of engines on one problem, their intervals 1 % to either side if not given."""
    ends = ends or {e: (0.99 * t, 1.01 * t) for e, t in times.items()}
    rows = [
        {"problem": "p", "size": 1, "engine": e, "mode": "warm", "status": "ok", "run_s": t}
        | {"run_low_s": ends[e][0], "run_high_s": ends[e][1], "ratio": ratio * t}
        for e, t in times.items()
    ]
    return Run("run", as_frame(rows, RESULT_COLUMNS))


def test_verdicts_that_hold_and_that_do_not():
    old = three({"a": 1.0, "b": 2.0, "c": 2.01})
    held = verdicts(old, three({"a": 1.0, "b": 3.0, "c": 2.0}))
    assert (held.pairs, held.same, held.flipped) == (2, 2, [])
    assert held.cells == 3
    assert held.moved == pytest.approx(0.005)
    held = verdicts(old, three({"a": 2.5, "b": 2.0, "c": 3.0}))
    assert (held.pairs, held.same) == (2, 1)
    assert held.flipped == [
        {"problem": "p", "size": 1, "mode": "warm"}
        | {"faster_old": "a", "faster_new": "b", "old": 2.0, "new": 1.25}
    ]
    assert verdicts(old, three({"d": 1.0})).pairs == 0


@pytest.mark.parametrize(
    ("of_fast", "of_slow", "apart"),
    [
        ((0.5, 1.5), (1.51, 9.0), True),
        ((0.5, 1.5), (1.5, 9.0), False),
        ((0.99, 1.99), (1.98, 2.02), False),
        ((0.99, 9.0), (1.98, 2.02), False),
        ((0.99, 1.01), (1.0, 2.02), False),
        ((0.99, 1.01), (0.5, 9.0), False),
    ],
)
def test_intervals_that_overlap_at_one_end_are_no_verdict(of_fast, of_slow, apart):
    run = three({"a": 1.0, "b": 2.0}, ends={"a": of_fast, "b": of_slow})
    assert verdicts(run, run).pairs == apart


# The command.


def written(folder, run):
    folder.mkdir()
    write_table(folder / "results.csv", run.results, RESULT_COLUMNS)
    if run.samples is not None:
        run.samples.to_parquet(folder / "samples.parquet")
    return str(folder)


def gradscale(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_:
        main(["compare", *arguments])
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


def test_the_command_ends_with_code_1_on_a_slowdown(rng, tmp_path, capsys):
    old = written(tmp_path / "old", made(rng))
    new = written(tmp_path / "new", made(rng, slower={4: 1.5}, machine="[another]"))
    table, document = tmp_path / "cells.csv", tmp_path / "all.json"
    files = ("--csv", str(table), "--json", str(document), "--verdicts")
    code, out, err = gradscale(capsys, old, new, *files)
    assert (code, err) == (1, "")
    assert "10 cells in both: 1 slower, 0 faster, 0 broken, 0 mended" in out
    assert "warning: the machines differ" in out
    assert "[another]" in out
    assert "in the median of 10 cells" in out
    assert max(map(len, out.splitlines()[:5])) <= 80
    cells = read_table(table, COMPARISON_COLUMNS)
    assert cells["verdict"].value_counts().to_dict() == {"same": 9, "slower": 1}
    assert cells["samples_old"].tolist() == [20] * 10
    found = json.loads(document.read_text())
    assert found["regressed"] is True
    assert len(found["cells"]) == 10
    assert found["verdicts"]["cells"] == 10
    assert gradscale(capsys, new, old)[0] == 0
    assert gradscale(capsys, old, new, "--threshold", "2")[0] == 0
    assert gradscale(capsys, f"{old}/results.csv", new, "--all")[1].count("same") == 9


def test_samples_that_do_not_count_are_left_out(rng, tmp_path):
    run = made(rng, 1)
    run.samples.loc[:3, "counts"] = 0
    read = read_run(written(tmp_path / "old", run))
    assert len(read.samples) == 36
    (tmp_path / "old" / "samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultsError, match="no file of samples"):
        read_run(tmp_path / "old")


def test_rounds_of_a_resumed_run_are_kept_apart(rng):
    """Both of its parts count from 0; the second ran at half the speed, primal and all."""
    old = made(rng, noise=0.001)
    first, second = made(rng, noise=0.001), made(rng, noise=0.001, drift=2.0)
    samples = pd.concat([first.samples, second.samples.assign(run=1)], ignore_index=True)
    found = compare_runs(old, Run("run", old.results, samples))
    assert found.cells["change"].between(0.99, 1.01).all()
    assert found.cells["samples_new"].tolist() == [40] * 10


def test_what_cannot_be_compared_is_code_2(rng, tmp_path, capsys):
    old = written(tmp_path / "old", made(rng, 1))
    other = written(tmp_path / "other", changed(made(rng, 1), 1, engine="another"))
    for arguments, words in (
        ((old, str(tmp_path / "none")), "does not exist"),
        ((old, other), "no cell in common"),
        ((old, old, "--threshold", "0.5"), "factor above 1"),
        ((old,), "Missing argument 'NEW'"),
    ):
        code, out, err = gradscale(capsys, *arguments)
        assert code == 2
        assert words in err
        assert not out
