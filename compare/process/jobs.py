"""Jobs that need nothing but the standard library; every other room sends its own."""

import importlib
from collections.abc import Callable

# Here, since this is imported before any engine is: none puts another clock in their place.
from time import perf_counter, process_time
from typing import Any

__all__ = ["Report", "call", "import_modules", "perf_counter", "process_time", "start"]

#: ``report(stage, columns)`` tells the parent which stage begins, and what is known so far.
Report = Callable[[str, dict[str, Any]], None]


def start(report: Report) -> None:
    """Answer: the interpreter is up."""


def import_modules(report: Report, modules: tuple[str, ...]) -> float:
    """Return the seconds that importing some modules takes."""
    begin = perf_counter()
    for module in modules:
        importlib.import_module(module)
    return perf_counter() - begin


def call(report: Report, function: Callable[..., Any], *args: Any) -> Any:
    """Return the result of a function, under the time budget."""
    report("build", {})
    return function(*args)
