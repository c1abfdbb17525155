"""How large one gradient is, by how it is written down."""

import numpy as np
import pytest

import symdiff
from compare.problems import PROBLEMS
from compare.studies.swell import FORMS, QUICK_SERIES, SERIES, operations_of, swell


@pytest.mark.parametrize("name", ["mlp-width", "mlp-depth", "logistic-map", "helmholtz", "gates"])
def test_forms_are_those_that_the_strategies_write(name):
    case = PROBLEMS[name].case(PROBLEMS[name].verify_size, 0)
    shapes = {argument: np.shape(value) for argument, value in case.inputs.items()}
    written = {
        strategy: symdiff.gradient(
            case.problem.function, wrt=case.wrt, strategy=strategy, inputs=shapes
        ).operations
        for strategy in ("expanded", "shared", "adjoint", "matrix")
    }
    assert operations_of(case, "tree") == written["expanded"].gradient_tree
    assert operations_of(case, "dag") == written["expanded"].gradient_dag
    assert operations_of(case, "shared") == written["shared"].gradient_shared
    assert operations_of(case, "adjoint") == written["adjoint"].gradient_shared
    assert operations_of(case, "matrix") == written["matrix"].gradient


def test_names_take_the_swell_away():
    frame = swell({"mlp-depth": (4, 8, 16, 32)})
    table = frame.pivot(index="size", columns="form", values="operations")
    assert list(table.columns) == sorted(FORMS)
    growth = table.loc[32] / table.loc[16]
    assert growth["tree"] > 1e5
    assert growth["dag"] == pytest.approx(4, rel=0.05)
    assert growth["adjoint"] == pytest.approx(2, rel=0.05)
    assert growth["matrix"] == pytest.approx(2, rel=0.05)


def test_a_form_that_takes_long_ends():
    frame = swell({"mlp-width": (2, 4)}, longest_s=-1.0)
    assert frame["size"].tolist() == [2] * len(FORMS)


def test_a_quick_run_follows_the_same_problems():
    assert list(QUICK_SERIES) == list(SERIES)
    for name, sizes in QUICK_SERIES.items():
        assert set(sizes) <= set(SERIES[name])
