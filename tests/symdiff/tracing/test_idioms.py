"""Idioms of functions that are traced, in each strategy: right as NumPy has them."""

import contextlib
import functools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.signal
import scipy.spatial
import scipy.stats

import symdiff

X = np.array([0.7, 1.3, 2.1, 0.4])
DATA = np.array([1.0, 2.0, 4.0, 8.0])
BINS = np.array([0, 2, 1, 1])


def matched(x):
    match x[0]:
        case float():
            return np.sum(x**2)
        case _:
            return 0.0 * x[0]


@functools.singledispatch
def dispatched(x):
    return 0.0 * x[0]


@dispatched.register
def _(x: np.ndarray):
    return np.sum(np.sin(x))


def written(y, x):
    for k in range(1, 4):
        y[k] = x[k] * x[k - 1]
    y[0] = 1.0
    return y


def helper(values):
    return np.sum(np.array(values) ** 3)


def free(x, start=DATA):
    p = start.copy()
    p[1:3] = x[:2] * p[0]
    return np.sum(p**2) + np.sum(x[start > 3.0])


def divided(x):
    large = x > 1
    return np.sum(np.divide(DATA, x, out=np.zeros_like(x), where=large) * large.astype(int))


def nested(x):
    powers = [max(0.0, v) for v in x - 1.0]
    return sum(max(v, 1.0) for v in x) + (lambda v: math.exp(v))(x[0]) + powers[1]


class Model:
    rate = np.array([1.0, 2.0, 3.0, 4.0])

    def __call__(self, x):
        return float(np.sum(self.rate * x**2))


IDIOMS = {
    "np.r_": lambda x: np.sum(np.r_[0.0, np.cumsum(x), [1, 2], 3:5] ** 2 * np.arange(9)),
    "np.c_": lambda x: np.sum(np.c_[np.ones(4), x, np.outer(x, x)] @ np.arange(6.0)),
    "constants from outside, written into": free,
    "float": lambda x: float(x @ x) + sum(k * float(v) for k, v in enumerate(x)),
    "float, a type": lambda x: np.sum(np.array(x, dtype=float)) * (type(x.shape) is not float),
    "where=, out=": divided,
    "where= and initial=": lambda x: (
        np.sum(x, where=DATA > 1.5, initial=2.0) * np.mean(x, where=x > 1) + np.max(x, initial=1.7)
    ),
    "comprehensions and lambdas inside": nested,
    "an object that is called": Model(),
    "a partial function": functools.partial(lambda a, x: np.sum(np.array([a, x[0], x[1]]) ** 2), 2),
    "a range of rows": lambda x: np.sum(np.log(np.outer(x, DATA)[range(4), BINS])),
    "np.take_along_axis": lambda x: np.sum(np.take_along_axis(np.outer(x, x), BINS[:, None], 1)),
    "np.bincount of weights": lambda x: np.sum(np.bincount(BINS, weights=x) ** 2),
    "np.polyfit": lambda x: np.sum(np.polyfit(np.arange(4.0), x, 1) ** 2),
    "what is a number": lambda x: np.nanmax(x) + np.nanmin(x) * np.nanstd(x) + np.isrealobj(x),
    "math, special": lambda x: (
        math.erf(x[0]) * math.gamma(x[1])
        + math.lgamma(x[2])
        + math.dist([x[0], x[1]], [x[2], x[3]])
    ),
    "simpson": lambda x: scipy.integrate.simpson(x**2, dx=0.5),
    "a filter": lambda x: np.sum(scipy.signal.lfilter([1.0, 0.5], [1.0, -0.3], x) ** 2),
    "distances": lambda x: (
        np.sum(scipy.spatial.distance.cdist(x.reshape(2, 2), np.eye(2), "sqeuclidean"))
        + np.sum(scipy.spatial.distance.pdist(x.reshape(2, 2)))
    ),
    "entropy and scores": lambda x: scipy.stats.entropy(x) + np.sum(scipy.stats.zscore(x) ** 3),
    "rosen": scipy.optimize.rosen,
    "flat": lambda x: sum(v * k for k, v in enumerate(np.outer(x, x).flat)),
    "an array": lambda x: np.sum(x**2) if isinstance(x, np.ndarray) else x[0],
    "a number": lambda x: x[0] * x[1] if isinstance(x[0], float) else x[2],
    "a number of NumPy's": lambda x: x[0] ** 3 if isinstance(x[0], np.floating) else x[2],
    "match": matched,
    "singledispatch": lambda x: dispatched(x) + dispatched(x[:2]),
    "tolist": lambda x: sum(v * k for k, v in enumerate(x.tolist())) + x[1].tolist(),
    "np.array of numbers": lambda x: np.linalg.det(np.array([[x[0], 2.0], [x[1] ** 2, x[2]]])),
    "np.array of an array": lambda x: np.sum(np.array(x) * np.asarray(x)),
    "np.array of arrays": lambda x: np.sum(np.array([x, 2.0 * x[::-1], [1.0, 2.0, 3.0, 4.0]]) ** 2),
    "np.array, dtype": lambda x: np.sum(np.array([x[0], 1.0], dtype=float) ** 2),
    "np.zeros": lambda x: np.sum(written(np.zeros(4), x) ** 2),
    "np.empty": lambda x: np.sum(written(np.empty(4), x) ** 2),
    "np.array of constants": lambda x: np.sum(written(np.array([1.0, 2.0, 3.0, 4.0]), x) ** 2),
    "np.full": lambda x: np.sum(np.full((2, 3), x[0]) ** 2) + x[1],
    "functions of lists": lambda x: np.sum([v**2 for v in x]) + np.dot([x[0], x[1]], [2.0, 3.0]),
    "norm of a list": lambda x: np.linalg.norm([x[0], x[1], 1.0]) + np.mean([x[2], x[3]]),
    "math": lambda x: math.exp(x[0]) * math.sin(x[1]) + math.log(x[2], 2.0) + math.pow(x[3], 2),
    "math of lists": lambda x: math.prod([x[0], x[1], 2.0]) + math.fsum([x[2], x[3]]),
    "max and min": lambda x: max(x[0], x[1]) * min(x) + max([x[2], 0.5]),
    "sorted": lambda x: sum(k * v for k, v in enumerate(sorted(x))),
    "in a function that it calls": lambda x: helper([x[0], x[1]]),
    "vstack of numbers": lambda x: np.sum(np.vstack([x[0], x[1] * 2.0]) ** 2),
    "hstack of numbers": lambda x: np.prod(np.hstack([x[0], x[1], 3.0])),
}


