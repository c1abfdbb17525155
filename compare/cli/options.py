"""Options that several commands share, and what they stand for."""

from collections.abc import Callable, Sequence
from typing import Any

import click

__all__ = ["CHOICES", "Positive", "entries", "options"]


class Positive(click.ParamType[float]):
    """A positive, finite number."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number that was typed, or fail with what arrived."""
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not 0 < number < float("inf"):
            self.fail(f"{value} arrived; expected a positive number", param, ctx)
        return number


def entries(kind: str, names: Sequence[str]) -> list[Any]:
    """Return the problems or engines of these names, all if there are none."""
    from compare.engines import ENGINES, get_engine
    from compare.problems import PROBLEMS, get_problem

    table: dict[str, Any] = dict(PROBLEMS if kind == "problem" else ENGINES)
    get = get_problem if kind == "problem" else get_engine
    return [get(name) for name in names] if names else list(table.values())


#: Which problems and engines, and under which conditions.
CHOICES = [
    click.option("--problem", "problems", multiple=True, help="Only this problem; repeatable."),
    click.option("--engine", "engines", multiple=True, help="Only this engine; repeatable."),
    click.option(
        "--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the inputs."
    ),
    click.option(
        "--threads",
        default=1,
        show_default=True,
        type=click.IntRange(1),
        help="Threads of the linear algebra libraries.",
    ),
]


def options(chosen: Sequence[Any]) -> Callable[[Any], Any]:
    """Return a decorator that gives a command these options."""

    def decorate(command: Any) -> Any:
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate
