"""The report as data: its sections in order, which both templates merely write down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from compare.report import tables
from compare.report.exactness import exactness_sentences, exactness_tables
from compare.report.finding import finding, remarks
from compare.report.format import error_text, list_text, loss_text
from compare.report.growing import growing_sentences, growing_tables
from compare.report.record import RunRecord
from compare.report.sentences import (
    build_sentences,
    cost_sentences,
    fairness,
    memory_sentences,
    operations_sentences,
)
from compare.report.swelling import swell_sentences, swell_tables
from compare.report.tables import Table
from compare.results.schema import RESULT_COLUMNS, STATUSES

__all__ = ["Report", "Section", "report_of"]


@dataclass(frozen=True)
class Section:
    """A section of the report."""

    #: Name of the section in links.
    name: str
    #: Heading.
    title: str
    #: What to see; each a paragraph of plain text in which code stands in backticks.
    sentences: list[str]
    #: Name of its chart; empty where it has none.
    chart: str = ""
    #: Tables by their heading.
    tables: dict[str, Table] = field(default_factory=dict)
    #: Formulas or commands by what they are.
    code: dict[str, str] = field(default_factory=dict)
    #: Lists of sentences by their heading.
    points: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The content of a report."""

    #: The finding in one sentence.
    finding: str
    #: What must be known before the numbers.
    remarks: list[str]
    #: The sections in order.
    sections: list[Section]


def report_of(record: RunRecord) -> Report:
    """Return the finding, the remarks and the sections of a report, in order."""
    results, run = record.results, record.metadata
    notes = tables.notes_table(results)
    sections = [
        Section(
            "summary",
            "How far each engine came",
            [
                "The largest size that each engine differentiated within its budget, the time of "
                "one gradient there, and its ratio to one evaluation of the loss in plain NumPy. "
                "An exponent of 1 means that twice the size takes twice the time."
            ],
            tables={"": tables.summary_table(results, record.summary)},
            points={"Read it fairly": fairness(results, run)},
        ),
        Section(
            "cost",
            "Cost of one gradient",
            cost_sentences(results),
            "cost",
            {"The single problems of the notes: time of one gradient": notes} if notes.rows else {},
        ),
        Section("operations", "Size of the formula", operations_sentences(results), "operations"),
        *([_swell(record.swell)] if len(record.swell) else []),
        *([_published(run["logistic"])] if run.get("logistic") else []),
        Section("build", "Build time", build_sentences(results), "build"),
        Section("memory", "Peak memory", memory_sentences(results), "memory"),
    ]
    if grown := growing_tables(record.summary, record.crossovers):
        sentences = growing_sentences(record.summary, record.crossovers)
        title = "Laws of growth, and where engines meet"
        sections.append(Section("growth", title, sentences, tables=grown))
    if len(record.agreement):
        sections.append(_agreement(record.agreement))
    if len(record.truth):
        sentences, shown = exactness_sentences(record.truth), exactness_tables(record.truth)
        sections.append(Section("exactness", "How exact", sentences, tables=shown))
    if len(record.training):
        sections.append(_training(record.training))
    if isinstance(run.get("collapse"), Mapping):
        sections.append(_collapse(run["collapse"]))
    sections += [_failed(results), _measured(results, run)]
    return Report(finding(results, run), remarks(results, run), sections)


def _swell(swell: pd.DataFrame) -> Section:
    sentences, shown = swell_sentences(swell), swell_tables(swell)
    return Section("swell", "Where the swell is", sentences, "swell", shown)


def _published(rows: Sequence[Mapping[str, Any]]) -> Section:
    """Return the section of the published table of the logistic map, with ours."""
    sentences = [
        "The published example of expression swell is the logistic map, `l_1 = x` and "
        "`l_{n+1} = 4 l_n (1 - l_n)`: A. G. Baydin, B. A. Pearlmutter, A. A. Radul, "
        "J. M. Siskind, Automatic differentiation in machine learning: a survey, JMLR 18(153), "
        "2018, Table 1. Below stand its derivatives beside those that `expanded` derives here."
    ]
    if all(row["equal"] for row in rows):
        sentences.append(
            "Published, published and simplified, and ours: all are equal polynomials."
        )
    else:
        wrong = [f"l_{row['n']}" for row in rows if not row["equal"]]
        sentences.append(f"Ours differ from those published: {list_text(wrong)}. This is a bug.")
    last = rows[-1]
    each = last["named_operations"] - rows[-2]["named_operations"] if len(rows) > 1 else 0
    sentences.append(
        f"The closed form of the derivative of l_{last['n']} has {last['ours_operations']} "
        f"operations, {last['published_operations']} as published; with every intermediate named "
        f"it has {last['named_operations']}, and each iteration adds {each}."
    )
    header = ("", "as published", "published, simplified", "ours", "ours, named", "equal")
    keys = ("published", "simplified", "ours", "named")
    counted = [
        (
            f"`l_{row['n']}`",
            *(str(row[f"{key}_operations"]) for key in keys),
            "yes" if row["equal"] else "no",
        )
        for row in rows
    ]
    code = {
        f"the derivative of l_{row['n']}": "\n".join(
            f"{words:<23} {row[key]}"
            for key, words in zip(
                keys, ("published", "published, simplified", "ours"), strict=False
            )
        )
        for row in rows
        if row["n"] > 1
    }
    found = {"Operations of the derivative": Table(header, counted, (1, 2, 3, 4))}
    return Section(
        "published", "The logistic map, as published", sentences, tables=found, code=code
    )


