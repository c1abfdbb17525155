"""Rows of functions that are constant or linear between jumps: places in an order, rounding."""

from __future__ import annotations

import math

import numpy as np
import sympy

from symdiff.operations import sympy_functions as fn
from symdiff.operations.functions import even_shares
from symdiff.operations.operation import Partials, function
from symdiff.store.dag import ONE, ZERO, Dag

__all__ = ["ROWS"]


def _of_smallest(dag: Dag, n: int, k: int, *args: int) -> Partials:
    """Return the even share of each argument that ties for its place in the order."""
    return dag.number(math.nan), *even_shares(dag, n, *args)


ROWS = (
    function(
        "smallest",  # its first argument is a number: the place in the order, counted from 0
        None,
        ((0.0, 0.0), (-2.0, 2.0)),
        _of_smallest,
        fn.Smallest,
        arity=(2, None),
        evaluate=lambda k, *values: np.sort(np.stack(np.broadcast_arrays(*values)), axis=0)[int(k)],
        parse=(),
        helper="""def smallest(k, *values):
    return sorted(values, key=lambda value: (value != value, value))[int(k)]""",
        c_array=True,
        c_helper="""static double smallest(double k, int n, const double *x)
{
    int i, j, less, equal;
    for (i = 0; i < n; i++) {
        for (less = equal = j = 0; j < n; j++) {
            less += x[j] < x[i];
            equal += x[j] == x[i];
        }
        if (less <= k && k < less + equal)
            return x[i];
    }
    return NAN;
}""",
    ),
    function(
        "floor",
        np.floor,
        ((0.1, 0.9),),
        lambda dag, n, x: (ZERO,),
        sympy.floor,
        exact=lambda x: math.floor(x) if math.isfinite(x) else x,
        helper="""def floor(x):
    return float(x // 1.0) if x - x == 0.0 else x""",
        numpy_helper="""def floor(x):
    return np.floor(x)""",
        c="floor",
        python="floor",
    ),
    function(
        "rint",
        np.rint,
        ((0.1, 0.4),),
        lambda dag, n, x: (ZERO,),
        fn.Rounded,
        exact=lambda x: round(x) if math.isfinite(x) else x,
        parse=(),
        helper="""def rint(x):
    return float(round(x)) if x - x == 0.0 else x""",
        numpy_helper="""def rint(x):
    return np.rint(x)""",
        c="rint",
    ),
    function(
        "remainder",
        np.remainder,
        ((0.1, 0.9), (1.1, 2.0)),
        lambda dag, n, x, y: (ONE, dag.negate(dag.apply("floor", dag.divide(x, y)))),
        fn.Remainder,
        singular=True,
        latex=r"\operatorname{mod}",
        parse=(),
        helper="""def remainder(x, y):
    return x % y""",
        numpy_helper="""def remainder(x, y):
    return np.remainder(x, y)""",
        c="modulo",
        c_helper="""static double modulo(double x, double y)
{
    double rest = fmod(x, y);
    return rest != 0.0 && (rest < 0.0) != (y < 0.0) ? rest + y : rest;
}""",
    ),
)
