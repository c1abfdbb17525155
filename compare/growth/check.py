"""Check a law of growth by running the size that it predicts: ``python -m compare.growth.check``.

The law comes from a run's results.csv alone. The size is then measured as a run would measure it,
under a budget that lets it end.
"""

import dataclasses
from pathlib import Path

import click
import numpy as np
import pandas as pd

from compare.engines import get_engine
from compare.executor import Budget
from compare.growth.draws import predict
from compare.problems import PROBLEMS
from compare.problems.problem import Problem
from compare.scaling import QUANTITIES, Growth, growths_of
from compare.store import read_results
from compare.sweep import Plan, sweep

__all__ = ["Checked", "check_law"]


@dataclasses.dataclass(frozen=True)
class Checked:
    """A prediction and what was measured.

    Parameters
    ----------
    label : str
        The size in words.
    n : float
        What the law counts: parameters or size.
    predicted, low, high : float
        What the law predicts, and the 95 % interval of one measurement.
    measured : float
        What was measured; NaN where the cell did not end as ok.
    status : str
        How the cell ended.
    """

    label: str
    n: float
    predicted: float
    low: float
    high: float
    measured: float
    status: str

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
    """Return what a law predicts for a size, and what that size then takes.

    Parameters
    ----------
    results : pandas.DataFrame
        Rows of results.csv that the law is fitted to; those of `size` and above are left out.
    problem : Problem
        The problem.
    engine : str
        The engine.
    quantity : str
        One of `compare.scaling.QUANTITIES`.
    size : int
        Size of the problem that is predicted and run.
    budget : Budget
        Limits of the cell.

    Returns
    -------
    Checked
        Both.

    Raises
    ------
    ValueError
        If there is no law of that engine, problem and quantity.
    """
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
    plan = Plan((problem,), (get_engine(engine),), budget, lambda _: (size,), case.seed)
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
    )


def _growth_of(cells: pd.DataFrame, quantity: str) -> Growth | None:
    return next((g for g in growths_of(cells) if g.quantity == quantity), None)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--problem", "name", required=True, help="Name of the problem.")
@click.option("--engine", required=True, help="Name of the engine.")
@click.option("--size", type=click.IntRange(1), required=True, help="Size to predict and run.")
@click.option("--quantity", multiple=True, type=click.Choice(QUANTITIES), help="Default: run_s.")
@click.option("--budget-s", default=600.0, show_default=True, help="Time budget in seconds.")
@click.option("--budget-gb", default=8.0, show_default=True, help="Memory budget in GiB.")
def main(
    file: Path,
    name: str,
    engine: str,
    size: int,
    quantity: tuple[str, ...],
    budget_s: float,
    budget_gb: float,
) -> None:
    """Predict a size from FILE, run it, and say whether the law held."""
    results = read_results(file)
    problem = dataclasses.replace(PROBLEMS[name], sizes=(size,))
    budget = Budget(budget_s, int(budget_gb * 2**30))
    held = []
    for one in quantity or ("run_s",):
        checked = check_law(results, problem, engine, one, size, budget)
        held.append(checked.holds)
        click.echo(
            f"{engine} on {name} {checked.label} ({checked.n:g}), {one}: predicted "
            f"{checked.predicted:.3g} (95 % {checked.low:.3g} to {checked.high:.3g}), measured "
            f"{checked.measured:.3g} ({checked.status}): "
            f"{'the law held' if checked.holds else 'the law did not hold'}"
        )
    raise SystemExit(0 if np.all(held) else 1)


if __name__ == "__main__":
    main()
