"""The symbolic engines: a formula derived once, then evaluated for every gradient."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from keyword import iskeyword
from typing import Any

import numpy as np

from compare.engines.engine import Engine, Prepared
from compare.engines.precision import in_types_of_arguments
from compare.problems.problem import Case

__all__ = [
    "ADJOINT",
    "EXPANDED",
    "MATRIX",
    "SHARED",
    "by_identifier",
    "identifiers",
    "short_identifiers",
]


def identifiers(case: Case) -> dict[str, str]:
    """Return for each input the name that it has in a formula, where `params.w1` is none."""
    found: dict[str, str] = {}
    for name in case.inputs:
        identifier = re.sub(r"\W", "_", name)
        while identifier != name and (identifier in found.values() or identifier in case.inputs):
            identifier += "_"
        found[name] = identifier
    return found


def short_identifiers(case: Case) -> dict[str, str]:
    """Return the same as short as they tell inputs apart: of `params.w1` it is `w1`."""
    last = {name: name.rpartition(".")[2] for name in case.inputs}
    counts = Counter(last.values())
    return {
        name: last[name]
        if counts[last[name]] == 1 and last[name].isidentifier() and not iskeyword(last[name])
        else identifier
        for name, identifier in identifiers(case).items()
    }


def by_identifier(case: Case, names: Mapping[str, str]) -> Callable[..., Any]:
    """Return the function of a case, whose inputs have other names."""
    function = case.problem.function
    if all(name == identifier for name, identifier in names.items()):
        return function

    def renamed(**inputs: Any) -> Any:
        return function(**{name: inputs[identifier] for name, identifier in names.items()})

    return renamed


def _prepare(strategy: str, case: Case) -> Prepared:
    import symdiff

    names = identifiers(case)
    shapes = {names[name]: np.shape(value) for name, value in case.inputs.items()}
    wrt = tuple(names[name] for name in case.wrt)
    try:
        gradient = symdiff.gradient(
            by_identifier(case, names), wrt=wrt, strategy=strategy, inputs=shapes
        )
        operations = gradient.operation_count
        # Predicts the size of the text, and refuses to print one that is too large.
        _ = gradient.source
    except symdiff.ExpressionTooLarge as error:
        raise NotImplementedError(str(error)) from error

    def run(inputs: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        return gradient.value_and_gradient(**inputs)

    def run_renamed(inputs: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        value, gradients = run({names[name]: x for name, x in inputs.items()})
        return value, {name: gradients[names[name]] for name in case.wrt}

    same = all(name == identifier for name, identifier in names.items())
    return Prepared(in_types_of_arguments(run if same else run_renamed, case), operations)


def _engine(strategy: str, meaning: str) -> Engine:
    """Return the engine of a strategy of symdiff."""
    return Engine(strategy, f"symdiff: {meaning}", ("symdiff",), partial(_prepare, strategy))


EXPANDED = _engine("expanded", "the closed form, the chain rule written out for each parameter")
SHARED = _engine("shared", "the same formulas with common subexpressions named")
ADJOINT = _engine("adjoint", "formulas in reverse, every intermediate a named line")
MATRIX = _engine("matrix", "the same of whole matrices, as a person writes them")
