"""The coverage page: every function of NumPy that can meet a tensor, and what then happens.

Made from the rule table: ``python -m docs_tools.coverage > docs/coverage.md``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from autodiff.core.batching import broadcast, loop, rule_of
from autodiff.core.primitive import (
    FUNCTIONS,
    PRIMITIVES,
    REFUSED,
    TUPLES,
    UFUNC_METHODS,
    UFUNCS,
    Primitive,
)

__all__ = ["Row", "page", "rows"]

_HEAD = """\
# What can be differentiated

Every function of NumPy {version} that dispatches to array-likes, as found in `np`, `np.linalg` and
`np.fft`, and every universal function of `scipy.special` {scipy}. This page is generated from the
rule table by `python -m docs_tools.coverage > docs/coverage.md`.

- **reverse, forward**: derivatives pass through in both modes, to any order.
- **complex**: for complex arguments too. The convention is that of JAX and HIPS autograd: a VJP is
  gᵀJ, without conjugation, and the derivative of a holomorphic function is its complex derivative.
  (Of functions that are made of others it is not listed: they take complex numbers where those do.)
- **value**: the result is a mask, a position, a shape or piecewise constant: it has no derivative,
  or the derivative zero.
- In batches (`vmap`, and the passes of `jacobian` and `hessian`) every function works on all
  elements at once; those under *Loops* below are called once for each.
- **refused**: raises `NotImplementedError` with the sentence that is quoted.
"""

_TAIL = """\
## What NumPy does not dispatch

NumPy calls these without asking the array-like. What happens then:

