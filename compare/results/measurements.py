"""Measurements as a table that shows, of its many columns, those that one reads."""

from typing import Any

import pandas as pd

__all__ = ["Measurements"]

#: What is shown of a table with all columns, as far as anything is in it.
_SHOWN = (
    "problem",
    "label",
    "engine",
    "parameters",
    "status",
    "run_s",
    "ratio",
    "build_s",
    "peak_bytes",
    "operations",
    "max_error",
    "message",
)
#: Rows that are shown of a long table.
_ROWS = 40


class Measurements(pd.DataFrame):
    """The rows of a benchmark: a `pandas.DataFrame` that shows a dozen of its columns.

    Every column is there; columns that are selected are shown as they are.

    Examples
    --------
    >>> from compare.results.reading import as_frame
    >>> from compare.results.schema import RESULT_COLUMNS
    >>> frame = Measurements(as_frame([{"engine": "graph", "run_s": 2e-6}], RESULT_COLUMNS))
    >>> print(frame)
      engine     run_s
    0  graph  0.000002
    >>> frame[["engine", "seed"]].columns.tolist()
    ['engine', 'seed']
    """

    @property
    def _constructor(self) -> Any:
        return Measurements

    def _shown(self) -> pd.DataFrame:
        """Return the columns that are shown: where all are there, those with something in them."""
        if not set(_SHOWN) <= set(self.columns):
            return pd.DataFrame(self)
        names = [n for n in _SHOWN if not self[n].replace("", pd.NA).isna().all()]
        return pd.DataFrame(self)[names]

    def __repr__(self) -> str:
        shown = self._shown()
        if len(shown.columns) == len(self.columns):
            return repr(shown)
        return shown.to_string(max_rows=_ROWS, max_colwidth=40)

    def _repr_html_(self) -> str | None:
        shown = self._shown()
        html: str = shown.to_html(max_rows=_ROWS, max_cols=0, notebook=True)
        hidden = len(self.columns) - len(shown.columns)
        return f"{html}<p>{hidden} more columns: .columns</p>" if hidden else html
