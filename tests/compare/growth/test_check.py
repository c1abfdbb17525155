import pandas as pd
import pytest

import compare
from compare.executor import Budget
from compare.growth.check import check_law
from compare.problems import get_problem

SIZES = (2, 4, 8, 16)
BUDGET = Budget(20.0, 2 * 1024**3)


@pytest.fixture(scope="module")
def results():
    """Measured cells of a problem at four sizes, whose operations scatter as times do."""
    frame = compare.benchmark("mlp-depth", engines=["adjoint"], sizes=SIZES)
    return frame.assign(operations=frame["operations"].astype(float) * [1.05, 0.97, 1.02, 0.96])


def test_a_law_holds_at_a_size_that_nobody_measured(results):
    checked = check_law(results, get_problem("mlp-depth"), "adjoint", "operations", 64, BUDGET)
    assert checked.status == "ok"
    assert checked.holds, checked


def test_a_wrong_law_does_not_hold(results):
    """The planted mistake: costs that grow as the cube of what they were."""
    wrong = results.assign(operations=results["operations"] ** 3)
    checked = check_law(wrong, get_problem("mlp-depth"), "adjoint", "operations", 64, BUDGET)
    assert not checked.holds


def test_without_cells_below_there_is_no_law(results):
    with pytest.raises(ValueError, match="no law of operations fits"):
        check_law(results, get_problem("mlp-depth"), "adjoint", "operations", 4, BUDGET)
    with pytest.raises(ValueError, match="expected at least 3"):
        check_law(
            pd.DataFrame(results[:0]), get_problem("mlp-depth"), "adjoint", "run_s", 64, BUDGET
        )