@pytest.mark.each("strategy", symdiff.STRATEGIES)
@pytest.mark.each("f", IDIOMS.values(), ids=IDIOMS)
def test_the_value_and_the_gradient_are_those_of_the_function(strategy, f):
    gradient = symdiff.gradient(f, x=(4,), strategy=strategy)
    value, partials = gradient.value_and_gradient(x=X)
    assert value == pytest.approx(float(f(X)), rel=1e-12)
    h = 1e-6 * np.eye(4)
    expected = [(f(X + e) - f(X - e)) / 2e-6 for e in h]
    np.testing.assert_allclose(partials["x"], expected, rtol=1e-7, atol=1e-8)


@pytest.mark.each("strategy", symdiff.STRATEGIES)
@pytest.mark.each("f", [lambda x: x[x.argmax()], lambda x: np.sum(x.argsort() * x)])
def test_a_method_that_chooses_places_says_what_to_write(strategy, f):
    with pytest.raises((symdiff.Untraceable, TypeError), match=r"np\.|index"):
        symdiff.gradient(f, x=(4,), strategy=strategy)


LOGARITHMS = {
    "norm": (X, (0.3, 1.5)),
    "expon": (X, (0.1, 1.5)),
    "laplace": (X, (0.3, 1.5)),
    "logistic": (X, (0.3, 1.5)),
    "cauchy": (X, (0.3, 1.5)),
    "gumbel_r": (X, (0.3, 1.5)),
    "halfnorm": (X, (0.1, 1.5)),
    "rayleigh": (X, (0.1, 1.5)),
    "t": (X, (3.0, 0.2, 1.5)),
    "gamma": (X, (2.5, 0.1, 1.5)),
    "chi2": (X, (3.5, 0.1, 1.5)),
    "invgamma": (X, (2.5, 0.1, 1.5)),
    "lognorm": (X, (0.8, 0.1, 1.5)),
    "pareto": (X + 2, (1.7, 0.1, 1.5)),
    "weibull_min": (X, (1.7, 0.1, 1.5)),
    "beta": (X / 4, (2.5, 1.7, 0.01, 1.5)),
    "poisson": (np.array([0, 3, 1]), (2.5,)),
    "binom": (np.array([0, 3, 5, 6]), (5, 0.3)),
    "bernoulli": (np.array([0, 1, 1]), (0.3,)),
    "geom": (np.array([1, 3, 2]), (0.3,)),
    "nbinom": (np.array([0, 3, 1]), (2.5, 0.3)),
}


