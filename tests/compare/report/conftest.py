"""Plausible frames for every family and engine, with every way a cell can end."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compare.results.schema import (
    AGREEMENT_COLUMNS,
    RESULT_COLUMNS,
    SUMMARY_COLUMNS,
    SWELL_COLUMNS,
    TRAINING_COLUMNS,
    Column,
)

BUDGET_S = 12.0
BUDGET_BYTES = 4 * 2**30
EVIL = "RecursionError: <script>alert('x')</script>\nin module `a|b` & more\n  </script>"
ENGINES = (
    "graph",
    "expanded",
    "shared",
    "hand-written",
    "finite-differences",
    "complex-step",
)
NOTES = (
    ("(x+y)z", 3),
    ("sigmoid neuron", 3),
    ("gate circuit", 4),
    ("|Wx|^2", 6),
    ("two-layer relu", 35),
    ("two-layer sigmoid", 101_000),
)


def _frame(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    for column in columns:
        if column.dtype != "str":
            frame[column.name] = pd.to_numeric(frame[column.name])
    return frame


def _models(engine: str, family: str, n: float) -> tuple[float, float, float, float]:
    """Seconds to run and build, bytes at the peak, operations."""
    primal = 4e-6 + 0.8e-9 * n
    exponential = family == "logistic map"
    if engine == "graph":
        nodes = 14 if family != "mlp depth" else n / 3
        return 2.3 * primal + 2e-5, 6e-4, 2.5e5 + 24 * n, nodes
    if engine == "expanded":
        if exponential:
            return 2e-6 * 2**n, 0.01 * 2.1**n, 1e6 * 1.5**n, 6 * 2.05**n
        return 2e-6 * n**1.1, 1.6e-4 * n**2, 6e6 + 900 * n**2, 22 * n**1.8
    if engine == "shared":
        if exponential:
            return 2e-6 * n, 0.02 * 1.7**n, 1e6 * 1.3**n, 6 * n
        return 4e-7 * n**1.1, 4e-4 * n**1.6, 6e6 + 300 * n**1.7, 9 * n
    if engine == "hand-written":
        return 2.1 * primal, 1e-6, 1e5 + 16 * n, math.nan
    if engine == "finite-differences":
        return 2 * max(n, 2) * primal, 2e-6, 1e5 + 16 * n, math.nan
    return 1.9 * max(n, 2) * primal, 2e-6, 1e5 + 32 * n, math.nan


def make_results() -> pd.DataFrame:
    """Results with timeouts, a memory stop, unsupported cells, an error and a mismatch."""
    rng = np.random.default_rng(7)
    grown = {
        "mlp width": [
            (k, k * k + 2 * k + 1, f"{k}-{k}-1") for k in (2, 4, 8, 16, 32, 100, 316, 1000, 3193)
        ],
        "mlp depth": [(k, 6 * k + 9, f"2-{k}×2-1") for k in (1, 2, 4, 8, 16, 64, 256, 1024)],
        "mlp width and depth": [(k, k**3 + k, f"{k}×{k}") for k in (2, 3, 4, 8, 16, 32, 100)],
        "logistic map": [(k, 1, f"{k} iterations") for k in (1, 2, 4, 6, 8, 10, 12, 16, 64, 256)],
    }
    rows: list[dict[str, Any]] = []
    for problem, parameters in NOTES:
        for engine in ENGINES:
            row = _row("notes", problem, 1, "1", engine, parameters)
            if engine in ("expanded", "shared") and parameters > 1000:
                row |= {
                    "status": "unsupported",
                    "message": "more than 10,000 symbols are asked for",
                }
            elif engine == "complex-step" and problem in ("two-layer relu", "gate circuit"):
                row |= {"status": "unsupported", "message": "the function is not analytic"}
            else:
                _time(row, engine, "notes", parameters, rng)
            rows.append(row)
    for family, sizes in grown.items():
        for engine in ENGINES:
            for size, parameters, label in sizes:
                n = size if family == "logistic map" else parameters
                row = _row(family, family.replace(" ", "-"), size, label, engine, parameters)
                run, build, peak, _ = _models(engine, family, n)
                if engine == "shared" and family == "mlp depth" and size == 64:
                    row |= {"status": "error", "message": EVIL, "stage": "build"}
                elif peak > BUDGET_BYTES or (engine == "shared" and build > 100):
                    row |= {
                        "status": "memory",
                        "message": "4.3 GB of 4 GiB were in use",
                        "stage": "build",
                    }
                elif build > BUDGET_S or run > BUDGET_S / 10:
                    stage = "build" if build > BUDGET_S else "run"
                    row |= {"status": "timeout", "message": "12 s were over", "stage": stage}
                    if stage == "run":
                        row |= {"build_s": build, "operations": _models(engine, family, n)[3]}
                else:
                    _time(row, engine, family, n, rng)
                rows.append(row)
                if row["status"] in ("timeout", "memory", "error"):
                    break
    rows.append(
        _row("mlp width", "mlp-width", 4, "4-4-1", "wrong on purpose", 25)
        | {"status": "mismatch", "message": "factor of 2 at `w1[0, 0]`", "max_error": 1.0}
    )
    return _frame(rows, RESULT_COLUMNS)


def _row(
    family: str, problem: str, size: int, label: str, engine: str, parameters: int
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "family": family,
        "problem": problem,
        "size": size,
        "label": label,
        "engine": engine,
        "parameters": parameters,
        "status": "ok",
        "message": "",
        "stage": "",
        "reference": "hand-written",
        "seed": 0,
        "threads": 1,
        "budget_s": BUDGET_S,
        "budget_bytes": BUDGET_BYTES,
        "machine": "AMD EPYC 7B13, 2 cores, 8 GB",
        "system": "Linux 6.1",
        "python": "3.11.9",
        "versions": "gradscale 0.1.0, numpy 2.4.0, sympy 1.14.0",
    }


def _time(
    row: dict[str, Any], engine: str, family: str, n: float, rng: np.random.Generator
) -> None:
    run, build, peak, operations = _models(engine, family, n)
    noise = np.exp(rng.normal(0, 0.06, 4))
    primal = (4e-6 + 0.8e-9 * n) * noise[3]
    row |= {
        "import_s": 0.2,
        "build_s": build * noise[0],
        "first_run_s": run * 1.4,
        "run_s": run * noise[1],
        "run_spread_s": run * 0.02,
        "primal_s": primal,
        "ratio": run * noise[1] / primal,
        "peak_bytes": round(peak * noise[2]),
        "operations": operations if math.isnan(operations) else round(operations),
        "max_error": 3e-9 if engine == "finite-differences" else 3e-16,
        "max_error_at": "w1[0, 0]",
        "loops": 100,
        "samples": 2,
    }


def make_summary(results: pd.DataFrame) -> pd.DataFrame:
    """A summary whose exponents are fitted roughly, as the real one is fitted well."""
    rows: list[dict[str, Any]] = []
    grown = results[results["family"] != "notes"]
    for (family, engine), cells in grown.groupby(["family", "engine"], sort=False):
        against = "size" if family == "logistic map" else "parameters"
        for quantity in ("run_s", "build_s", "operations"):
            good = cells[(cells["status"] == "ok") & (cells[quantity] > 0)]
            bad = cells[cells["status"] != "ok"]
            row: dict[str, Any] = {
                "schema_version": 1,
                "family": family,
                "engine": engine,
                "quantity": quantity,
                "against": against,
                "points": len(good) + len(bad),
                "censored": len(bad),
                "law": "none",
                "stopped_by": "",
            }
            if len(good) >= 3:
                b = float(np.polyfit(np.log(good[against]), np.log(good[quantity]), 1)[0])
                row |= {
                    "law": "power",
                    "exponent": b,
                    "exponent_low": b - 0.04,
                    "exponent_high": b + 0.05,
                    "rate": 0.7,
                }
                if family == "logistic map" and engine == "expanded":
                    row["law"] = "exponential"
            if len(good):
                best = good.loc[good[against].idxmax()]
                row |= {
                    "largest": best[against],
                    "largest_label": best["label"],
                    "largest_run_s": best["run_s"],
                    "largest_ratio": best["ratio"],
                }
            if len(bad):
                worst = bad.loc[bad[against].idxmin()]
                row |= {"stopped_at": worst[against], "stopped_by": worst["status"]}
            rows.append(row)
    return _frame(rows, SUMMARY_COLUMNS)


def make_agreement() -> pd.DataFrame:
    """Every engine on every problem, one wrong and some that cannot."""
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for problem in [name for name, _ in NOTES] + ["mlp-width", "mlp-depth", "logistic-map"]:
        for engine in (*ENGINES, "wrong on purpose"):
            for against in ("hand-written", "graph"):
                if engine == against:
                    continue
                loose = "finite-differences" in (engine, against)
                row: dict[str, Any] = {
                    "schema_version": 1,
                    "problem": problem,
                    "label": "small",
                    "engine": engine,
                    "against": against,
                    "status": "ok",
                    "max_error": float(
                        10 ** rng.uniform(-10, -8) if loose else 10 ** rng.uniform(-17, -14)
                    ),
                    "max_error_at": "w1[0, 0]",
                    "tolerance": 1e-5 if loose else 1e-9,
                    "message": "",
                }
                if engine == "complex-step" and problem in ("two-layer relu", "gate circuit"):
                    row |= {
                        "status": "unsupported",
                        "max_error": math.nan,
                        "message": "not analytic",
                    }
                if engine == "wrong on purpose":
                    row |= {"status": "mismatch", "max_error": 1.0}
                if engine == "expanded" and problem == "two-layer sigmoid":
                    row |= {"status": "timeout", "max_error": math.nan, "message": "12 s were over"}
                rows.append(row)
    return _frame(rows, AGREEMENT_COLUMNS)


def make_training(steps: int = 2001) -> pd.DataFrame:
    """Two losses that fall from 30 000 to a few units and differ in the last bits."""
    step = np.arange(steps)
    loss = 3.1e4 / (1 + step / 3.0) ** 1.5 + 2.5 * np.exp(-step / 900.0)
    return pd.DataFrame(
        {
            "step": step,
            "loss_hand": loss,
            "loss_graph": loss * (1 + 2e-15 * (step % 7)),
            "loss_formula": loss * (1 - 1e-15 * (step % 3)),
        },
        columns=[column.name for column in TRAINING_COLUMNS],
    )


def make_swell() -> pd.DataFrame:
    """Sizes of one gradient in five forms, some without numbers and one beyond the frame."""
    rows = []
    for family, sizes in {"mlp width": (2, 8, 32, 64), "mlp depth": (1, 8, 64, 256)}.items():
        deep = family == "mlp depth"
        for size in sizes:
            parameters = 6 * size + 3 if deep else (size + 1) ** 2
            known = {
                "tree": 300.0 * 2.12**size if deep else 25.0 * parameters**2,
                "dag": 24.0 * size**2 if deep else 5.0 * parameters,
                "shared": 9.0 * size**2 if deep else 4.0 * parameters,
                "adjoint": 34.0 * size if deep else 3.0 * parameters,
                "matrix": 8.0 * size + 6 if deep else 14.0,
            }
            rows += [
                {
                    "schema_version": 1,
                    "family": family,
                    "problem": family.replace(" ", "-"),
                    "size": size,
                    "label": f"{family} {size}",
                    "parameters": parameters,
                    "form": form,
                    "operations": operations,
                }
                for form, operations in known.items()
                if not (form in ("dag", "shared") and size == sizes[-1])
            ]
    return _frame(rows, SWELL_COLUMNS)


def make_run() -> dict[str, Any]:
    """Contents of ``run.json``."""
    return {
        "command": "gradscale run --out reports/reference",
        "created": "2025-01-01T12:00:00+00:00",
        "elapsed_s": 214.0,
        "quick": False,
        "budget_s": BUDGET_S,
        "budget_bytes": BUDGET_BYTES,
        "machine": "AMD EPYC 7B13, 2 cores, 8 GB",
        "system": "Linux 6.1",
        "python": "3.11.9",
        "versions": {"gradscale": "0.1.0", "numpy": "2.4.0", "sympy": "1.14.0"},
        "threads": 1,
        "seed": 0,
        "interrupted": False,
        "planned_cells": 240,
        "collapse": {
            "linear_equal": True,
            "sigmoid_equal": False,
            "linear_latex": r"W_{2} W_{1} x",
            "linear_text": "W2*(W1*x) == (W2*W1)*x",
        },
        "logistic": [
            {
                "n": n,
                "published": "4*(1 - x) - 4*x",
                "simplified": "4 - 8*x",
                "ours": "-4*x + 4*(1 - x)",
                "published_operations": 4 * n,
                "simplified_operations": 2 * n,
                "ours_operations": 4 * n,
                "named_operations": 3 * n,
                "equal": True,
            }
            for n in (1, 2)
        ],
    }


@pytest.fixture(scope="session")
def results() -> pd.DataFrame:
    return make_results()


@pytest.fixture(scope="session")
def summary(results: pd.DataFrame) -> pd.DataFrame:
    return make_summary(results)


@pytest.fixture(scope="session")
def agreement() -> pd.DataFrame:
    return make_agreement()


@pytest.fixture(scope="session")
def training() -> pd.DataFrame:
    return make_training()


@pytest.fixture(scope="session")
def swell() -> pd.DataFrame:
    return make_swell()


@pytest.fixture(scope="session")
def run() -> dict[str, Any]:
    return make_run()


@pytest.fixture(scope="session")
def written(
    tmp_path_factory: pytest.TempPathFactory,
    results: pd.DataFrame,
    summary: pd.DataFrame,
    agreement: pd.DataFrame,
    training: pd.DataFrame,
    run: dict[str, Any],
    swell: pd.DataFrame,
) -> Path:
    """The folder of a whole report, written once because drawing takes seconds."""
    from compare.report.record import RunRecord
    from compare.report.write import write_report

    folder = tmp_path_factory.mktemp("report")
    write_report(folder, RunRecord(results, summary, agreement, training, swell, metadata=run))
    return folder
