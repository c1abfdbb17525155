"""Problems made of a user's function in a file, with no registration."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from compare.problems.arguments import Arguments, arguments_of
from compare.problems.own import own_problem, value_of
from compare.problems.problem import Inputs, Problem
from compare.registry.plugins import in_file

__all__ = ["problem_in_file", "with_sizes"]

#: Sizes of a function whose inputs grow, unless others are given: of matrices, the largest
#: has about as many entries as a measurement should draw.
_SIZES = (2, 8, 32, 128, 512)
_QUICK_SIZES = (2, 8, 32)


def problem_in_file(
    typed: str,
    *,
    example: str = "",
    wrt: Sequence[str] = (),
    sizes: Sequence[int] = (),
    analytic: bool = False,
) -> Problem:
    """Return the problem that a name in a file stands for."""
    name, found = in_file(typed)
    if isinstance(found, Problem):
        if example or wrt:
            raise ValueError(f"{typed} is a Problem, which has its inputs: leave out --example")
        return with_sizes(found, sizes)
    if not callable(found):
        raise ValueError(
            f"{typed} is a {type(found).__name__}; expected a function or a compare.Problem"
        )
    drawn = in_file(example)[1] if example else _defaults(found, name)
    if callable(drawn) and not inspect.signature(drawn).parameters:
        drawn = drawn()  # they do not grow
    if callable(drawn):
        problem = _growing(found, name, _Draw(drawn, example), wrt, sizes, analytic)
    else:
        if sizes:
            raise ValueError(f"{name} has one size: --sizes needs an --example inputs(size, rng)")
        args, words = _split(drawn, example)
        problem = own_problem(found, args, words, wrt=wrt or None, analytic=analytic)
    lines = (inspect.getdoc(found) or "").strip().splitlines()
    meaning = lines[0] if lines and inspect.isroutine(found) else f"{name} of {typed}"
    return dataclasses.replace(problem, name=name, meaning=meaning)


def with_sizes(problem: Problem, sizes: Sequence[int]) -> Problem:
    """Return a problem with other sizes."""
    if not sizes:
        return problem
    return dataclasses.replace(problem, sizes=tuple(sizes), quick_sizes=tuple(sizes))


def _defaults(function: Callable[..., Any], name: str) -> Inputs:
    """Return the arguments that a function has by default."""
    parameters = inspect.signature(function).parameters.values()
    missing = [p.name for p in parameters if p.default is p.empty and p.kind not in _REST]
    if missing or not parameters:
        raise ValueError(
            f"{name} needs the arguments {', '.join(missing) or 'that it is differentiated by'}: "
            "name them by --example FILE.py:NAME, or give the function defaults"
        )
    return {p.name: p.default for p in parameters if p.kind not in _REST}


_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _split(drawn: Any, what: str) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return arguments by position and by name."""
    if isinstance(drawn, dict):
        return (), drawn
    if isinstance(drawn, tuple | list):
        return drawn, {}
    if isinstance(drawn, np.ndarray | float):
        return (drawn,), {}
    raise ValueError(
        f"{what} is a {type(drawn).__name__}; expected the arguments as a dict, a tuple or a list, "
        "or a function inputs(size, rng) that returns them"
    )


class _Draw:
    """A call of a user's function of the size, with a source of randomness if it takes one."""

    def __init__(self, function: Callable[..., Any], what: str) -> None:
        self.function, self.what = function, what
        parameters = inspect.signature(function).parameters.values()
        needed = [p for p in parameters if p.default is p.empty and p.kind not in _REST]
        several = len([p for p in parameters if p.kind not in _REST]) > 1
        if len(needed) > 2:
            raise ValueError(
                f"{what}{inspect.signature(function)}: expected inputs(size) or inputs(size, rng)"
            )
        self._takes_rng = several and (len(needed) == 2 or "rng" in [p.name for p in parameters])

    def __call__(self, size: int, rng: np.random.Generator) -> Any:
        """Return the arguments at a size."""
        made = self.function(size, rng) if self._takes_rng else self.function(size)
        return _split(made, f"what {self.what} returned")


def _arguments(
    function: Callable[..., Any], name: str, draw: _Draw, size: int, rng: np.random.Generator
) -> Arguments:
    """Return the arguments of a growing function at a size."""
    args, words = draw(size, rng)
    return arguments_of(function, args, words, name)


def _inputs(
    function: Callable[..., Any], name: str, draw: _Draw, size: int, rng: np.random.Generator
) -> Inputs:
    """Return the arguments of a growing function that can be differentiated by."""
    return _arguments(function, name, draw, size, rng).inputs


def _at(
    function: Callable[..., Any],
    draw: _Draw,
    wrt: Sequence[str],
    problem: Problem,
    size: int,
    seed: int,
) -> Problem:
    """Return a growing problem as it is at one size: lists grow, and so do whole numbers."""
    rng = np.random.default_rng(seed)
    arguments = _arguments(function, problem.name, draw, size, rng)
    return dataclasses.replace(
        problem,
        function=arguments.function(function),
        wrt=arguments.chosen(wrt or None, problem.name),
    )


def _growing(
    function: Callable[..., Any],
    name: str,
    draw: _Draw,
    wrt: Sequence[str],
    sizes: Sequence[int],
    analytic: bool,
) -> Problem:
    """Return the problem of a function whose arguments grow."""
    smallest = min(sizes, default=_SIZES[0])
    arguments = _arguments(function, name, draw, smallest, np.random.default_rng(0))
    called = arguments.function(function)
    value_of(called, arguments.inputs, name, arguments.converted)
    problem = Problem(
        name=name,
        family=name,
        function=called,
        wrt=arguments.chosen(wrt or None, name),
        inputs=partial(_inputs, function, name, draw),
        sizes=tuple(sizes) or _SIZES,
        quick_sizes=tuple(sizes) or _QUICK_SIZES,
        verify_size=smallest,
        meaning=name,
        analytic=analytic,
    )
    if called is function:
        return problem
    return dataclasses.replace(problem, at=partial(_at, function, draw, wrt, problem))
