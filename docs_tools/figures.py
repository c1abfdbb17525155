"""Figures of the reference run in README.md and docs/performance.md.

``python -m docs_tools.figures`` writes them there.
"""

import json
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from compare.report.format import MISSING, bytes_text, count_text, seconds_text
from compare.results.machines import machine_metadata

__all__ = ["bench_text", "with_bench", "with_finding"]

#: What the commands wrote whose figures are shown: plans with the memory at hand, and without, of
#: code that nobody tuned for, of evals of GradBench; formulas.
BENCH_FILES = (
    "bench_compiled.json",
    "bench_compiled_fresh.json",
    "bench_general.json",
    "bench_gradbench.json",
    "bench_symbolic.json",
)


def _between(text: str, begin: str, end: str, new: str) -> str:
    """Return a text with what stands between two comments replaced."""
    begin, end = f"<!-- {begin} -->", f"<!-- {end} -->"
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{new}\n{end}", text, flags=re.DOTALL)


def with_finding(text: str, folder: Path) -> str:
    r"""Return the text of the README with the finding of the reference run between its marks.

    Examples
    --------
    >>> text = "<!-- finding -->\n<!-- end of finding -->"
    >>> "not been made" in with_finding(text, Path("nowhere"))
    True
    """
    report, run = folder / "report.md", folder / "machine.json"
    found = "The reference run has not been made yet."
    if report.exists() and run.exists():
        finding = report.read_text(encoding="utf-8").split("\n\n")[1]
        machine = machine_metadata(folder).get("machine", "")
        words = f"{finding} (One sample, float64, one BLAS thread; {machine}.)"
        found = "\n".join(textwrap.wrap(words, 100, break_on_hyphens=False))
    return _between(text, "finding", "end of finding", found)


def with_bench(text: str, folder: Path) -> str:
    r"""Return a page with the figures of the benchmark put between their marks.

    Examples
    --------
    >>> "not been measured" in with_bench("<!-- bench -->\n<!-- end of bench -->", Path("nowhere"))
    True
    """
    files = [folder / name for name in BENCH_FILES]
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
    parts = [bench_text(document) for document in found]
    return _between(
        text, "bench", "end of bench", "\n\n".join(parts) or "It has not been measured yet."
    )


def bench_text(document: Mapping[str, Any]) -> str:
    """Return the figures of a benchmark in Markdown."""
    command = re.sub(r"--json \S+ ?", "", document["command"]).strip()
    process = ", each sample in a process of its own" if document["fresh"] else ""
    libraries = ", ".join(f"{name} {number}" for name, number in document["libraries"].items())
    parts = [
        f"`{command}`: medians of {document['rounds']} rounds{process}; {document['machine']}; "
        f"{document['system']}; Python {document['python']}; {document['versions']}; {libraries}.",
        _ratios(document["results"]),
    ]
    if (baseline := _baseline(document["results"])) != "by-hand":
        words = f"Ratios are to `{baseline}`. Before: tracing, compiling and a first call."
        parts += [words, _prepared(document["results"])]
    for key, words, table in _MORE:
        if document.get(key):
            parts += [words, table(document[key])]
    return "\n\n".join(parts)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column holds words and the others numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows))


def _ratios(results: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each workload, a column for each candidate that has times."""
    times = {
        result["workload"]: {e["candidate"]: e for e in result["entries"] if e["ratio"] is not None}
        for result in results
    }
    names = {entry["candidate"]: None for result in results for entry in result["entries"]}
    baseline = _baseline(results)
    peers = [n for n in names if n != baseline and any(n in entries for entries in times.values())]
    rows = []
    for result in results:
        entries = times[result["workload"]]
        title = f"{result['label']} {result['workload']}".strip()
        first = seconds_text(entries[baseline]["median_s"]) if baseline in entries else MISSING
        ratios = [_number(entries.get(name, {}).get("ratio")) for name in peers]
        rows.append([f"{title}: {result['meaning']}", first, *ratios])
    return _table(["workload", baseline.replace("by-hand", "by hand"), *peers], rows)


def _baseline(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the candidate that the ratios are to."""
    return str(results[0]["entries"][0]["candidate"])


def _prepared(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the time of each candidate before it is timed: tracing, compiling, a first call."""
    names = {entry["candidate"]: None for result in results for entry in result["entries"]}
    times = [
        {e["candidate"]: e["prepare_s"] for e in result["entries"] if e["ratio"] is not None}
        for result in results
    ]
    columns = [name for name in names if any(name in each for each in times)]
    rows = [
        [result["workload"], *(seconds_text(each.get(name)) for name in columns)]
        for result, each in zip(results, times, strict=True)
    ]
    return _table(["workload", *columns], rows)


def _number(number: float | None) -> str:
    """Return a ratio with two decimals, without any from 100 on."""
    if number is None:
        return MISSING
    return f"{number:.2f}" if number < 100 else f"{number:,.0f}"


def _footprints(footprints: Sequence[Mapping[str, Any]]) -> str:
    sizes = {(f["workload"], f["candidate"]): f["peak_bytes"] for f in footprints}
    candidates = list(dict.fromkeys(candidate for _, candidate in sizes))
    return _table(
        ["workload", *candidates],
        [
            [workload, *(bytes_text(sizes.get((workload, name))) for name in candidates)]
            for workload in dict.fromkeys(workload for workload, _ in sizes)
        ],
    )


def _growth(growth: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        ["program", "operations", "build", "call", "ratio to by hand"],
        [
            [
                f"{row['series']}, {row['candidate']}",
                f"{row['operations']:,}",
                seconds_text(row["build_s"]),
                seconds_text(row["run_s"]),
                _number(row["ratio"]),
            ]
            for row in growth
        ],
    )


def _derived(derived: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        ["network, by", "parameters", "time", "memory", "operations", "ratio"],
        [
            [
                f"{row['network']}, {row['candidate']}",
                f"{row['parameters']:,}",
                seconds_text(row["derive_s"]),
                bytes_text(row["peak_bytes"]),
                count_text(row["operations"]),
                _number(row["ratio"]),
            ]
            for row in derived
            if row["derive_s"] is not None
        ],
    )


#: Further parts: key of the document, the words in front of its table, and the table.
_MORE: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("footprints", "Most memory that a call needs beyond its arguments:", _footprints),
    (
        "derived",
        "Deriving the gradient as a formula, in fresh processes (time of the processor; the "
        "ratio is of operations, to those of the value):",
        _derived,
    ),
    ("growth", "Making a program, by its length, and calling it:", _growth),
)


def main() -> None:
    """Write the figures of the reference run into the pages that show them."""
    folder = Path("reports/reference")
    for page, put in (("README.md", with_finding), ("docs/performance.md", with_bench)):
        file = Path(page)
        file.write_text(put(file.read_text(encoding="utf-8"), folder), encoding="utf-8")


if __name__ == "__main__":
    main()
