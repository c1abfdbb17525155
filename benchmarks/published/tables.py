"""The tables, by name: each with its source, its rows, and what differs from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.published.colours import BANDS, FIGURES, banded, passes, pattern
from benchmarks.published.hessians import hessian_ratios
from benchmarks.published.operations import (
    ROSENBROCK,
    SPHERICAL,
    gradient_ratio,
    jacobian,
    rosenbrock,
    spherical_harmonics,
)
from benchmarks.published.times import ADBENCH, CMPAD, Timed, own_ratios
from compare.problems.classics import helmholtz_energy, speelpenning_product
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


#: Griewank's bound, whatever the function.
_CHEAP = 5


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


def _cheap_gradients() -> Iterator[Row]:
    for n in (10, 100):
        ours = gradient_ratio(speelpenning_product, n)
        yield Row(f"Speelpenning's product, {n} factors", _CHEAP, ours)
    for n in (10, 30):
        ours = gradient_ratio(helmholtz_energy, n, b=(n,), A=(n, n))
        yield Row(f"Helmholtz energy, {n} components", _CHEAP, ours)


def _times(problems: tuple[Timed, ...]) -> Iterator[Row]:
    for problem in problems:
        ours = own_ratios(problem)
        for kind, tools in (("eager", problem.tapes), ("plan", problem.compiled)):
            for tool, published in tools.items():
                yield Row(f"{problem.what}: {tool} / {kind}", published, ours[kind])


def _passes() -> Iterator[Row]:
    for name, (rows, published) in FIGURES.items():
        yield Row(name, published, passes(pattern(rows)))
    for beside, published in BANDS.items():
        name = f"band of 1,000 variables, {beside} diagonals beside the main one"
        yield Row(name, published, passes(banded(1000, beside)))


#: What is published of speed-ups on a CPU: "up to two orders of magnitude".
_SPEEDUP = 100


def _hessians() -> Iterator[Row]:
    for what, ours in hessian_ratios():
        yield Row(what, _SPEEDUP, ours)


TABLES: dict[str, Table] = {
    "baydin": Table(
        "A. G. Baydin et al., Automatic differentiation in machine learning: a survey, JMLR "
        "18(153), 2018, table 1",
        "operations of the derivative of the logistic map",
        "theirs are the rules of products, and simplified by hand; ours the closed form, and with "
        "every intermediate named",
        _swell,
    ),
    "griewank": Table(
        "A. Griewank, On automatic differentiation, in Mathematical Programming: Recent "
        "Developments and Applications, 1989: a gradient costs at most five times its function",
        "operations of the gradient alone over those of the function",
        "theirs is a bound of the work, memory included, of any function",
        _cheap_gradients,
    ),
    "fastdifferentiation": Table(
        "B. Guenter, FastDifferentiation.jl, docs/src/benchmarks.md, last table",
        "operations of the Jacobian alone over those of the function",
        "the page does not print its functions: these are the usual recurrences",
        _ratios,
    ),
    "adbench": Table(
        "F. Šrajer, Z. Kukelova and A. Fitzgibbon, A benchmark of selected algorithmic "
        "differentiation tools, Optimization Methods and Software 33, 2018; figures: "
        "microsoft/ADBench, Documents/New Figures/plotly/Release/jacobian ÷ objective",
        "time of the Jacobian over that of the function, each in the same tool",
        "their functions are loops in C++, or in Python for Autograd, PyTorch and Theano; ours are "
        "arrays of NumPy, the Jacobian from the eager engine beside tools that record at each "
        "call, and from a plan beside those that compile before. Inputs are random, and the mesh "
        "of the hand has 544 vertices",
        partial(_times, ADBENCH),
    ),
    "cmpad": Table(
        "B. M. Bell, cmpad, xam_main.csv of 2024-04-19, time_setup false",
        "time of the gradient over that of the function, each in the same language",
        "their functions are loops over numbers in C++ or Python; ours are arrays of NumPy, on "
        "which a function of nine numbers costs as many calls as one of thousands. Their rates "
        "have two digits. cppad_py runs C++ beside a function in Python",
        partial(_times, CMPAD),
    ),
    "laue": Table(
        "S. Laue, M. Mitterreiter and J. Giesen, Computing higher order derivatives of matrix and "
        "tensor expressions, NeurIPS 2018, abstract: up to two orders of magnitude on CPUs",
        "time of the Hessian of a framework over that of the formula",
        "the abstract has no figure for each function; theirs are the frameworks of 2018, ours "
        "those that are installed. Both sides return the whole matrix, which a formula of two axes "
        "(matrix factorisation) multiplies with every direction",
        _hessians,
    ),
    "colours": Table(
        "A. H. Gebremedhin, F. Manne and A. Pothen, What color is your Jacobian?, SIAM Review "
        "47(4), 2005; A. H. Gebremedhin, A. Tarafdar, A. Pothen and A. Walther, Efficient "
        "computation of sparse Hessians using coloring and automatic differentiation, INFORMS J. "
        "Computing 21(2), 2009; as SparseMatrixColorings.jl has them (src/examples.jl, "
        "test/theory.jl)",
        "products with a direction that give all entries of a symmetric matrix",
        "theirs use that the matrix is symmetric, the acyclic colouring also substitutes; ours "
        "colour columns that share no row",
        _passes,
    ),
}
