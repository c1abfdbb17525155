"""The page on SciPy: which of its functions take tensors, how they are reached, and their limits.

Made from the table: ``python -m docs_tools.scipy > docs/scipy.md``.
"""

from dataclasses import dataclass

import autodiff.scipy
from autodiff.core.scipy_names import SCIPY
from autodiff.scipy.entries import TABLE

__all__ = ["Row", "page", "rows"]

_HEAD = """\
# SciPy on tensors

What of SciPy {version} can be differentiated. This page is generated from the table of entries by
`python -m docs_tools.scipy > docs/scipy.md`.

Three ways lead there:

- **As they are**: the universal functions of `scipy.special` and the Python functions that do
  nothing but call them ([coverage](coverage.md)), `scipy.integrate.trapezoid` and others written
  in NumPy's functions alone, and products with a constant sparse matrix of any format: `A @ x`,
  `x @ A`, `A.dot(x)`, `A.T @ x`, `A + x`, and `A * x` of matrices.
- **By name**: `autodiff.scipy` has functions of SciPy's names and signatures, listed below. On
  plain arrays they are SciPy's; arguments that tensors do not go with are refused by name.
- **As written**: where SciPy itself refuses a tensor (`scipy.stats.norm.logpdf(x, loc=t)`), the
  call is made once more as a copy of your function in which SciPy's names lead to those listed
  below ([sharp edges](sharp_edges.md)). Where that cannot be, the error says which of them takes
  its place.

What the columns mean:

- **reverse, forward**: derivatives pass through in both modes, to any order, in batches and in
  plans. **value**: the result has no derivative.
- **limits**: with respect to what there is a derivative, and what is refused.

How solutions are differentiated:

- Roots and minima by the implicit function theorem at the solution: the way to it, its start
  included, has no part in the derivative. A solution that was not found has the derivative NaN, a
  singular Jacobian is an error.
- Differential equations by forward sensitivities, integrated together with the values by the same
  solver: the derivative is that of the exact solution, within the tolerances that were given.
- Integrals under the integral sign, each element integrated as the integral was.
- Functions of the user may close over tensors. They are traced at the points where SciPy asks for
  them; a branch that was not met before is traced anew. Within `vmap` and in plans, which run them
  at other parameters, a branch that would be another one is an error (`BranchChanged`).
"""


@dataclass(frozen=True)
class Row:
    """A line of the page.

    Parameters
    ----------
    name : str
        The function, as users of SciPy call it.
    reached : str
        What takes its place.
    modes : str
        What passes through.
    limits : str
        What holds for it, and what is refused.
    """

    name: str
    reached: str
    modes: str
    limits: str

    def __str__(self) -> str:
        return f"| `{self.name}` | `{self.reached}` | {self.modes} | {self.limits} |"


def rows() -> dict[str, list[Row]]:
    """Return the lines of the page by module.

    Examples
    --------
    >>> rows()["scipy.linalg"][0].name
    'scipy.linalg.block_diag'
    """
    for module in autodiff.scipy.__all__:
        getattr(autodiff.scipy, module)
    sections: dict[str, list[Row]] = {}
    for name in sorted(TABLE):
        entry = TABLE[name]
        row = Row(name, SCIPY[name], entry.modes, entry.limits)
        sections.setdefault(name.rpartition(".")[0], []).append(row)
    return sections


def page() -> str:
    """Return the text of the page."""
    import scipy

    parts = [_HEAD.format(version=".".join(scipy.__version__.split(".")[:2]))]
    for module, lines in rows().items():
        parts += [
            f"## {module}",
            "",
            "| function | reached as | modes | limits |",
            "|---|---|---|---|",
        ]
        parts += [*map(str, lines), ""]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
