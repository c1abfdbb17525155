"""The worst comparison of each engine on each problem."""

import math
from typing import Any

import pandas as pd

__all__ = ["worst_pairs"]

#: From harmless to grave; what is not listed is graver than all of these.
_GRAVITY = ("unsupported", "ok", "timeout", "memory")


def worst_pairs(pairs: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the worst row of each problem and engine, whatever it was compared with.

    Examples
    --------
    >>> rows = {"problem": ["p", "p"], "engine": ["e", "e"], "status": ["ok", "mismatch"]}
    >>> worst_pairs(pd.DataFrame(rows | {"max_error": [1e-16, 1.0]}))["p", "e"]["status"]
    'mismatch'
    """

    def gravity(row: dict[str, Any]) -> tuple[int, float]:
        known = row["status"] in _GRAVITY
        error = row["max_error"]
        return (
            _GRAVITY.index(row["status"]) if known else len(_GRAVITY),
            math.inf if math.isnan(error) else error,
        )

    worst: dict[tuple[str, str], dict[str, Any]] = {}
    for record in pairs.to_dict("records"):
        row = {str(name): value for name, value in record.items()}
        key = (row["problem"], row["engine"])
        if key not in worst or gravity(row) > gravity(worst[key]):
            worst[key] = row
    return worst
