"""The published example of expression swell, against the formulas that symdiff derives."""

from dataclasses import dataclass

import numpy as np

from compare.problems.logistic import logistic_map

__all__ = ["PUBLISHED", "Published", "PublishedComparison", "compare_with_published"]


@dataclass(frozen=True)
class Published:
    """A row of the published table."""

    #: Number of the iterate.
    n: int
    #: The iterate ``l_n``.
    iterate: str
    #: Its derivative with respect to x by the rules of products, not simplified.
    derivative: str
    #: The same, simplified.
    simplified: str


#: Table 1 of A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, "Automatic
#: differentiation in machine learning: a survey", JMLR 18(153), 2018.
PUBLISHED: tuple[Published, ...] = (
    Published(1, "x", "1", "1"),
    Published(2, "4*x*(1 - x)", "4*(1 - x) - 4*x", "4 - 8*x"),
    Published(
        3,
        "16*x*(1 - x)*(1 - 2*x)**2",
        "16*(1 - x)*(1 - 2*x)**2 - 16*x*(1 - 2*x)**2 - 64*x*(1 - x)*(1 - 2*x)",
        "16*(1 - 10*x + 24*x**2 - 16*x**3)",
    ),
    Published(
        4,
        "64*x*(1 - x)*(1 - 2*x)**2*(1 - 8*x + 8*x**2)**2",
        "128*x*(1 - x)*(-8 + 16*x)*(1 - 2*x)**2*(1 - 8*x + 8*x**2)"
        " + 64*(1 - x)*(1 - 2*x)**2*(1 - 8*x + 8*x**2)**2"
        " - 64*x*(1 - 2*x)**2*(1 - 8*x + 8*x**2)**2"
        " - 256*x*(1 - x)*(1 - 2*x)*(1 - 8*x + 8*x**2)**2",
        "64*(1 - 42*x + 504*x**2 - 2640*x**3 + 7040*x**4 - 9984*x**5 + 7168*x**6 - 2048*x**7)",
    ),
)


@dataclass(frozen=True)
class PublishedComparison:
    """A row of the published table, with ours."""

    #: Number of the iterate.
    n: int
    #: The derivative as published, the same simplified, and the closed form that symdiff derives.
    published: str
    simplified: str
    ours: str
    #: Operations of each, written out; and of ours with every intermediate named.
    published_operations: int
    simplified_operations: int
    ours_operations: int
    named_operations: int
    #: Whether all three expand to the same polynomial.
    equal: bool


def _polynomial(expression: object) -> list[object]:
    """Return the coefficients of a formula in x, all rational."""
    import sympy

    exact = sympy.nsimplify(expression)
    return list(sympy.Poly(exact, sympy.Symbol("x")).all_coeffs())


def _parsed(text: str) -> tuple[object, int]:
    """Return a published formula in SymPy, and its operations."""
    import sympy

    import symdiff

    if text == "1":  # no function of x
        return sympy.Integer(1), 0
    read = symdiff.gradient(symdiff.parse(text), x=())
    return read.value.subs(read.value.free_symbols.pop(), sympy.Symbol("x")), (
        read.operations.value_tree
    )


def compare_with_published() -> list[PublishedComparison]:
    """Return the published derivatives of the logistic map, with ours."""
    import sympy

    import symdiff

    rows = []
    for row in PUBLISHED:
        inputs = {"x": (), "r": np.full(row.n - 1, 4.0)}
        closed, named = (
            symdiff.gradient(logistic_map, wrt="x", strategy=strategy, inputs=inputs)
            for strategy in ("expanded", "adjoint")
        )
        derivative = sympy.sympify(closed.partials["x"])
        derivative = derivative.subs(dict.fromkeys(derivative.free_symbols, sympy.Symbol("x")))
        published, published_operations = _parsed(row.derivative)
        simplified, simplified_operations = _parsed(row.simplified)
        known = [_polynomial(formula) for formula in (published, simplified, derivative)]
        rows.append(
            PublishedComparison(
                n=row.n,
                published=row.derivative,
                simplified=row.simplified,
                ours=str(closed.partials["x"]),
                published_operations=published_operations,
                simplified_operations=simplified_operations,
                ours_operations=closed.operations.gradient_tree,
                named_operations=named.operations.gradient_shared,
                equal=all(each == known[0] for each in known),
            )
        )
    return rows
