"""How exact each engine is: errors in ULPs of the true gradient, as sentences and a table."""

import math
from typing import Any

import pandas as pd

from compare.report.cells import engines
from compare.report.format import MISSING, count_text, list_text
from compare.report.tables import Number, Table

__all__ = ["exactness_sentences", "exactness_tables", "ulp_text"]

#: Bits of the significand of a float64 number.
_BITS = 53
#: Reasons that are quoted; the rest are counted.
_QUOTED = 3


def ulp_text(ulps: float) -> str:
    """Return a number of ULPs as people read it.

    Examples
    --------
    >>> ulp_text(0.52), ulp_text(217.3), ulp_text(4.2e8), ulp_text(0.0), ulp_text(math.nan)
    ('0.5', '217', '4e8', '0', '–')
    """
    if math.isnan(ulps):
        return MISSING
    if math.isinf(ulps):
        return "∞"
    if ulps >= 1e5:
        return f"{ulps:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{ulps:,.0f}" if ulps >= 9.95 else f"{ulps:.1f}".removesuffix(".0")


def exactness_sentences(truth: pd.DataFrame) -> list[str]:
    """Return the sentences on the errors in ULPs."""
    sentences = [
        "Engines may agree and be wrong alike, so each is held against the true gradient: central "
        "differences of the function in 180 digits, of which 50 are certain. The error is in ULPs, "
        "units in the last place of the true entry: correctly rounded means at most 0.5."
    ]
    known = truth[truth["ulp_max"].notna() & (truth["status"] == "ok")]
    fine = known[~known["engine"].eq("finite-differences")]
    if len(fine):
        entries = int(fine["entries"].sum())
        worst = fine.sort_values("ulp_max").iloc[-1]
        text = (
            f"Of {count_text(entries)} entries of engines other than finite differences the "
            f"largest error is {ulp_text(worst['ulp_max'])} ULPs ({worst['engine']}, "
            f"`{worst['ulp_max_at']}` of {worst['problem']} {worst['label']})"
        )
        if worst["ulp_max"] > 2:
            lost = math.log2(worst["ulp_max"])
            text += f": about {lost:.0f} of the {_BITS} bits are lost there"
        if worst["ulp_of_largest"] < worst["ulp_max"] / 4:
            text += (
                ", because terms cancel; in ULPs of the largest entry of that gradient no error is "
                f"above {ulp_text(worst['ulp_of_largest'])}"
            )
        medians = fine["ulp_median"].dropna()
        if len(medians):
            text += f". The median of the medians is {ulp_text(float(medians.median()))}"
        sentences.append(f"{text}. ")
    rough = known[known["engine"].eq("finite-differences")]
    if len(rough):
        least = float(rough.loc[rough["ulp_max"] > 0, "ulp_max"].min())
        if least == least:
            lost = math.log2(float(rough["ulp_max"].max()))
            sentences.append(
                f"Finite differences are off by up to {ulp_text(float(rough['ulp_max'].max()))} "
                f"ULPs: about {lost:.0f} bits are lost, half of them by nature."
            )
    return sentences + _partial(truth) + _wrong(truth)


def _partial(truth: pd.DataFrame) -> list[str]:
    """Return the sentences on problems without a truth, or with a part of it."""
    sentences = []
    sampled = truth[(truth["entries"] > 0) & (truth["entries"] < truth["parameters"])]
    names = dict.fromkeys(f"{r.problem} {r.label}" for r in sampled.itertuples())
    if names:
        sentences.append(
            f"A random sample of the entries was compared on {list_text(list(names))}; there each "
            "gradient also took the Taylor test, by which the remainder of f(x + hv) must shrink "
            "with slope 2."
        )
    none = truth[truth["message"].str.startswith("no truth")]
    reasons: dict[str, str] = {}
    for row in none.itertuples():
        reasons.setdefault(f"{row.problem} {row.label}", str(row.message).split(": ", 1)[-1])
    for where, reason in list(reasons.items())[:_QUOTED]:
        sentences.append(
            f"{where} has no truth ({reason}): its gradients were compared with each other, and "
            "took the Taylor test."
        )
    if len(reasons) > _QUOTED:
        sentences.append(f"{len(reasons) - _QUOTED} further problems have no truth either.")
    return sentences


def _wrong(truth: pd.DataFrame) -> list[str]:
    wrong = truth[truth["status"] == "mismatch"]
    return [
        f"{row.engine} is wrong on {row.problem} {row.label}: {' '.join(str(row.message).split())}."
        for row in wrong.itertuples()
    ]


def exactness_tables(truth: pd.DataFrame) -> dict[str, Table]:
    """Return the table of the largest errors, with the medians in brackets."""
    names = engines(truth)
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for row in truth.to_dict("records"):
        cells.setdefault((row["problem"], row["label"]), {})[row["engine"]] = row
    rows = [
        (f"{problem} {label}", *(_cell(found.get(name)) for name in names))
        for (problem, label), found in cells.items()
    ]
    header = ("problem", *names)
    heading = "Largest error in ULPs (median)"
    return {heading: Table(header, rows, tuple(range(1, len(header))))} if rows else {}


def _cell(row: dict[str, Any] | None) -> str:
    """Return the largest error and the median, or how it ended."""
    if row is None or row["status"] == "unsupported":
        return MISSING
    if math.isnan(row["ulp_max"]):
        return "no truth" if row["status"] == "ok" else str(row["status"])
    text = f"{ulp_text(row['ulp_max'])} ({ulp_text(row['ulp_median'])})"
    return Number(text if row["status"] == "ok" else f"{row['status']}: {text}", row["ulp_max"])