@pytest.mark.each("name", LOGARITHMS)
def test_a_density_and_its_gradient_by_points_and_parameters(name):
    points, parameters = LOGARITHMS[name]
    distribution = getattr(scipy.stats, name)
    ending = "pmf" if points.dtype == int else "pdf"
    logarithm = getattr(distribution, f"log{ending}")

    def f(x, p):
        at = points if ending == "pmf" else x
        first = [5.0] if name == "binom" else [p[0]]
        rest = [p[k] for k in range(1, len(parameters))]
        density = getattr(distribution(*first, *rest), ending)(at)
        logs = getattr(distribution, f"log{ending}")(at, *first, *rest)
        return np.sum(np.where(density > 0, logs, 0.0)) + np.sum(density)

    p = np.array(parameters)
    value, partials = symdiff.gradient(f, x=points.shape, p=p.shape).value_and_gradient(
        x=points, p=p
    )
    assert value == pytest.approx(f(points, p), rel=1e-9)
    assert np.isfinite(logarithm(points, *parameters)).sum() >= 3
    for own, at in (("x", np.eye(len(points))), ("p", np.eye(len(p)))):
        steps = 1e-6 * at
        inputs = {"x": points, "p": p}
        expected = [
            (f(**{**inputs, own: inputs[own] + s}) - f(**{**inputs, own: inputs[own] - s})) / 2e-6
            for s in steps
        ]
        np.testing.assert_allclose(partials[own], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.each("strategy", symdiff.STRATEGIES)
def test_the_normal_density_of_vectors(strategy):
    def f(x):
        spread = np.outer(x[:2], x[:2]) + np.eye(2)
        frozen = scipy.stats.multivariate_normal(np.zeros(2), np.eye(2))
        return scipy.stats.multivariate_normal.logpdf(x[2:], x[:2], spread) + frozen.pdf(x[:2])

    value, partials = symdiff.gradient(f, x=(4,), strategy=strategy).value_and_gradient(x=X)
    assert value == pytest.approx(f(X), rel=1e-12)
    expected = [(f(X + e) - f(X - e)) / 2e-6 for e in 1e-6 * np.eye(4)]
    np.testing.assert_allclose(partials["x"], expected, rtol=1e-7, atol=1e-8)


def matrix_of(x):
    return np.outer(x, x) + np.eye(4)


def solved(x):
    return np.linalg.solve(matrix_of(x), x)[0]


def by_stack(x):
    try:
        return np.linalg.cholesky(np.stack([x[:2], np.stack([x[1], 9.0 * x[2]])]))[0, 0]
    except np.linalg.LinAlgError:
        return x[2] ** 2


def by_array(x):
    try:
        return np.linalg.cholesky(np.array([[x[0], 5.0], [5.0, x[1]]]))[0, 0]
    except (ValueError, KeyError):
        return x[2] ** 2


def in_a_helper(x):
    try:
        return solved(x)
    except:  # noqa: E722
        return 0.0


def suppressed(x):
    result = x[0]
    with contextlib.suppress(Exception):
        result = np.linalg.inv(matrix_of(x))[0, 0]
    return result


def of_scipy(x):
    try:
        return scipy.linalg.cho_factor(matrix_of(x))[0][0, 0]
    except scipy.linalg.LinAlgError:
        return x[2] ** 2


def of_math(x):
    try:
        return math.log(x[0])
    except ValueError:
        return -1e9 * x[0]


def refusal_as_a_branch(x):
    try:
        return x[0] if x[0] > 1 else x[1]
    except Exception:
        return x[2] ** 2


def conversion_as_a_branch(x):
    try:
        return 2.0 * int(x[0])
    except TypeError:
        return x[2] ** 2


def unknown_as_a_branch(x):
    try:
        return np.unique(x)[0]
    except Exception:
        return x[2] ** 2


def attribute_as_a_branch(x):
    return x[0] if hasattr(x, "nbytes") else x[2] ** 2


@pytest.mark.each("strategy", symdiff.STRATEGIES)
@pytest.mark.each(
    "f",
    [
        *(by_stack, by_array, in_a_helper, suppressed, of_scipy, of_math),
        *(refusal_as_a_branch, conversion_as_a_branch, unknown_as_a_branch, attribute_as_a_branch),
    ],
)
def test_an_error_is_no_branch_of_a_formula(strategy, f):
    with pytest.raises(TypeError, match=r"in a `try`|not known|become int|np\.unique"):
        symdiff.gradient(f, x=(4,), strategy=strategy)


def by_type(x):
    try:
        return math.exp(x[0])
    except TypeError:
        return np.exp(x[0])


def by_key(x):
    try:
        k = {}["a"]
    except KeyError:
        k = 2.0
    return k * solved(x)


def released(x):
    try:
        with np.errstate(all="ignore"):
            return solved(x)
    finally:
        x = None


def of_an_array(x):
    try:
        return float(x)
    except TypeError:
        return np.sum(x**2)


@pytest.mark.each("strategy", symdiff.STRATEGIES)
@pytest.mark.each("f", [by_type, by_key, released, of_an_array])
def test_an_error_that_numbers_raise_as_well_is_caught(strategy, f):
    gradient = symdiff.gradient(f, x=(4,), strategy=strategy)
    assert gradient.value_and_gradient(x=X)[0] == pytest.approx(f(X), rel=1e-12)


def test_a_refusal_is_in_the_words_for_the_function_as_it_stands():
    with pytest.raises(TypeError, match="the truth of a traced value is not known"):
        symdiff.gradient(lambda x: np.array([x[0], 1.0])[0] if x[0] > 1 else x[1], x=(4,))
    with pytest.raises(TypeError, match="cannot become a NumPy array"):
        symdiff.gradient(lambda x: np.array([x[0], "1.0"])[0], x=(4,))
