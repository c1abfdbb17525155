"""Problems: a function to differentiate, its inputs, its sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from compare.registry.naming import check_name

__all__ = ["Case", "Gradients", "Inputs", "Problem"]

#: Inputs by name of argument: floats or float64 arrays.
Inputs = dict[str, Any]
#: Gradients by name of argument, each of the shape of its argument.
Gradients = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A function to differentiate, with everything that is needed to test and time it.

    Parameters
    ----------
    name : str
        Unique name, as typed on the command line.
    family : str
        Group of problems that grow the same way, or ``"notes"``.
    function : callable
        Plain function of arrays that returns a scalar; written for the array API standard.
    wrt : tuple of str, or callable
        Arguments that the gradient is taken with respect to; ``wrt(size)`` names them where
        their number depends on the size. `Case.wrt` is the tuple in either case.
    inputs : callable
        ``inputs(size, rng)`` draws the arguments of `function` by name.
    sizes : tuple of int
        Sizes that a full run times, growing.
    quick_sizes : tuple of int
        Sizes that a quick run times, growing; empty if it only verifies the problem.
    verify_size : int
        Size at which every engine is verified before any clock starts.
    meaning : str
        One line for a reader.
    label : callable
        ``label(size)`` says the size in words, such as ``"8-8-1"``.
    gradient : callable, optional
        Gradient derived by hand: ``gradient(**inputs)`` returns the value and the gradients.
    analytic : bool
        Whether the function is analytic, so that a complex step is exact.
    usual_sizes : tuple of int, optional
        Sizes that a run times which is neither full nor quick; `sizes` by default, empty if it
        only verifies the problem.
    at : callable, optional
        ``at(size, seed)`` returns the problem as it is at one size, where its function or the names
        of its arguments depend on the size.
    """

    name: str
    family: str
    function: Callable[..., Any]
    wrt: tuple[str, ...] | Callable[[int], tuple[str, ...]]
    inputs: Callable[[int, np.random.Generator], Inputs]
    sizes: tuple[int, ...]
    quick_sizes: tuple[int, ...]
    verify_size: int
    meaning: str
    label: Callable[[int], str] = str
    gradient: Callable[..., tuple[float, Gradients]] | None = None
    analytic: bool = True
    usual_sizes: tuple[int, ...] | None = None
    at: "Callable[[int, int], Problem] | None" = None

    def __post_init__(self) -> None:
        check_name("a problem", self.name)

    def case(self, size: int, seed: int) -> "Case":
        """Return the problem at one size, with inputs drawn from a seed.

        Parameters
        ----------
        size : int
            The problem's own measure of size.
        seed : int
            Seed of the inputs; the same seed draws the same inputs.

        Returns
        -------
        Case
            The problem with its inputs.

        Raises
        ------
        ValueError
            If `size` is not a whole number of at least 1.
        """
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(
                f"{self.name}: size {size!r} is not a whole number of at least 1. "
                f"A full run times the sizes {', '.join(map(str, self.sizes))}."
            )
        problem = self if self.at is None else self.at(int(size), seed)
        return Case(problem, int(size), seed)


@dataclass(frozen=True)
class Case:
    """A problem at one size, with its inputs.

    Parameters
    ----------
    problem : Problem
        The problem.
    size : int
        The problem's own measure of size.
    seed : int
        Seed of the inputs.
    """

    problem: Problem
    size: int
    seed: int

    @cached_property
    def inputs(self) -> Mapping[str, Any]:
        """Arguments of the function by name, drawn once."""
        return self.problem.inputs(self.size, np.random.default_rng(self.seed))

    @property
    def wrt(self) -> tuple[str, ...]:
        """Arguments that the gradient is taken with respect to."""
        wrt = self.problem.wrt
        return wrt(self.size) if callable(wrt) else wrt

    @property
    def label(self) -> str:
        """The size in words."""
        try:
            return str(self.problem.label(self.size))
        except Exception as error:
            raise ValueError(
                f"{self.problem.name}: its label of the size {self.size} raised "
                f"{type(error).__name__}: {error}"
            ) from error

    @property
    def parameters(self) -> int:
        """Number of scalars that the gradient is taken with respect to."""
        return sum(int(np.size(self.inputs[name])) for name in self.wrt)
