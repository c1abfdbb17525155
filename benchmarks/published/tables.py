"""The tables, by name: each with its source, its rows, and what differs from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.published.operations import (
    ROSENBROCK,
    SPHERICAL,
    gradient_ratio,
    jacobian,
    rosenbrock,
    spherical_harmonics,
)
from compare.studies.published import compare_with_published

__all__ = ["TABLES", "Row", "Table"]


@dataclass(frozen=True)
class Row:
    """A published figure, with ours."""

    what: str
    published: float
    ours: float


@dataclass(frozen=True)
class Table:
    """A published table that can be made again."""

    source: str
    #: What both figures count.
    figure: str
    #: What is not the same here.
    differs: str
    rows: Callable[[], Iterator[Row]]


def _swell() -> Iterator[Row]:
    for row in compare_with_published():
        if not row.equal:
            raise ValueError(f"iterate {row.n}: the derivatives are not the same polynomial")
        yield Row(f"l{row.n}, not simplified", row.published_operations, row.ours_operations)
        yield Row(f"l{row.n}, shared", row.simplified_operations, row.named_operations)


def _ratios() -> Iterator[Row]:
    for n, published in ROSENBROCK.items():
        yield Row(f"Rosenbrock, {n} variables", published, gradient_ratio(rosenbrock, n))
    for degree, published in SPHERICAL.items():
        f = spherical_harmonics(degree)
        *_, ours = jacobian(f, 3, (degree + 1) ** 2)
        yield Row(f"spherical harmonics of degree {degree}", published, ours)


TABLES: dict[str, Table] = {
    "baydin": Table(
        "A. G. Baydin et al., Automatic differentiation in machine learning: a survey, JMLR "
        "18(153), 2018, table 1",
        "operations of the derivative of the logistic map",
        "theirs are the rules of products, and simplified by hand; ours the closed form, and with "
        "every intermediate named",
        _swell,
    ),
    "fastdifferentiation": Table(
        "B. Guenter, FastDifferentiation.jl, docs/src/benchmarks.md, last table",
        "operations of the Jacobian alone over those of the function",
        "the page does not print its functions: these are the usual recurrences",
        _ratios,
    ),
}
