"""Engines: each prepares a function which computes value and gradient."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from compare.problems.problem import Case
from compare.registry.naming import check_name

__all__ = ["GIVEN", "Engine", "Prepared"]

#: Name of a gradient that the caller of a comparison has given.
GIVEN = "your gradient"

ValueAndGradient = Callable[[Mapping[str, Any]], tuple[Any, Mapping[str, Any]]]


@dataclass(frozen=True)
class Prepared:
    """A gradient function, ready to run on inputs of the shapes it was prepared for.

    Parameters
    ----------
    run : callable
        ``run(inputs)``, with the arguments by name, returns the value and the gradients by name.
    operations : int, optional
        Operations of the formula or nodes of the graph, where there is one.
    compile : callable, optional
        ``compile()`` makes the program that `run` calls, where that is a step of its own; it is
        called once before `run`, under a clock of its own.
    """

    run: ValueAndGradient
    operations: int | None = None
    compile: Callable[[], object] | None = None


def _everything(case: Case) -> str:
    return ""


def _nothing(threads: int) -> int | None:
    return None


def _as_it_is(threads: int) -> Mapping[str, str]:
    return {}


#: What no engine is called: names in the column ``engine`` of samples.parquet, and the caller's.
_RESERVED = ("control", "primal", GIVEN)


@dataclass(frozen=True)
class Engine:
    """A way to compute gradients.

    Parameters
    ----------
    name : str
        Unique name, as typed on the command line.
    meaning : str
        One line for a reader.
    imports : tuple of str
        Modules it needs, imported in a fresh process under the clock `import_s`.
    prepare : callable
        ``prepare(case)`` derives, traces or compiles: the work done once per shape.
    tolerance : str
        Key into `compare.checks.tolerance.TOLERANCES`: how near it must come to the reference.
    refuses : callable
        ``refuses(case)`` returns why the engine cannot do the case, or an empty string.
    configure : callable
        ``configure(threads)`` is called in the measured process after the imports: it pins the
        library's own threads, and returns how many the library then reports, or None.
    environment : callable
        ``environment(threads)`` returns environment variables that its process starts with.
    device : str
        Where it computes, a column of the results: ``cpu``, or ``cuda`` for a GPU.
    """

    name: str
    meaning: str
    imports: tuple[str, ...]
    prepare: Callable[[Case], Prepared]
    tolerance: str = "exact"
    refuses: Callable[[Case], str] = _everything
    configure: Callable[[int], int | None] = _nothing
    environment: Callable[[int], Mapping[str, str]] = _as_it_is
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_name("an engine", self.name, _RESERVED)
