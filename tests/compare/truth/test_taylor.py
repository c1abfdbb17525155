import numpy as np
import pytest

from compare.problems import PROBLEMS
from compare.truth import taylor_test


def gradient_of(name, seed):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, seed)
    _, gradients = problem.gradient(**case.inputs)
    return problem.function, case.inputs, {n: np.array(gradients[n]) for n in case.wrt}


@pytest.mark.each("seed", range(3))
@pytest.mark.each("name", PROBLEMS)
def test_a_right_gradient_passes_and_a_wrong_one_does_not(name, seed):
    f, inputs, gradients = gradient_of(name, seed)
    found = taylor_test(f, inputs, gradients, seed=seed)
    assert found.right, found.message
    if name == "ties":
        assert found.message == "at a kink: right as the mean of slopes"
    else:
        assert not found.slope < 1.9
    wrong = {n: 1.001 * x_bar for n, x_bar in gradients.items()}
    if any(np.any(x_bar) for x_bar in gradients.values()):
        caught = taylor_test(f, inputs, wrong, seed=seed)
        assert not caught.right
        assert caught.slope == pytest.approx(1.0, abs=0.3)
        assert "shrinks with slope" in caught.message


def test_a_linear_function_has_no_remainder_unless_its_gradient_is_wrong():
    c, x = np.array([1.0, -2.0, 3.0]), np.array([0.1, 0.2, 0.3])
    right = taylor_test(lambda x: c @ x, {"x": x}, {"x": c})
    assert right.right
    assert np.isnan(right.slope)
    assert "rounding" in right.message
    wrong = taylor_test(lambda x: c @ x, {"x": x}, {"x": c + np.array([0.0, 0.0, 1e-6])})
    assert (wrong.right, round(wrong.slope)) == (False, 1)


def test_ties_that_share_evenly_pass_and_those_that_do_not_fail():
    x, c = np.array([1.0, 2.0]), np.array([1.0, 3.0])

    def f(x, y):
        return np.sum(c * np.maximum(x, y))

    assert taylor_test(f, {"x": x, "y": x}, {"x": c / 2, "y": c / 2}).right
    assert not taylor_test(f, {"x": x, "y": x}, {"x": c, "y": 0 * c}).right


def test_float32_has_a_ladder_of_its_own():
    x = np.linspace(0.5, 1.5, 6, dtype=np.float32)
    right = taylor_test(lambda x: np.sum(np.exp(x)), {"x": x}, {"x": np.exp(x)})
    assert right.right
    assert not taylor_test(lambda x: np.sum(np.exp(x)), {"x": x}, {"x": 1.2 * np.exp(x)}).right


def test_steps_at_which_the_function_is_not_finite_are_left_out():
    found = taylor_test(lambda x: np.sum(np.log(x)), {"x": np.array([1e-3])}, {"x": [1e3]})
    assert found.right
    assert np.all(np.isfinite(found.remainders))


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\); expected \(2,\)"):
        taylor_test(lambda x: np.sum(x), {"x": np.ones(2)}, {"x": np.ones(3)})
