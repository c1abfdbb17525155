"""The report of a folder: its files read, its laws fitted, its page written."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from compare.problems import PROBLEMS
from compare.results.machines import machine_metadata
from compare.results.reading import ResultsError, read_results, read_table
from compare.results.resume import read_json
from compare.results.schema import (
    AGREEMENT_COLUMNS,
    CROSSOVER_COLUMNS,
    SUMMARY_COLUMNS,
    SWELL_COLUMNS,
    TRAINING_COLUMNS,
    TRUTH_COLUMNS,
)
from compare.results.store import write_table

if TYPE_CHECKING:
    from compare.report.record import RunRecord

__all__ = ["read_record", "report_folder"]

#: Beginning of the names of the networks that grow.
_NETWORKS = "mlp-"


def report_folder(folder: Path, console: Console, title: str = "") -> Path:
    """Make the report of a folder from its CSV files, and print the closing table."""
    # late: SciPy and what draws take 1 s to import
    from compare.report.terminal import print_finding, print_summary
    from compare.report.write import write_report

    record = read_record(folder)
    write_table(folder / "summary.csv", record.summary, SUMMARY_COLUMNS)
    write_table(folder / "crossovers.csv", record.crossovers, CROSSOVER_COLUMNS)
    with console.status("drawing the report"):
        page = write_report(folder, record, title=title, example=_example(record))
    print_finding(record.results, record.metadata, console)
    print_summary(record, console)
    return page


def _example(record: "RunRecord") -> Any:
    """Return the gradient that the report writes out: of an own function, or of a network."""
    from compare.studies.example import example_of, network_example, saved_example

    if isinstance(saved := record.metadata.get("example"), Mapping):
        return saved_example(saved)
    names = [name for name in dict.fromkeys(record.results["problem"]) if name in PROBLEMS]
    if any(name.startswith(_NETWORKS) for name in names):
        return network_example()
    return example_of(PROBLEMS[names[0]], trusted=True) if names else None


def read_record(folder: Path, *, laws: bool = True) -> "RunRecord":
    """Return everything that a run left in its folder, with the laws fitted to it if asked for."""
    from compare.growth.summary import crossovers_of, growths_of, summary_of
    from compare.report.record import RunRecord

    if not folder.is_dir():
        raise ResultsError(f"{folder} is no folder; expected one that gradscale run has written")
    results = read_results(folder / "results.csv")
    tables = {
        name: read_table(folder / f"{name}.csv", columns)
        for name, columns in (
            ("agreement", AGREEMENT_COLUMNS),
            ("truth", TRUTH_COLUMNS),
            ("swell", SWELL_COLUMNS),
            ("training", TRAINING_COLUMNS),
        )
        if (folder / f"{name}.csv").exists()
    }
    metadata = {**machine_metadata(folder), **read_json(folder / "run.json")}
    growths = growths_of(results) if laws else []
    return RunRecord(
        results, summary_of(growths), crossovers=crossovers_of(growths), metadata=metadata, **tables
    )
