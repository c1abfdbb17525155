"""Check a law of growth by running the size that it predicts.

``python -m compare.studies.prediction`` runs it.

The law comes from a run's results.csv alone. The size is then measured as a run would measure it,
under a budget that lets it end.
"""

import dataclasses
import math
from pathlib import Path

import click
import pandas as pd

from compare.engines import get_engine
from compare.growth.draws import predict
from compare.growth.summary import QUANTITIES, Growth, growths_of
from compare.measure.sweep import Plan, sweep
from compare.problems import get_problem
from compare.problems.problem import Problem
from compare.process.executor import Budget
from compare.results.reading import read_results

__all__ = ["Checked", "check_law", "next_size"]


@dataclasses.dataclass(frozen=True)
class Checked:
    """A prediction and the measured value."""

    #: The size in words.
    label: str
    #: What the law counts: parameters or size.
    n: float
    #: What the law predicts, and the 95 % interval of one measurement.
    predicted: float
    low: float
    high: float
    #: What was measured; NaN where the cell did not end as ok.
    measured: float
    #: How the cell ended, and why.
    status: str
    message: str

    @property
    def holds(self) -> bool:
        """Whether the measured value lies in the interval."""
        return self.low <= self.measured <= self.high


def check_law(
    results: pd.DataFrame,
    problem: Problem,
    engine: str,
    quantity: str,
    size: int,
    budget: Budget,
) -> Checked:
    """Return the prediction of a law for a size, and the measured value."""
    mine = (results["problem"] == problem.name) & (results["engine"] == engine)
    growth = _growth_of(results[mine & (results["size"] < size)], quantity)
    if growth is None or growth.draws is None:
        raise ValueError(
            f"no law of {quantity} fits the cells of {engine} on {problem.name} below "
            f"size {size}; expected at least 3 that ended as ok"
        )
    case = problem.case(size, int(results["seed"].dropna().iloc[0]))
    n = float(case.size if growth.against == "size" else case.parameters)
    predicted, low, high = (10.0**x for x in predict(growth.draws, n))
    only = dataclasses.replace(problem, sizes=(size,))
    plan = Plan((only,), (get_engine(engine),), budget, lambda _: (size,), case.seed)
    row = next(iter(sweep(plan))).row
    measured = row[quantity]
    return Checked(
        case.label,
        n,
        predicted,
        low,
        high,
        float(measured) if measured is not None else float("nan"),
        row["status"],
        row["message"] or "",
    )


def _growth_of(cells: pd.DataFrame, quantity: str) -> Growth | None:
    return next((g for g in growths_of(cells) if g.quantity == quantity), None)


def next_size(results: pd.DataFrame, problem: Problem, engine: str) -> int:
    """Return the first size of a problem beyond those that an engine was measured at."""
    done = _done(results, problem, engine)
    if len(done) < 2:
        raise ValueError(
            f"{engine} on {problem.name} ended as ok at {len(done)} sizes; expected at least 2: "
            "give the size to run"
        )
    larger = [size for size in problem.sizes if size > done[-1]]
    return min(larger, default=2 * done[-1] - done[-2])


def _done(results: pd.DataFrame, problem: Problem, engine: str) -> list[int]:
    """Return the sizes at which an engine ended as ok, growing."""
    mine = (results["problem"] == problem.name) & (results["engine"] == engine)
    return sorted(set(results.loc[mine & (results["status"] == "ok"), "size"].dropna().astype(int)))


def _problem_of(results: pd.DataFrame, family: str) -> str:
    """Return the name of the only problem of a family."""
    names = results.loc[results["family"] == family, "problem"].unique().tolist()
    if len(names) != 1:
        known = ", ".join(sorted(set(results["family"])))
        found = f"has the problems {', '.join(names)}" if names else f"is none of {known}"
        raise ValueError(f"family {family!r} {found}; expected one with one problem, or --problem")
    return str(names[0])


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--family", help="Name of the family, such as `mlp width`.")
@click.option("--problem", "name", help="Name of the problem, in place of the family.")
@click.option("--engine", required=True, help="Name of the engine.")
@click.option("--size", type=click.IntRange(1), help="Default: the next beyond those measured.")
@click.option("--quantity", multiple=True, type=click.Choice(QUANTITIES), help="Default: run_s.")
@click.option("--budget-s", default=600.0, show_default=True, help="Time budget in seconds.")
@click.option("--budget-gb", default=8.0, show_default=True, help="Memory budget in GiB.")
def main(
    file: Path,
    family: str | None,
    name: str | None,
    engine: str,
    size: int | None,
    quantity: tuple[str, ...],
    budget_s: float,
    budget_gb: float,
) -> None:
    """Predict a size from FILE, run it, and say whether the law held.

    Ends with code 1 where it did not, or where the budget did not let it say.
    """
    if (family is None) == (name is None):
        raise click.UsageError("give either --family or --problem")
    budget = Budget(budget_s, int(budget_gb * 2**30))
    held = []
    try:
        results = read_results(file)
        problem = get_problem(name or _problem_of(results, family or ""))
        at = size or next_size(results, problem, engine)
        for one in quantity or ("run_s",):
            checked = check_law(results, problem, engine, one, at, budget)
            # A size that the engine refuses says nothing; half the way there may.
            last = at if size else _done(results, problem, engine)[-1]
            while checked.status == "unsupported" and at > last + 1:
                at = (at + last) // 2
                checked = check_law(results, problem, engine, one, at, budget)
            held.append(checked.holds)
            click.echo(f"{engine} on {problem.name} {_text(checked, one)}")
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    raise SystemExit(0 if all(held) else 1)


def _text(checked: Checked, quantity: str) -> str:
    """Return the sentence on a prediction, the measured value, and the verdict."""
    text = (
        f"{checked.label} ({checked.n:g}), {quantity}: predicted {checked.predicted:.3g} "
        f"(95 % {checked.low:.3g} to {checked.high:.3g}), "
    )
    if math.isnan(checked.measured):
        return f"{text}not measured ({checked.status}): {checked.message or 'no such quantity'}"
    verdict = "the law held" if checked.holds else "the law did not hold"
    return f"{text}measured {checked.measured:.3g}: {verdict}"


if __name__ == "__main__":
    main()
