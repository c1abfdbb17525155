import pandas as pd
import pytest
from click.testing import CliRunner

import compare
from compare.problems import get_problem
from compare.process.executor import Budget
from compare.results.schema import RESULT_COLUMNS
from compare.results.store import write_table
from compare.studies.prediction import check_law, main, next_size

SIZES = (2, 4, 8, 16)
BUDGET = Budget(20.0, 2 * 1024**3)


@pytest.fixture
def results(unmeasured):
    """Cells of a problem at four sizes, whose operations scatter as times do."""
    frame = compare.benchmark("mlp-depth", engines=["adjoint"], sizes=SIZES)
    return frame.assign(operations=frame["operations"].astype(float) * [1.05, 0.97, 1.02, 0.96])


def test_a_law_holds_at_a_size_that_nobody_measured(results):
    checked = check_law(results, get_problem("mlp-depth"), "adjoint", "operations", 64, BUDGET)
    assert checked.status == "ok"
    assert checked.holds, checked


@pytest.mark.parametrize("power", [3, 1 / 3])
def test_a_wrong_law_does_not_hold(results, power):
    """The planted mistakes: costs that grew as the cube of what they were, and as its root."""
    wrong = results.assign(operations=results["operations"] ** power)
    checked = check_law(wrong, get_problem("mlp-depth"), "adjoint", "operations", 64, BUDGET)
    assert not checked.holds


def test_without_cells_below_there_is_no_law(results):
    with pytest.raises(ValueError, match="no law of operations fits"):
        check_law(results, get_problem("mlp-depth"), "adjoint", "operations", 4, BUDGET)
    with pytest.raises(ValueError, match="expected at least 3"):
        check_law(
            pd.DataFrame(results[:0]), get_problem("mlp-depth"), "adjoint", "run_s", 64, BUDGET
        )


def test_the_next_size_is_the_first_beyond_those_measured(results):
    problem = get_problem("mlp-depth")
    assert next_size(results, problem, "adjoint") == min(s for s in problem.sizes if s > 16)
    beyond = problem.sizes[-1]
    far = results.assign(size=[beyond, beyond + 1, beyond + 2, beyond + 5])
    assert next_size(far, problem, "adjoint") == beyond + 8
    with pytest.raises(ValueError, match="at 0 sizes; expected at least 2"):
        next_size(results, problem, "graph")


def test_a_size_that_the_engine_refuses_is_no_check(results, tmp_path):
    """The closed form of that many layers is refused; a given size is taken as it is."""
    planted = results.assign(engine="expanded", operations=[10, 100, 1000, 10000])
    write_table(tmp_path / "results.csv", planted, RESULT_COLUMNS)
    arguments = ["--problem", "mlp-depth", "--engine", "expanded", "--quantity", "operations"]
    result = CliRunner().invoke(main, [str(tmp_path / "results.csv"), *arguments, "--size", "64"])
    assert result.exit_code == 1
    assert "not measured (unsupported): " in result.output


@pytest.mark.parametrize(
    ("power", "code", "verdict"), [(1, 0, "the law held"), (3, 1, "the law did not hold")]
)
def test_the_command_says_whether_the_law_held(results, tmp_path, power, code, verdict):
    planted = results.assign(operations=(results["operations"] ** power).astype("int64"))
    write_table(tmp_path / "results.csv", planted, RESULT_COLUMNS)
    family = str(results["family"][0])
    arguments = ["--family", family, "--engine", "adjoint", "--quantity", "operations"]
    result = CliRunner().invoke(main, [str(tmp_path / "results.csv"), *arguments])
    assert result.exit_code == code, result.output
    assert result.output.rstrip().endswith(verdict)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give either --family or --problem"),
        (["--family", "mlp"], "family 'mlp' is none of"),
        (["--problem", "mlp-dept"], "mlp-depth"),
        (["--problem", "mlp-depth", "--size", "4"], "no law of run_s fits"),
    ],
)
def test_the_command_says_what_it_expected(results, tmp_path, options, message):
    write_table(
        tmp_path / "results.csv",
        results.assign(operations=results["operations"].astype("int64")),
        RESULT_COLUMNS,
    )
    arguments = [str(tmp_path / "results.csv"), "--engine", "adjoint", *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code != 0
    assert message in result.output
