"""`Operation`: one row of the table of operations, and the columns that each kind of row fills."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from symdiff.store.dag import Dag
from symdiff.store.exact import Number

__all__ = ["NEEDED", "Kind", "Operation", "Partials", "function"]

Partials = tuple[int, ...]
Kind = Literal["arithmetic", "relation", "choice", "function", "formula", "test", "logic"]

#: The columns without which a row of a kind is not complete; a test walks the table.
NEEDED: dict[Kind, tuple[str, ...]] = {
    "arithmetic": ("form", "evaluate", "partials", "ufuncs", "domain"),
    "relation": ("form", "evaluate", "ufuncs", "sympy", "sign"),
    "choice": ("form", "evaluate", "sympy"),
    "function": ("form", "evaluate", "domain", "partials", "sympy", "python", "c"),
    "formula": ("form", "evaluate", "domain"),  # of other operations: never a node
    "test": ("form", "evaluate", "ufuncs"),  # a formula that is a condition
    "logic": ("form", "evaluate", "ufuncs"),  # a formula of conditions
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation and all that the package knows of it."""

    name: str
    kind: Kind
    #: Makes it: takes the graph and a node for each argument, returns a node.
    form: Callable[..., int]
    #: The fewest and the most arguments; None for any number.
    arity: tuple[int, int | None]
    #: Its value on NumPy's numbers and arrays.
    evaluate: Callable[..., Any]

    # NumPy
    ufuncs: tuple[np.ufunc, ...] = ()  #: the functions that are it in traced code
    scipy: str = ""  #: its name in `scipy.special`
    domain: tuple[tuple[float, float], ...] = ()  #: by argument where it is smooth, for tests

    # Derivatives
    partials: Callable[..., Partials] | None = None  #: takes the graph, its node, its arguments
    singular: bool = False  #: whether it may be infinite, or none, at finite arguments
    #: Where it jumps: takes the graph and its arguments, returns a condition by each. Its own
    #: derivative, 0, is that on either side: a first derivative that holds it has none there.
    jumps: Callable[..., Partials] | None = None

    # The graph
    commutes: bool = False
    count: int = 1  #: operations of one run
    exact: Callable[..., Number] | None = None  #: its value on any numbers
    at: Mapping[int, Number] = field(default_factory=dict)  #: its exact values at 0 and 1

    # Text
    sympy: Any = None  #: its class
    sympy_too: tuple[Any, ...] = ()  #: classes of SymPy that are read as it
    latex: str = ""  #: where SymPy has no class of its own
    sign: str = ""  #: between two operands
    parse: tuple[str, ...] = ()  #: its names in formulas that users write
    python: str = ""  #: its name in printed source
    math: str = ""  #: what is imported from `math` as this name; else `helper` stands above
    numpy: str = ""  #: what is imported for NumPy scalars: a name of `numpy`, or a dotted one
    helper: str = ""
    numpy_helper: str = ""  #: for NumPy scalars, if it is another
    helper_needs: tuple[str, ...] = ()  #: names of `math` and `numpy` that the helper calls
    arrays: bool = False  #: whether `helper` takes arrays, too
    c: str = ""  #: its name in ``math.h``, or of `c_helper`; "-" where C has none
    c_helper: str = ""
    c_whole: bool = False  #: whether `c` takes whole numbers only as its first argument
    c_array: bool = False  #: whether `c` takes all arguments but the first as an array

    def fold(self, values: list[Number]) -> Number | None:
        """Return its value on numbers where that is exact or a float is given, else None."""
        if self.exact is not None:
            return self.exact(*values)
        if len(values) == 1 and values[0] in (0, 1):
            return self.at.get(int(values[0]))
        if not any(isinstance(value, float) for value in values):
            return None
        with np.errstate(all="ignore"):
            number = float(self.evaluate(*map(np.float64, values)))
        return number if math.isfinite(number) else None


def function(
    name: str,
    ufunc: np.ufunc | None,
    domain: tuple[tuple[float, float], ...],
    partials: Callable[..., Partials],
    sympy: Any,
    **columns: Any,
) -> Operation:
    """Return the row of a function; what is not given is its name, or what its ufunc says."""
    arity = (ufunc.nin, ufunc.nin) if ufunc else (1, 1)
    python = columns.get("python", name)
    defaults: dict[str, Any] = {
        "arity": arity,
        "ufuncs": (ufunc,) if ufunc else (),
        "evaluate": ufunc,
        "python": python,
        "c": python,
        "parse": tuple(dict.fromkeys((name, python))),
    }
    if "helper" not in columns:
        defaults |= {"math": python, "numpy": name}
    return Operation(
        name=name,
        kind="function",
        form=lambda dag, *args: Dag.apply(dag, name, *args),
        domain=domain,
        partials=partials,
        sympy=sympy,
        **(defaults | columns),
    )
