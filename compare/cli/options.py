"""Options that several commands share, and what they stand for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from compare.registry.plugins import is_in_file

if TYPE_CHECKING:
    from compare.engines import Engine
    from compare.problems import Problem

    ParamType = click.ParamType[float]
else:
    ParamType = click.ParamType  # takes no parameter before click 8.4

__all__ = ["CHOICES", "Choice", "Positive", "options"]


class Positive(ParamType):
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


@dataclass(frozen=True)
class Choice:
    """The requested problems, engines and conditions."""

    #: Names of problems, or functions in files with their examples in the same order.
    problem_names: Sequence[str]
    examples: Sequence[str]
    #: Names and whole numbers, separated by commas; empty for what the problem has.
    wrt: str
    sizes: str
    #: Whether functions in files are analytic.
    analytic: bool
    #: Names of engines, or engines in files; empty for those that are shipped.
    engine_names: Sequence[str]
    #: Whether all other libraries that are installed take part too.
    peers: bool
    #: Seed of the inputs, and threads of the libraries.
    seed: int
    threads: int

    def problems(self) -> "list[Problem]":
        """Return the problems, all that there are if none is named."""
        from compare.problems import PROBLEMS, get_problem
        from compare.problems.by_file import problem_in_file, with_sizes

        sizes = _integers(self.sizes)
        wrt = [name.strip() for name in self.wrt.split(",") if name.strip()]
        in_files = [name for name in self.problem_names if is_in_file(name)]
        if len(self.examples) > len(in_files) or (wrt and not in_files):
            raise ValueError(
                f"{len(self.examples)} of --example and {len(in_files)} of --problem FILE.py:NAME "
                "arrived; an example, and --wrt, belong to a function in a file"
            )
        examples = dict(zip(in_files, self.examples, strict=False))
        found = [
            problem_in_file(
                name,
                example=examples.get(name, ""),
                wrt=wrt,
                sizes=sizes,
                analytic=self.analytic,
            )
            if is_in_file(name)
            else with_sizes(get_problem(name), sizes)
            for name in dict.fromkeys(self.problem_names)
        ]
        _refuse_repeated("problems", found)
        return found or [with_sizes(problem, sizes) for problem in PROBLEMS.values()]

    def engines(self, default: Sequence[str] = ()) -> "list[Engine]":
        """Return the engines; if none is named those of `default`, or all, and plug-ins."""
        from compare.engines import ENGINES, PEERS, get_engine
        from compare.engines.by_file import engine_in_file

        named = list(self.engine_names)
        if not named:
            named = [*default, *ENGINES.plugins] if default else list(ENGINES)
        if self.peers:
            named += PEERS
        found = [
            engine_in_file(name) if is_in_file(name) else get_engine(name)
            for name in dict.fromkeys(named)
        ]
        _refuse_repeated("engines", found)
        return found


def _refuse_repeated(what: str, found: "Sequence[Problem | Engine]") -> None:
    """Refuse entries of one name, whose results could not be told apart."""
    names = [each.name for each in found]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two {what} are called {', '.join(repeated)}: rename one")


def _integers(text: str) -> list[int]:
    """Return the integers of a text in which commas separate them, in their order."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = [0]
    if any(number < 1 for number in numbers) or numbers != sorted(set(numbers)):
        raise ValueError(f"--sizes: {text} arrived; expected growing whole numbers, as in 2,8,32")
    return numbers


#: Which problems and engines, and under which conditions: the fields of `Choice`.
CHOICES = [
    click.option(
        "--problem",
        "problem_names",
        multiple=True,
        metavar="NAME",
        help="Only this problem, or FILE.py:FUNCTION, a plain NumPy function; repeatable.",
    ),
    click.option(
        "--example",
        "examples",
        multiple=True,
        metavar="FILE.py:NAME",
        help="Its arguments: a dict, a tuple, or a function of the size (and of rng).",
    ),
    click.option("--wrt", default="", help="Arguments to differentiate with respect to: w,b."),
    click.option("--sizes", default="", help="Sizes to go up, in place of the problem's: 2,8,32."),
    click.option("--analytic", is_flag=True, help="The function in the file is analytic."),
    click.option(
        "--engine",
        "engine_names",
        multiple=True,
        metavar="NAME",
        help="Only this engine, or FILE.py:NAME, a function (f, inputs, wrt); repeatable.",
    ),
    click.option("--peers", is_flag=True, help="All other libraries that are installed, too."),
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
