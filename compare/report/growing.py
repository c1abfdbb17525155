"""The laws of growth, where engines meet, and what lies beyond, as sentences and tables."""

from typing import Any

import pandas as pd

from compare.growth.laws import KINDS
from compare.report.cells import SIZE_WORDS, engines
from compare.report.format import MISSING, SUPERSCRIPTS, count_text, list_text
from compare.report.tables import Number, Table, growth_text

__all__ = ["growing_sentences", "growing_tables"]

_QUANTITIES = {
    "run_s": "time of a gradient",
    "build_s": "time to build",
    "compile_s": "time to compile",
    "peak_bytes": "memory",
    "operations": "operations",
}
#: What a sentence calls what a formula would need.
_NEEDS = {"operations": "{} operations", "build_s": "{} s to derive"}
#: Formulas whose ends are extrapolated, and the graphs that they are held against.
_FORMULAS = {
    "expanded": "the closed form",
    "shared": "the form with common subexpressions named",
}
_GRAPHS = ("graph-compiled", "graph")
#: A meeting whose interval spans more than this factor is in the table, but in no sentence.
_TELLING = 10.0
#: Meetings that a sentence names; the table has all.
_MOST = 3
#: Powers of ten, and share of the predicted power, that the interval of a prediction may span to be
#: put in a sentence: one from ten to 10⁶⁶ is of no use.
_POWERS, _POWERS_SHARE = 3.0, 0.3


def growing_sentences(summary: pd.DataFrame, crossovers: pd.DataFrame) -> list[str]:
    """Return the sentences on laws, meetings and predictions."""
    laws = list_text([f"`{formula}`" for formula in KINDS.values()])
    sentences = [
        f"The best of {laws} is fitted to the cells of each engine in each family; cells that a "
        "budget ended count as lower bounds. Brackets are 95 % intervals, if the law has that form."
    ]
    sentences += _meeting_sentences(crossovers)
    farthest = max(_telling(summary), key=lambda row: row["predicted_log10"], default=None)
    if farthest is not None:
        low, value, high = _powers(farthest)
        need = _NEEDS[farthest["quantity"]].format(f"about {value}")
        sentences.append(
            f"Extrapolated, beyond all that was measured: {_FORMULAS[farthest['engine']]} of "
            f"{farthest['family']} with {count_text(farthest['predicted_at'])} "
            f"{_word(farthest)} would need {need} (95 % {low} to {high})."
        )
    return sentences


def _meeting_sentences(crossovers: pd.DataFrame) -> list[str]:
    """Return a sentence on formulas and graphs that overtake each other at measured sizes."""
    found = []
    for row in crossovers.to_dict("records"):
        pair = {row["below"], row["above"]}
        telling = row["n_high"] <= _TELLING * row["n_low"] and not row["extrapolated"]
        if telling and pair & set(_FORMULAS) and pair & set(_GRAPHS):
            found.append(
                f"`{row['above']}` overtakes `{row['below']}` at {_place(row)} in the "
                f"{_QUANTITIES[row['quantity']]} ({row['family']})"
            )
    shown = found[:_MOST]
    return [f"Where formulas and graphs meet: {'; '.join(shown)}."] if shown else []


def _place(row: dict[Any, Any]) -> str:
    """Return such as "31 parameters (95 % 24 to 40)"."""
    word = "parameters"
    if row["against"] == "size":
        word = SIZE_WORDS.get(row["family"], "in size")
    low, high = _count(row["n_low"]), _count(row["n_high"])
    return f"{_count(row['n'])} {word} (95 % {low} to {high})"


def _count(n: float) -> str:
    """Return a size with two digits or three."""
    return count_text(float(f"{n:.2g}")) if n >= 10 else f"{n:.1f}".removesuffix(".0")


def _telling(summary: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the predictions for formulas at sizes that nobody measured, if they say anything."""
    found = []
    for row in summary.to_dict("records"):
        if row["engine"] not in _FORMULAS or row["quantity"] not in _NEEDS:
            continue
        width = row["predicted_log10_high"] - row["predicted_log10_low"]
        # Comparisons with what is missing are false.
        if abs(row["predicted_log10"]) >= 0 and width <= max(
            _POWERS, _POWERS_SHARE * abs(row["predicted_log10"])
        ):
            found.append(row)
    return found


def _word(row: dict[Any, Any]) -> str:
    """Return the word for what grows in a row of the summary."""
    return SIZE_WORDS.get(row["family"], "in size") if row["against"] == "size" else "parameters"


def _powers(row: dict[Any, Any]) -> tuple[str, str, str]:
    """Return the ends of a prediction's interval with the prediction between them."""
    low, value, high = (_power(row[f"predicted_log10{end}"]) for end in ("_low", "", "_high"))
    return low, value, high


def _power(log10: float) -> str:
    """Return ten to a power that is a whole number, or the number where it is small."""
    if -2 < log10 < 4:
        return f"{float(f'{10**log10:.2g}'):,g}"
    return f"10{str(round(log10)).replace('-', '⁻').translate(SUPERSCRIPTS)}"


def growing_tables(summary: pd.DataFrame, crossovers: pd.DataFrame) -> dict[str, Table]:
    """Return the laws of all engines, and all sizes at which two of them meet."""
    shown = [name for name in _QUANTITIES if _has_law(summary, name)]
    rows = []
    for family in dict.fromkeys(summary["family"]):
        against = SIZE_WORDS.get(family, "parameters")
        for engine in engines(summary[summary["family"] == family]):
            texts = [growth_text(summary, family, engine, quantity) for quantity in shown]
            if any(text != MISSING for text in texts):
                rows.append((family, engine, against, *texts))
    found = {}
    if rows:
        header = ("family", "engine", "by", *(_QUANTITIES[name] for name in shown))
        found["Exponents of growth (95 %)"] = Table(header, rows, tuple(range(3, len(header))))
    if telling := _telling(summary):
        predicted = []
        for row in telling:
            low, value, high = _powers(row)
            where = f"{count_text(row['predicted_at'])} {_word(row)}"
            unit = " s" if row["quantity"] == "build_s" else ""
            need = Number(f"{value}{unit} ({low} to {high})", row["predicted_log10"])
            predicted.append(
                (row["family"], row["engine"], _QUANTITIES[row["quantity"]], where, need)
            )
        header = ("family", "engine", "of", "at", "would need (95 %)")
        found["Extrapolated, beyond all that was measured"] = Table(header, predicted, (3, 4))
    if len(crossovers):
        met = [
            (
                str(row["family"]),
                _QUANTITIES[row["quantity"]],
                str(row["below"]),
                str(row["above"]),
                Number(_place(row) + (", extrapolated" if row["extrapolated"] else ""), row["n"]),
            )
            for row in crossovers.sort_values(["family", "quantity"], kind="stable").to_dict(
                "records"
            )
        ]
        header = ("family", "in", "cheaper below", "cheaper above", "meet at")
        found["Where engines meet"] = Table(header, met, (4,))
    return found


def _has_law(summary: pd.DataFrame, quantity: str) -> bool:
    laws = summary[summary["quantity"] == quantity]["law"]
    return bool((~laws.isin(["none", ""])).any())
