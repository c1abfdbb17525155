"""The report as data: its sections in order, which both templates merely write down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from compare.problems import PROBLEMS
from compare.report import tables
from compare.report.exactness import exactness_sentences, exactness_tables
from compare.report.finding import agreement_line, finding, remarks
from compare.report.format import bytes_text, error_text, list_text, loss_text, seconds_text
from compare.report.growing import growing_sentences, growing_tables
from compare.report.overview import Overview, facts, overview_of
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

__all__ = ["TITLE", "Report", "Section", "report_of", "without_ours"]


@dataclass(frozen=True)
class Section:
    """A chapter of the report."""

    #: Name of the chapter in links.
    name: str
    #: Heading.
    title: str
    #: What to see; each a paragraph of plain text in which code stands in backticks.
    sentences: list[str]
    #: Names of its charts.
    charts: tuple[str, ...] = ()
    #: Tables by their heading.
    tables: dict[str, Table] = field(default_factory=dict)
    #: Formulas or commands by what they are.
    code: dict[str, str] = field(default_factory=dict)
    #: Lists of sentences by their heading.
    points: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The content of a report."""

    #: What the page is called.
    title: str
    #: The finding in one sentence.
    finding: str
    #: How many comparisons agree, and how exactly; empty where none was made.
    agreement: str
    #: Whether all of them agree.
    sound: bool
    #: Machine, date, budget and number of cells in a few words.
    facts: list[str]
    #: What must be known before the numbers.
    remarks: list[str]
    #: How far each engine came on each problem.
    overview: Overview
    #: The chapters in order.
    sections: list[Section]


#: The heading of a report of our networks.
TITLE = "Formula or graph: what a gradient costs"


def _is_own(results: pd.DataFrame) -> bool:
    """Return whether a run is about somebody's own functions alone."""
    ours = {(problem.name, problem.family) for problem in PROBLEMS.values()}
    pairs = set(zip(results["problem"], results["family"], strict=True))
    return bool(pairs) and not pairs & ours


def without_ours(record: RunRecord) -> RunRecord:
    """Return the record of a run, without our networks if it is about somebody's own function."""
    if not _is_own(record.results):
        return record
    ours = ("logistic", "collapse")
    metadata = {name: value for name, value in record.metadata.items() if name not in ours}
    nothing = pd.DataFrame()
    return replace(record, swell=nothing, training=nothing, metadata=metadata)


def report_of(record: RunRecord, title: str = "") -> Report:
    """Return the finding, the remarks and the chapters of a report, in order."""
    record = without_ours(record)
    results, run = record.results, record.metadata
    title = title or str(run.get("title") or "")
    if _is_own(results):
        names = list(dict.fromkeys(map(str, results["problem"])))
        title = title or f"The gradient of {list_text(names)}"
    sections = []
    if len(results):
        sections.append(_cost(record))
    if len(results) or len(record.swell) or run.get("logistic"):
        sections.append(_size(record))
    if len(results):
        build, memory = build_sentences(results), memory_sentences(results)
        sections.append(_grown("build", "Time to build", build, results, "build_s"))
        sections.append(_grown("memory", "Peak memory", memory, results, "peak_bytes"))
    if laws := growing_tables(record.summary, record.crossovers):
        sentences = growing_sentences(record.summary, record.crossovers)
        sections.append(Section("laws", "Laws of growth and crossovers", sentences, tables=laws))
    if len(record.agreement) or len(record.truth):
        sections.append(_agreement(record))
    sections.append(_training(record.training, run.get("collapse")))
    sections += [_failed(results), _measured(results, run)]
    shown = [section for section in sections if _has_content(section)]
    return Report(
        title or TITLE,
        finding(results, run),
        agreement_line(record.agreement, record.truth),
        bool(record.agreement["status"].isin(["ok", "unsupported"]).all()),
        facts(results, run),
        remarks(results, run),
        overview_of(results),
        shown,
    )


def _has_content(section: Section) -> bool:
    return bool(section.sentences or section.tables or section.code)


def _cost(record: RunRecord) -> Section:
    results = record.results
    tables_ = {}
    alone = tables.single(results)
    grown = results.drop(index=alone.index)
    if (summary := tables.summary_table(grown, record.summary)).rows:
        tables_["How far each engine came"] = summary
    if alone["problem"].nunique() == 1:
        tables_["Every engine"] = tables.engines_table(alone)
    elif len(alone):
        tables_["Problems of one size: time of one gradient"] = tables.single_table(results)
    fair = fairness(results, record.metadata)
    return Section(
        "cost",
        "Cost of one gradient",
        cost_sentences(results),
        ("cost",),
        tables_,
        points={"Read it fairly": fair} if fair else {},
    )


def _size(record: RunRecord) -> Section:
    """Return the chapter on the swell: of ours, by form, and beside the published example."""
    sentences = operations_sentences(record.results)
    found: dict[str, Table] = {}
    code: dict[str, str] = {}
    if len(record.swell):
        sentences = [*swell_sentences(record.swell), *sentences]
        found = swell_tables(record.swell)
    if record.metadata.get("logistic"):
        told, table, code = _published(record.metadata["logistic"])
        sentences, found = [*sentences, *told], found | table
    title = "Size of the formula: the swell"
    return Section("size", title, sentences, ("swell", "operations"), found, code)


