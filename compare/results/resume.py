"""Going on where a killed run stopped: which rows of its folder are kept, and which are stale."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compare.results.reading import ResultsError, read_results
from compare.results.samples import SampleStore
from compare.results.schema import RESULT_COLUMNS, Cell
from compare.results.store import (
    create_results,
    cut_to_whole_rows,
    replace_file,
    write_table,
)

__all__ = ["PreviousRun", "previous_run", "read_json", "write_json"]

_RESULTS, _STALE = "results.csv", "results.stale.csv"


@dataclasses.dataclass(frozen=True)
class PreviousRun:
    """The part of an earlier run that a run takes over.

    Parameters
    ----------
    done : dict of (problem, size, engine) to str
        Cells that are kept, and how they ended.
    run : int
        How often the run has been resumed, this time included.
    metadata : dict
        The contents until then of ``run.json``.
    remarks : tuple of str
        Sentences about what was kept, cut off and stale.
    classes : dict of str to str
        The class of machines that each family with a kept cell was measured on.
    """

    done: dict[Cell, str] = dataclasses.field(default_factory=dict)
    run: int = 0
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    classes: dict[str, str] = dataclasses.field(default_factory=dict)


def previous_run(
    folder: Path,
    requested: Mapping[str, Any],
    fingerprints: Mapping[Cell, str],
    machine: str | None,
) -> PreviousRun:
    """Return the part of the run in a folder that is kept, and remove the rest of its results.

    Rows of machines other than `machine` are refused, unless that is None, as on a cluster.
    """
    results = folder / _RESULTS
    if not results.exists():
        remark = "There is no earlier run to go on with: this one starts anew."
        return PreviousRun(remarks=(remark,))
    metadata = read_json(folder / "run.json")
    # Before version 3 of the schema it was called otherwise.
    settings = metadata.get("requested", metadata.get("asked"))
    _refuse_other_plan(folder, settings, requested)
    remarks = []
    lost = cut_to_whole_rows(results)
    if lost:
        remarks.append(f"A row that was cut off in the middle ({lost} bytes) was removed.")
    if not results.stat().st_size:
        results.unlink()
        create_results(results)
    rows = read_results(results)
    others = sorted({str(m) for m in rows["machine"] if m} - {machine})
    if others and machine is not None:
        raise ResultsError(
            f"{folder} holds a run of another machine ({others[0]}; this one is {machine}), and "
            "times of two machines do not belong into one table. Choose another folder with --out, "
            "or go on with a run of a cluster by --dask."
        )
    done, kept = _kept(rows, fingerprints)
    if rows.empty:
        # Its header may be that of an older version.
        write_table(results, rows, RESULT_COLUMNS)
    if len(kept) < len(rows):
        write_table(folder / _STALE, rows, RESULT_COLUMNS)
        write_table(results, rows.loc[kept], RESULT_COLUMNS)
        remarks.append(
            f"{len(rows) - len(kept)} of {len(rows)} rows are stale, since a problem or an engine "
            f"has changed: they are measured again ({_STALE} has all as they were)."
        )
    run = max(SampleStore(folder).keep(done), int(metadata.get("resumed", 0)) + 1)
    remarks.append(f"{len(done)} of {len(fingerprints)} cells are kept.")
    families = zip(rows.loc[kept, "family"], rows.loc[kept, "machine_class"], strict=True)
    classes = {str(family): str(kind) for family, kind in families if kind}
    return PreviousRun(done, run, metadata, tuple(remarks), classes)


def _kept(
    rows: pd.DataFrame, fingerprints: Mapping[Cell, str]
) -> tuple[dict[Cell, str], list[int]]:
    """Return the cells that are kept with their statuses, and the numbers of their rows."""
    done: dict[Cell, str] = {}
    kept = []
    for number, row in enumerate(rows.to_dict("records")):
        cell = (str(row["problem"]), int(row["size"]), str(row["engine"]))
        if cell not in done and fingerprints.get(cell) == row["fingerprint"]:
            done[cell] = str(row["status"])
            kept.append(number)
    return done, kept


def _refuse_other_plan(folder: Path, previous: Any, requested: Mapping[str, Any]) -> None:
    """Refuse to go on with a run of other settings."""
    if not isinstance(previous, Mapping):
        raise ResultsError(
            f"{folder} does not tell what its run was asked to do (run.json is missing or older "
            "than --resume). Run without --resume to replace it, or choose another folder."
        )
    now = json.loads(json.dumps(requested))
    for name in dict.fromkeys([*previous, *now]):
        before, after = previous.get(name), now.get(name)
        # An engine that was installed since, as a plug-in, makes no row of the others wrong.
        grown = name in ("engines", "verified") and set(before or ()) <= set(after or ())
        if before != after and not grown:
            raise ResultsError(
                f"{folder} cannot be resumed with other settings: {name} was "
                f"{_shown(before)} and is now {_shown(after)}. Give the options "
                "of the first run, or choose another folder with --out."
            )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def write_json(path: Path, metadata: Mapping[str, Any]) -> None:
    """Write metadata as JSON, whole or not at all."""
    replace_file(path, (json.dumps(metadata, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the metadata in a file, none if there is no such file."""
    if not path.exists():
        return {}
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(
            f"{path} is not JSON ({error}): remove it to report without it"
        ) from None
    if not isinstance(metadata, dict):
        raise ResultsError(f"{path} holds a {type(metadata).__name__}; expected an object")
    return metadata
