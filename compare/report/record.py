"""Everything that a run left for its report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from compare.report.cells import complete
from compare.results.schema import (
    AGREEMENT_COLUMNS,
    CROSSOVER_COLUMNS,
    RESULT_COLUMNS,
    SUMMARY_COLUMNS,
    SWELL_COLUMNS,
    TRAINING_COLUMNS,
    TRUTH_COLUMNS,
)

__all__ = ["RunRecord"]

_COLUMNS = {
    "results": RESULT_COLUMNS,
    "summary": SUMMARY_COLUMNS,
    "agreement": AGREEMENT_COLUMNS,
    "training": TRAINING_COLUMNS,
    "swell": SWELL_COLUMNS,
    "truth": TRUTH_COLUMNS,
    "crossovers": CROSSOVER_COLUMNS,
}


@dataclass(frozen=True)
class RunRecord:
    """The tables of a run, any of which may be empty, and its metadata.

    Columns that a table lacks are added, so that every reader finds those of the schema.
    """

    results: pd.DataFrame = field(default_factory=pd.DataFrame)
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    agreement: pd.DataFrame = field(default_factory=pd.DataFrame)
    training: pd.DataFrame = field(default_factory=pd.DataFrame)
    swell: pd.DataFrame = field(default_factory=pd.DataFrame)
    truth: pd.DataFrame = field(default_factory=pd.DataFrame)
    crossovers: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: Contents of run.json and machine.json.
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, columns in _COLUMNS.items():
            object.__setattr__(self, name, complete(getattr(self, name), columns))
