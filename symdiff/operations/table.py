"""THE table of operations: one row for each, from which all that knows operations by name is made.

Adding an operation is adding a row to `functions` or `arithmetic`.
"""

from __future__ import annotations

import numpy as np

from symdiff.operations import arithmetic, exponentials, functions, rounding, special
from symdiff.operations.operation import Operation
from symdiff.store.properties import declare

__all__ = ["OPERATIONS", "RELATIONS", "UFUNCS", "row_of"]

OPERATIONS: dict[str, Operation] = {
    row.name: row
    for rows in (arithmetic, functions, exponentials, rounding, special)
    for row in rows.ROWS
}
UFUNCS: dict[np.ufunc, Operation] = {
    ufunc: row for row in OPERATIONS.values() for ufunc in row.ufuncs
}
RELATIONS = {row.name: row.sign for row in OPERATIONS.values() if row.sign}
_SCIPY = {row.scipy: row for row in OPERATIONS.values() if row.scipy}

for _row in OPERATIONS.values():
    declare(_row.name, commutes=_row.commutes, count=_row.count, fold=_row.fold)


def row_of(ufunc: np.ufunc) -> Operation | None:
    """Return the row of a function of NumPy or SciPy, if there is one."""
    row = UFUNCS.get(ufunc)
    name = ufunc.__name__.lstrip("_")  # SciPy has a function zeta around a ufunc _zeta
    if row is None and name in _SCIPY:
        import scipy.special  # late: SciPy takes half a second; who has this function has it

        inner = getattr(scipy.special, "_ufuncs", None)
        if ufunc in (getattr(scipy.special, name), getattr(inner, ufunc.__name__, None)):
            row = UFUNCS[ufunc] = _SCIPY[name]
    return row
