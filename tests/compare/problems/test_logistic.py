"""The logistic map against the derivatives printed in the literature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.problems import get_problem
from compare.problems.logistic import logistic_map, logistic_map_gradient

# Baydin et al., JMLR 18(153), 2018, Table 1: d l_n / dx with growth rate 4, lowest power first.
DERIVATIVES = {
    1: [1],
    2: [4, -8],
    3: [16, -160, 384, -256],
    4: [64, -2688, 32256, -168960, 450560, -638976, 458752, -131072],
}


@pytest.mark.parametrize("n", DERIVATIVES)
@given(x=st.floats(min_value=0.0, max_value=1.0))
def test_the_derivative_is_the_polynomial_of_the_survey(n, x):
    terms = [coefficient * x**power for power, coefficient in enumerate(DERIVATIVES[n])]
    rates = np.full(n - 1, 4.0)
    value, gradients = logistic_map_gradient(x, rates)
    assert gradients["x"] == pytest.approx(sum(terms), abs=1e-14 * sum(map(abs, terms)))
    assert value == float(logistic_map(x, rates))


@pytest.mark.parametrize("size", get_problem("logistic-map").sizes)
def test_the_size_is_the_number_of_the_iterate(size):
    case = get_problem("logistic-map").case(size, 0)
    assert case.label == f"l_{size}"
    assert case.inputs["r"].shape == (size - 1,)
    assert case.parameters == 1
    angle = np.arcsin(np.sqrt(case.inputs["x"]))
    # With rate 4 the iterates are sin^2(2^(n-1) angle); rounding doubles at each of them.
    assert float(logistic_map(**case.inputs)) == pytest.approx(
        np.sin(2 ** (size - 1) * angle) ** 2, abs=2.0**size * 1e-15
    )


def test_the_rates_may_differ():
    value, gradients = logistic_map_gradient(0.5, np.array([2.0, 3.0]))
    assert value == 0.75
    assert gradients["x"] == 0.0