def _grown(
    name: str, title: str, sentences: list[str], results: pd.DataFrame, column: str
) -> Section:
    """Return a chapter of one quantity."""
    text = bytes_text if column == "peak_bytes" else seconds_text
    found = {}
    if tables.single(results)["problem"].nunique() > 1:
        found["Problems of one size"] = tables.single_table(results, column, text)
    return Section(name, title, sentences, (name,), found)


def _published(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[list[str], dict[str, Table], dict[str, str]]:
    """Return sentences, table and code of the published table of the logistic map, with ours."""
    sentences = [
        "The published example is the logistic map, `l_{n+1} = 4 l_n (1 - l_n)`: Baydin, "
        "Pearlmutter, Radul, Siskind, JMLR 18(153), 2018, Table 1."
    ]
    if all(row["equal"] for row in rows):
        sentences[0] += " Published, simplified and ours are equal polynomials."
    else:
        wrong = [f"l_{row['n']}" for row in rows if not row["equal"]]
        sentences.append(f"Ours differ from those published: {list_text(wrong)}. This is a bug.")
    header = ("iterate", "as published", "published, simplified", "ours", "ours, named", "equal")
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
    heading = "Operations of the derivative of the logistic map"
    return sentences, {heading: Table(header, counted, (1, 2, 3, 4))}, code


def _agreement(record: RunRecord) -> Section:
    pairs = record.agreement
    good, able = pairs[pairs["status"] == "ok"], pairs[pairs["status"] != "unsupported"]
    sentences = []
    if len(able):
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
    if len(record.truth):
        sentences += exactness_sentences(record.truth)
        found |= exactness_tables(record.truth)
    title = "Agreement and truth"
    return Section("agreement", title, sentences, ("agreement",), found, points=points)


#: What a sentence calls each run of a training, by its column.
_TRAINED = {"loss_hand": "by hand", "loss_graph": "by the graph", "loss_formula": "by the formula"}


def _training(curves: pd.DataFrame, collapse: Any) -> Section:
    runs = {name: words for name, words in _TRAINED.items() if curves[name].notna().any()}
    sentences: list[str] = []
    if runs:
        losses = curves[list(runs)]
        first, last = (float(curves[next(iter(runs))].iloc[i]) for i in (0, -1))
        scale = losses.abs().max(axis=1)
        apart = ((losses.max(axis=1) - losses.min(axis=1)) / scale.where(scale > 0)).max()
        count = {1: "once", 2: "twice", 3: "three times"}[len(runs)]
        sentences = [
            f"Gradient descent on the two-layer sigmoid network, {count}: "
            f"{list_text(list(runs.values()))}. In {len(curves):,} steps the loss goes from "
            f"{loss_text(first)} to {loss_text(last)}."
        ]
        if len(runs) > 1 and apart == apart:
            text = f"They differ by at most {error_text(apart)}, relative, at any step."
            sentences.append("All are equal, bit by bit, at every step." if apart == 0 else text)
    told, code = _collapse(collapse if isinstance(collapse, Mapping) else {})
    title = "Training" + (", and why the nonlinearity" if told or code else "")
    return Section("training", title, [*sentences, *told], ("training",), code=code)


def _collapse(shown: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return sentences and formulas on two layers without a nonlinearity."""
    sentences, code = [], {}
    if shown.get("linear_equal") is True:
        sentences.append(
            "Without the nonlinearity two layers are one: the formula is that of the single matrix "
            "`W2 W1`."
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
    return sentences, code


def _failed(results: pd.DataFrame) -> Section:
    failed = tables.failures(results)
    counts = results.loc[results["status"] != "ok", "status"].value_counts()
    if failed.rows:
        how = list_text([f"{count} {status or 'unknown'}" for status, count in counts.items()])
        sentences = [f"{len(failed.rows):,} of {len(results):,} cells did not end as ok: {how}."]
        meanings = [f"`{name}`: {STATUSES[name]}." for name in STATUSES if name in counts]
        return Section(
            "failures",
            "Failures",
            sentences,
            tables={"Cells that did not end as ok": failed},
            points={"What the words mean": meanings},
        )
    sentences = ["Every cell ended as ok." if len(results) else "No cell was finished."]
    return Section("failures", "Failures", sentences)


def _measured(results: pd.DataFrame, run: Mapping[str, Any]) -> Section:
    sentences = [
        "Every cell ran in a process of its own, under a budget of time and of memory, and its "
        "gradient was checked before any clock started. A time is the median of several samples."
    ]
    columns = Table(
        ("column", "type", "unit", "meaning"),
        [(f"`{c.name}`", c.dtype, c.unit, c.meaning) for c in RESULT_COLUMNS],
    )
    command = str(run.get("command") or "")
    return Section(
        "method",
        "Method",
        sentences,
        tables={
            "Conditions": tables.conditions(results, run),
            "Columns of results.csv": columns,
        },
        code={"The same again": command} if command else {},
    )