| written | what happens |
|---|---|
| `np.array([t, u])`, `np.asarray(t)`, `np.full(n, t)`, `np.mean([t, u])`, `float(t)`, \
`math.exp(t)`, `t.item()`, `t.tolist()` | right: the function is called once more, as a copy in \
which these give tensors (docs/sharp_edges.md) |
| `x[0] = t`, `x += t`, `out=x`, `np.copyto`, `np.put`, `np.add.at`, ... where `x` is a tensor, an \
array made within the function or one from outside | right, as in NumPy, likewise; the caller's \
arrays stay as they were |
| `int(t)`, `x[0] = t` into an array of integers | `LostDerivative`, which names the replacement |
| `if t > 0`, `while t > 0`, `max(t, u)`, `sorted(ts)` | decided by the value; \
a graph of `trace` guards the decision and says when it would be another one |
| `np.r_[t, u]`, `np.vectorize(f)(t)` | an array of objects, one tensor for each element; put \
together again where it meets an operation on tensors or is returned |
| `scipy.linalg`, `scipy.stats`, `scipy.sparse`, `scipy.optimize`, ... | right where \
[something stands for it](scipy.md), likewise; elsewhere `LostDerivative`: use `np.linalg`, \
`np.fft`, or `autodiff.custom` |
| `{t: ...}`, `{t, u}`, `functools.cache` | `LostDerivative`: a key is another by value \
than by identity |
| `f"{t}"`, `repr(t)`, `np.array2string(t)` | text of the value for people, from which no number \
can be read |
| a result that is a mask, a count, or comes of comparisons alone | `TypeError` |
| a result that is a Series, a masked array, a matrix, a record, a generator | `TypeError` |
| a tensor kept after the trace has ended | `TraceEnded` |
"""


@dataclass(frozen=True)
class Row:
    """A line of the page.

    Parameters
    ----------
    name : str
        The function, as users call it.
    modes : str
        What passes through.
    note : str
        For refused functions what to use instead.
    aliases : tuple of str
        Its other names in the module.
    """

    name: str
    modes: str
    note: str = ""
    aliases: tuple[str, ...] = ()

    def __str__(self) -> str:
        names = ", ".join(f"`{name}`" for name in (self.name, *self.aliases))
        return f"| {names} | {self.modes} | {self.note} |"


def _of_primitive(primitive: Primitive) -> tuple[str, str]:
    if not primitive.differentiable:
        return "value", ""
    return f"reverse, forward{', complex' if primitive.complex else ''}", ""


def _described(function: Any) -> tuple[str, str]:
    """Return the modes and the note of a function."""
    if function in UFUNCS:
        return _of_primitive(UFUNCS[function])
    if function in FUNCTIONS:
        return ("reverse, forward" if FUNCTIONS[function].derivative else "value"), ""
    if function in TUPLES:
        return "reverse, forward", ""
    if function in REFUSED:
        return "refused", REFUSED[function]
    return "no rule", ""


def _public(module: ModuleType, wanted: Callable[[Any], bool]) -> Iterator[tuple[list[str], Any]]:
    """Return the functions of a module with their names, the one that they know first."""
    names: dict[Any, list[str]] = {}
    for name in sorted(dir(module)):
        function = getattr(module, name)
        if not name.startswith("_") and wanted(function):
            names.setdefault(function, []).append(name)
    for function, known in names.items():
        yield sorted(known, key=lambda name: (name != function.__name__, name)), function


def rows() -> dict[str, list[Row]]:
    """Return the lines of the page by section.

    Examples
    --------
    >>> {row.name: row.modes for row in rows()["Universal functions"]}["np.tanh"]
    'reverse, forward, complex'
    """
    sections: dict[str, list[Row]] = {}

    def section(title: str, prefix: str, module: ModuleType, wanted: Callable[[Any], bool]) -> None:
        sections[title] = sorted(
            (
                Row(f"{prefix}.{names[0]}", *_described(f), aliases=tuple(names[1:]))
                for names, f in _public(module, wanted)
            ),
            key=lambda row: row.name,
        )

    def is_ufunc(f: Any) -> bool:
        return isinstance(f, np.ufunc)

    def dispatches(f: Any) -> bool:
        return hasattr(f, "_implementation")

    section("Universal functions", "np", np, is_ufunc)
    sections["Methods of universal functions"] = sorted(
        (
            Row(f"np.{ufunc.__name__}.{method}", "reverse, forward")
            for ufunc, method in UFUNC_METHODS
        ),
        key=lambda row: row.name,
    )
    section("Functions", "np", np, dispatches)
    section("Linear algebra", "np.linalg", np.linalg, dispatches)
    section("Fourier transforms", "np.fft", np.fft, dispatches)

    import scipy.special

    import autodiff.rules.special  # noqa: F401 (registers what is listed)

    section("scipy.special", "scipy.special", scipy.special, is_ufunc)
    return sections


def page() -> str:
    """Return the text of the page."""
    import scipy

    parts = [_HEAD.format(version=_short(np.__version__), scipy=_short(scipy.__version__))]
    sections = rows()
    total = [row for section in sections.values() for row in section]
    for modes in ("reverse, forward", "value", "refused"):
        count = sum(row.modes.startswith(modes) for row in total)
        parts.append(f"{count} {modes}." if modes == "refused" else f"{count} {modes};")
    parts.append("")
    for title, lines in sections.items():
        parts += [f"## {title}", "", "| function | modes | what to use instead |", "|---|---|---|"]
        parts += [*map(str, lines), ""]
    return "\n".join(parts) + _batches() + _TAIL


def _batches() -> str:
    """Return the section on how entries act on batches."""
    rules = {p.name: rule_of(p) for p in PRIMITIVES.values()}
    count = sum(rule is broadcast for rule in rules.values())
    looped = sorted(name for name, rule in rules.items() if rule is loop)
    return (
        f"## Loops\n\nOf the {len(rules)} entries of the rule table {count} act on a batch by "
        f"broadcasting and {len(rules) - count - len(looped)} by a rule of their own. These are "
        "called for each element in a loop (and so are functions of `autodiff.custom`, and masks "
        "that differ between elements in an index): "
        f"{', '.join(f'`{name}`' for name in looped)}.\n\n"
    )


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])


if __name__ == "__main__":
    print(page(), end="")
