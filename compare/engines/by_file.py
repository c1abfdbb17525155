"""Engines in a file: a function that computes value and gradients, or an `Engine`."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from compare.engines import ENGINES, PEERS
from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case
from compare.registry.plugins import in_file

__all__ = ["engine_in_file"]

_EXPECTED = "expected a function value_and_gradient(f, inputs, wrt), or a compare.Engine"


def engine_in_file(typed: str) -> Engine:
    """Return the engine that a name in a file stands for."""
    name, found = in_file(typed)
    if isinstance(found, Engine):
        engine = found
    elif callable(found):
        try:
            inspect.signature(found).bind("f", "inputs", "wrt")
        except TypeError as error:
            raise ValueError(f"{typed}{inspect.signature(found)}: {error}; {_EXPECTED}") from None
        engine = Engine(name, f"{name} of {typed}", ("numpy",), partial(_prepare, found))
    else:
        raise ValueError(f"{typed} is a {type(found).__name__}; {_EXPECTED}")
    if engine.name in ENGINES or engine.name in PEERS:
        raise ValueError(f"{typed}: an engine is called {engine.name!r} already: rename this one")
    return engine


def _prepare(value_and_gradient: Callable[..., Any], case: Case) -> Prepared:
    function, wrt = case.problem.function, case.wrt

    def run(inputs: Mapping[str, Any]) -> Any:
        return value_and_gradient(function, inputs, wrt)

    return Prepared(run)
