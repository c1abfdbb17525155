"""Functions of `scipy.special`, by every strategy, in pasted source, in text and in C."""

import numpy as np
import pytest
import scipy.special as special

from symdiff import STRATEGIES, gradient

#: The function, a point, its derivative there.
CASES = {
    "erf": (special.erf, 0.7, 2 / np.sqrt(np.pi) * np.exp(-0.49)),
    "erfc": (special.erfc, 0.7, -2 / np.sqrt(np.pi) * np.exp(-0.49)),
    "ndtr": (special.ndtr, 0.3, np.exp(-0.045) / np.sqrt(2 * np.pi)),
    "gammaln": (special.gammaln, 2.5, special.digamma(2.5)),
    "digamma": (special.digamma, 2.5, special.polygamma(1, 2.5)),
    "expit": (special.expit, -800.0, 0.0),
    "logit": (special.logit, 0.25, 1 / 0.25 + 1 / 0.75),
    "log_expit": (special.log_expit, -900.0, 1.0),
}


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("name", CASES)
def test_value_and_derivative(name, strategy):
    function, x, slope = CASES[name]
    g = gradient(lambda x: np.sum(function(x)), strategy=strategy, x=(2,))
    value, found = g.value_and_gradient(x=[x, x])
    assert value == pytest.approx(2 * function(x), rel=1e-12)
    np.testing.assert_allclose(found["x"], slope, rtol=1e-12)
    space = {}
    exec(g.source, space)
    np.testing.assert_allclose(
        space["value_and_gradient"](np.array([x, x]))[1]["x"], slope, rtol=1e-12
    )
    assert all((str(g), g.latex()))


@pytest.mark.parametrize("name", CASES)
def test_text_and_c(name, compiled):
    _, x, slope = CASES[name]
    g = gradient(f"{name}(x)")
    assert g(x=x)["x"] == pytest.approx(slope, rel=1e-12)
    assert compiled(g)(x=x)[1]["x"] == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_x_log_y_at_zero(strategy):
    g = gradient(lambda x, y: special.xlogy(x, y), strategy=strategy, x=(), y=())
    assert g.value_and_gradient(x=0.0, y=2.0)[0] == 0.0
    assert g(x=3.0, y=2.0) == pytest.approx({"x": np.log(2.0), "y": 1.5})


def test_second_derivatives():
    h = gradient(lambda x: special.gammaln(x), x=()).hessian()
    assert h(x=2.5)["x"]["x"] == pytest.approx(special.polygamma(1, 2.5), rel=1e-12)
