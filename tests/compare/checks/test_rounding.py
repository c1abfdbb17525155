"""At minima and symmetric points nobody who is right is accused, and who is wrong still is."""

import numpy as np
import pytest

import compare
from compare.checks.rounding import terms_of
from compare.problems.own import own_problem

_RNG = np.random.default_rng(3)
_A, _ONE = _RNG.standard_normal((6, 3)), np.ones(3)
_Y = _A @ np.array([0.3, -1.7, 0.9])
_N = _RNG.standard_normal((6, 3))
_OPTIMUM = np.linalg.lstsq(_A, _Y + 0.1 * _N[:, 0], rcond=None)[0]


def tanh_of_nothing(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


def least_squares(w):
    return np.sum((_A @ w - (_Y + 0.1 * _N[:, 0])) ** 2)


def norm_of_residual(w):
    return np.linalg.norm(_A @ w - (_Y + 0.1 * _N[:, 0]))


def exact_fit(w):
    return np.sum((_A @ w - _Y) ** 2)


def bowl(w):
    return np.exp(w) - w


def cosine(w):
    return np.cos(w)


def entropy(p):
    q = p / np.sum(p)
    return np.sum(q * np.log(q))


def softmax_at_its_target(z):
    e = np.exp(z - np.max(z))
    return np.log(np.sum(e)) - np.sum(z * np.array([0.2, 0.3, 0.5]))


def variance(x):
    return np.var(x)


def rosenbrock(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def logistic(w):
    z = _N @ w
    return np.mean(np.log1p(np.exp(-z)) + np.log1p(np.exp(z)))


def double_well(x):
    return np.sum((x**2 - 2.0) ** 2)


def rayleigh(v):
    return v @ (_A.T @ _A) @ v / (v @ v)


def pair_potential(r):
    return r**-12 - 2.0 * r**-6


def gaussian_likelihood(m):
    return np.sum((_Y - m) ** 2) / 0.5


def sphere(x):
    return (np.sqrt(np.sum(x**2)) - 1.0) ** 2


def squares_that_cancel(x):
    return np.sum((1e8 + x) ** 2 - 1e16 - 2e8 * x - x**2)


def flat(x):
    return np.sum((x - np.mean(x)) ** 4)


def symmetric_start(v, w):
    hidden = np.tanh(np.array([[0.0, 1.0], [1.0, 0.0]]) @ v)
    return np.sum((hidden @ w - 0.5) ** 2)


def trimer(x):
    sides = x - np.roll(x, 1, axis=0)
    r2 = np.sum(sides**2, axis=1)
    return np.sum(r2**-6 - 2.0 * r2**-3)


AT = {
    # The hidden units are equal, and the output is right: all slopes cancel.
    symmetric_start: (np.full((2, 2), 0.3), np.full(2, 0.25 / np.tanh(0.3))),
    trimer: (np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]]),),
    flat: (np.full(6, 0.1),),
    squares_that_cancel: (np.array([0.1, 0.7]),),
    tanh_of_nothing: (
        np.linspace(-1, 1, 4),
        np.ones((3, 4)) * np.linspace(0.5, 1, 3)[:, None],
    ),
    least_squares: (_OPTIMUM,),
    norm_of_residual: (_OPTIMUM,),
    exact_fit: (np.array([0.3, -1.7, 0.9]),),
    bowl: (0.0,),
    cosine: (np.pi,),
    entropy: (np.full(3, 0.1),),
    softmax_at_its_target: (np.log(np.array([0.2, 0.3, 0.5])),),
    variance: (np.full(5, 0.3),),
    rosenbrock: (np.ones(2),),
    logistic: (np.zeros(3),),
    double_well: (np.full(2, np.sqrt(2.0)),),
    rayleigh: (np.linalg.eigh(_A.T @ _A)[1][:, 0],),
    pair_potential: (1.0,),
    gaussian_likelihood: (np.mean(_Y),),
    sphere: (np.array([0.6, 0.8]),),
}


@pytest.mark.each("f", AT)
def test_at_a_minimum_all_agree_and_a_mistake_of_a_millionth_of_the_terms_does_not(f):
    args = AT[f]
    case = own_problem(f, args).case(1, 0)
    name = case.wrt[0]
    compare.assert_gradients_agree(f, *args)
    size = terms_of(case)[name]

    def wrong(*xs):
        value, gradients = compare.engines.get_engine("graph").prepare(case).run(case.inputs)
        return value, {
            n: np.asarray(g) + (1e-6 * size if n == name else 0.0) for n, g in gradients.items()
        }

    if size > 0:
        with pytest.raises(AssertionError, match="do not agree"):
            compare.assert_gradients_agree(f, *args, gradient=wrong, engines=["graph"])


def test_terms_are_those_of_the_function():
    case = own_problem(lambda x: np.sum(1e6 * x - 1e6 * x + x), [np.ones(2)]).case(1, 0)
    assert 1e6 < terms_of(case)["x"] < 1e7
    case = own_problem(lambda x: np.sum(3.0 * x), [np.ones(2)]).case(1, 0)
    assert 3.0 <= terms_of(case)["x"] < 20.0
    # An empty argument has no terms, and takes nothing from the others.
    case = own_problem(lambda x, e: np.sum(3.0 * x) + np.sum(e), [np.ones(2), np.ones(0)])
    assert 3.0 <= terms_of(case.case(1, 0))["x"] < 40.0


def test_a_function_without_a_graph_has_its_inputs_moved():
    def f(x):
        return (float(x) - 0.1) ** 2

    case = own_problem(f, [0.1]).case(1, 0)
    assert 0.1 < terms_of(case, "finite-differences")["x"] < 10.0
