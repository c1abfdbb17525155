"""Small arrays that are put together from numbers: their steps become loops on numbers."""

import numpy as np
import pytest

import autodiff


@pytest.fixture(autouse=True)
def _short_loops(monkeypatch):
    for name in ("SHORTEST", "SHORTEST_OF_ARRAYS"):
        monkeypatch.setattr(f"autodiff.plan.tracing.rerolling.{name}", 100)
    monkeypatch.setattr("autodiff.plan.tracing.small._FEWEST", 8)


def _stepped(slope, u, *p):
    """Return the state after some steps of the midpoint rule."""
    for _ in range(20):
        u = u + 0.02 * slope(u + 0.01 * slope(u, *p), *p)
    return np.sum(u * u)


def _unpacked(u, p):
    x, v = u
    return np.array([v, -p[0] * np.sin(x) - 0.1 * v])


def _by_rows(u, p):
    return np.array([[u[0, 1], -u[0, 0]], [u[1, 0] * p[0], -u[1, 1]]]).T * p


SLOPES = {
    "stack": (lambda u, p: np.stack([p[0] * (u[1] - u[0]), u[0] * (p[1] - u[1])]), (2,)),
    "unpacked": (_unpacked, (2,)),
    "numbers": (lambda u, p: np.array([u[1], -p[0] * u[-4], 0.0, 1]), (4,)),
    "slices": (lambda u, p: np.concatenate([u[1:], np.array([-p[0] * u[0]])]), (3,)),
    "constants": (lambda u, p: np.array([u[1], -u[0]]) * np.array([1.5, p[0]]) / 2, (2,)),
    "matrix": (_by_rows, (2, 2)),
    "kinks": (lambda u, p: np.maximum(np.array([u[1], u[1], 0.0]), [p[0], 0.1, 0.0]), (3,)),
    "squares": (lambda u, p: np.array([u[1], -p[0]]) * np.sum(np.array([u[0], u[1]]) ** 2), (2,)),
}
#: What has steps that are none on numbers stays as it is.
OTHERS = {
    "product": lambda u, p: np.array([[0.0, 1.0], [-1.0, 0.0]]) @ np.array([u[0] * p[0], u[1]]),
    "single": lambda u, p: np.array([u[1], -p[0] * u[0]], dtype=np.float32),
    "complex": lambda u, p: np.real(1j * np.array([u[1], -p[0] * u[0]]) ** 2),
    "chosen": lambda u, p: np.array([u[1], -p[0] * u[0]])[np.array([1, 0])],
}


def _held_against_eager(slope, shape, transform):
    u, p = np.linspace(0.3, 0.7, int(np.prod(shape))).reshape(shape), np.array([0.4, 1.1])
    eager = transform(lambda u, p: _stepped(slope, u, p))
    plan = autodiff.compile(eager)
    for given in ((u, p), (u[::-1] + 0.1, p * 0.9)):
        for found, wanted in zip(_leaves(plan(*given)), _leaves(eager(*given)), strict=True):
            assert (type(found), found.dtype) == (type(wanted), wanted.dtype)
            np.testing.assert_allclose(found, wanted, 1e-5 if slope is OTHERS["single"] else 1e-12)
    return plan.plan(u, p)


def _leaves(x):
    return [y for part in x for y in _leaves(part)] if isinstance(x, tuple) else [x]


def _value_and_grad(f):
    return autodiff.value_and_grad(f, (0, 1))


def _jvp(f):
    return lambda u, p: autodiff.jvp(f, (u, p), (np.ones_like(u), np.ones_like(p)))


@pytest.mark.parametrize("name", SLOPES)
def test_steps_on_small_arrays_become_loops_on_numbers(name):
    slope, shape = SLOPES[name]
    plan = _held_against_eager(slope, shape, _value_and_grad)
    assert plan.numbers
    assert plan.source.count("\n    for ") == 2
    # Forward alone, and tangents, whose steps take values from further back than there are steps.
    _held_against_eager(slope, shape, lambda f: f)
    _held_against_eager(slope, shape, _jvp)


@pytest.mark.parametrize("name", OTHERS)
def test_steps_that_are_none_on_numbers_stay(name):
    assert not _held_against_eager(OTHERS[name], (2,), _value_and_grad).numbers


def test_arrays_that_are_results_are_put_together():
    def path(u):
        found = []
        for _ in range(40):
            u = u + 0.01 * np.array([u[1], -u[0]])
            found.append(u)
        return np.stack(found), u, u[0], u[::-1]

    u = np.array([0.3, 0.4])
    plan = autodiff.compile(path)
    for given in (u, 2 * u):
        for found, wanted in zip(plan(given), path(given), strict=True):
            np.testing.assert_allclose(found, wanted, 1e-12)


def test_a_branch_on_an_element_is_decided_anew():
    def f(u):
        for _ in range(40):
            u = u + 0.1 * np.array([u[1], -u[0]])
            if u[0] > 1.0:
                u = u * 0.5
        return np.sum(u)

    gradient = autodiff.grad(f)
    plan = autodiff.compile(gradient)
    for u in ([0.3, 0.4], [2.0, 0.4], [0.3, 0.4]):
        np.testing.assert_allclose(plan(np.array(u)), gradient(np.array(u)), 1e-12)
