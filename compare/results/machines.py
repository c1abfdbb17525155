"""The machines of a run, by class: ``machine.json``, and hosts of a class that are not alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compare.results.resume import read_json

__all__ = ["machine_metadata", "marked_hosts", "read_machines"]

#: The calibration workload of two hosts of a class may differ by this share.
_ALIKE = 0.10
_MARK = "hosts of its class differ: "


def read_machines(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the descriptions of the machines of a run by class; before version 5 it was one."""
    found = read_json(folder / "machine.json")
    if "machine" in found:
        return {str(found.get("machine_class", "")): found}
    return {kind: dict(known) for kind, known in found.items() if isinstance(known, Mapping)}


def machine_metadata(folder: Path) -> dict[str, Any]:
    """Return the description of the machines of a run: their texts, joined where they differ.

    Examples
    --------
    >>> machine_metadata(Path("nowhere"))
    {}
    """
    machines = list(read_machines(folder).values())
    if len(machines) < 2:
        return machines[0] if machines else {}
    names = [name for name, value in machines[0].items() if isinstance(value, str)]
    texts = {n: dict.fromkeys(str(m[n]) for m in machines if m.get(n)) for n in names}
    return {name: "; ".join(values) for name, values in texts.items()}


def marked_hosts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of results, those marked whose hosts are of one class and not alike.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_class": "c", "host": ["a", "b", "b"],
    ...                      "calibration_s": [0.01, 0.012, 0.012], "message": ""})
    >>> marked_hosts(rows)["message"][0]
    'hosts of its class differ: the calibration workload takes 10 ms on a, 12 ms on b'
    """
    texts = rows["message"].fillna("").str.split("; ")
    plain = texts.map(lambda parts: "; ".join(p for p in parts if not p.startswith(_MARK)))
    rows = rows.assign(message=plain)
    timed = rows.dropna(subset="calibration_s")
    for kind, seconds in timed.groupby("machine_class")["calibration_s"]:
        by_host = seconds.groupby(timed["host"]).median().sort_index()
        if by_host.max() <= (1 + _ALIKE) * by_host.min():
            continue
        told = ", ".join(f"{1000 * s:.3g} ms on {host}" for host, s in by_host.items())
        mark = f"{_MARK}the calibration workload takes {told}"
        which = rows["machine_class"] == kind
        rows.loc[which, "message"] = [f"{m}; {mark}" if m else mark for m in plain[which]]
    return rows