def _agreement(pairs: pd.DataFrame) -> Section:
    good, able = pairs[pairs["status"] == "ok"], pairs[pairs["status"] != "unsupported"]
    sentences = [f"{len(good):,} of {len(able):,} comparisons agree, element by element."]
    errors = good["max_error"]
    if errors.notna().any():
        worst = good[errors.notna()].sort_values("max_error").iloc[-1]
        exact = good[
            ~good["engine"].eq("finite-differences") & ~good["against"].eq("finite-differences")
        ]["max_error"]
        text = (
            f"The largest error among them is {error_text(worst['max_error'])} "
            f"({worst['engine']} against {worst['against']} on {worst['problem']})"
        )
        if "finite-differences" in (worst["engine"], worst["against"]) and exact.notna().any():
            text += f"; without finite differences it is {error_text(exact.max())}"
        sentences.append(text + ". A float64 number has a relative precision of 2e-16.")
    wrong = pairs[~pairs["status"].isin(["ok", "unsupported"])]
    rows = [
        (
            str(row["problem"]),
            str(row["engine"]),
            str(row["against"]),
            str(row["status"]),
            error_text(row["max_error"]),
            str(row["max_error_at"]),
            " ".join(str(row["message"]).split()),
        )
        for row in wrong.to_dict("records")
    ]
    header = ("problem", "engine", "against", "status", "error", "at", "reason")
    found = {"Comparisons that failed": Table(header, rows, (4,))} if rows else {}
    remarks = [
        f"{row['engine']} on {row['problem']}: {' '.join(str(row['message']).split())}."
        for row in good[good["message"] != ""].to_dict("records")
    ]
    points = {"Remarks": remarks} if remarks else {}
    return Section("agreement", "Do they agree?", sentences, "agreement", found, points=points)


def _training(curves: pd.DataFrame) -> Section:
    hand, graph = curves["loss_hand"], curves["loss_graph"]
    scale = pd.concat([hand.abs(), graph.abs()], axis=1).max(axis=1)
    difference = ((hand - graph).abs() / scale.where(scale > 0)).max()
    sentences = [
        f"Gradient descent on the two-layer sigmoid network, {len(curves):,} losses: from "
        f"{loss_text(graph.iloc[0])} to {loss_text(graph.iloc[-1])}, once with the hand-written "
        "gradient and once with the graph's."
    ]
    if difference == difference:
        text = f"The two differ by at most {error_text(difference)}, relative, at any step."
        sentences.append(
            "The two are equal, bit by bit, at every step." if difference == 0 else text
        )
    return Section("training", "A network trained both ways", sentences, "training")


def _collapse(shown: Mapping[str, Any]) -> Section:
    sentences, code = [], {}
    if shown.get("linear_equal") is True:
        sentences.append(
            "Take the nonlinearity away, and the formula shows that two layers are one: with the "
            "single matrix `W2 W1`, the same function comes out for every x. Depth without a "
            "nonlinearity adds nothing."
        )
    elif shown.get("linear_equal") is False:
        sentences.append(
            "Without the nonlinearity the two layers should be the single matrix `W2 W1`, but the "
            "formulas differed in this run."
        )
    if shown.get("sigmoid_equal") is False:
        text = "With the sigmoid between them they are not: the two formulas differ"
        if shown.get("sigmoid_affine") is False:
            text += ", and no other matrix and bias makes them equal"
        sentences.append(text + ".")
    elif shown.get("sigmoid_equal") is True:
        sentences.append(
            "With the sigmoid between them the formulas came out equal, which is wrong."
        )
    words = {"linear": "without the nonlinearity", "sigmoid": "with the sigmoid"}
    texts = {key.removesuffix("_text"): shown[key] for key in shown if key.endswith("_text")}
    latex = {key.removesuffix("_latex"): shown[key] for key in shown if key.endswith("_latex")}
    for name, text in (latex | texts).items():
        if text:
            code[words.get(name, name.replace("_", " "))] = str(text)
    return Section("collapse", "Why the nonlinearity", sentences, code=code)


def _failed(results: pd.DataFrame) -> Section:
    failed = tables.failures(results)
    counts = results.loc[results["status"] != "ok", "status"].value_counts()
    if failed.rows:
        how = list_text([f"{count} {status or 'unknown'}" for status, count in counts.items()])
        sentences = [f"{len(failed.rows):,} of {len(results):,} cells did not end as ok: {how}."]
        meanings = [f"`{name}`: {STATUSES[name]}." for name in STATUSES if name in counts]
        return Section(
            "failed",
            "Cells that failed",
            sentences,
            tables={"": failed},
            points={"What the words mean": meanings},
        )
    sentences = ["Every cell ended as ok." if len(results) else "No cell was finished."]
    return Section("failed", "Cells that failed", sentences)


def _measured(results: pd.DataFrame, run: Mapping[str, Any]) -> Section:
    sentences = [
        "Every cell ran in a process of its own, under a budget of time and of memory. Its "
        "gradient was checked against a reference before any clock started. The time is the "
        "median of several samples, warm; inputs were drawn outside the clock."
    ]
    columns = Table(
        ("column", "type", "unit", "meaning"),
        [(f"`{c.name}`", c.dtype, c.unit, c.meaning) for c in RESULT_COLUMNS],
    )
    command = str(run.get("command") or "")
    return Section(
        "measured",
        "How it was measured",
        sentences,
        tables={
            "Conditions": tables.conditions(results, run),
            "Columns of results.csv": columns,
        },
        code={"The same again": command} if command else {},
    )
