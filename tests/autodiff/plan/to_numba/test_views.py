"""Loops of Numba's and what they read: views of what they write, and arguments in any layout."""

import numpy as np
import pytest

import autodiff

pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)

from autodiff.plan.to_numba.source import print_kernels

VIEWS = {
    "transposed": lambda y: y.T,
    "reversed": lambda y: y[::-1],
    "reversed along": lambda y: y[:, ::-1],
    "first element": lambda y: y[0, 0],
    "first row": lambda y: y[0],
    "first column": lambda y: y[:, :1],
    "row from below": lambda y: y[-1:],
    "rolled": lambda y: np.roll(y, 1, axis=1),
    "slices put together": lambda y: np.concatenate([y[1:], y[:1]]),
    "every second": lambda y: np.repeat(y[:, ::2], 2, axis=1),
    "reshaped": lambda y: np.reshape(np.reshape(y.T, (2, 8)), (4, 4)),
    "broadcast row": lambda y: np.broadcast_to(y[2], (4, 4)),
    "sum along": lambda y: np.sum(y, axis=0),
    "largest": lambda y: np.max(y),
    "diagonal": lambda y: np.diagonal(y),
}
JOINED = {
    "added": lambda y, v: y + v,
    "multiplied, first": lambda y, v: v * y,
    "largest": np.maximum,
    "sum": lambda y, v: np.sum(y * v),
    "sum along": lambda y, v: np.sum(y * v, axis=0),
    "inner": lambda y, v: np.vdot(y, np.broadcast_to(v, y.shape)),
    "product": lambda y, v: y @ np.broadcast_to(v, y.shape)[0],
    "of a product": lambda y, v: np.tanh((y @ y) * v) - v,
}


def _same(found, expected):
    for x, y in zip(*(autodiff.core.pytrees.flatten(z)[0] for z in (found, expected)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-13)


def _as_text(outputs, exact):
    return str(outputs)


@pytest.mark.exhaustive
@pytest.mark.each("view", list(VIEWS))
@pytest.mark.each("joined", list(JOINED))
def test_no_loop_reads_at_other_positions_than_it_writes(joined, view, rng, monkeypatch):
    # Steps and their check alone: a plan takes seconds to compile.
    checked = []

    def steps(name, program, *others):
        checked.append(print_kernels(program, others[0], _as_text, name).fused)
        return "only looked at"

    monkeypatch.setattr("autodiff.plan.to_numba.plan.numba_plan", steps)

    def f(x):
        y = np.exp(x)
        return JOINED[joined](y, VIEWS[view](y))

    autodiff.compile(f, backend="numba")(rng.normal(size=(4, 4)))
    loss = autodiff.grad(lambda x: np.sum(np.sin(f(x))))
    autodiff.compile(loss, backend="numba")(rng.normal(size=(4, 4)))
    assert len(checked) == 2


def test_loops_that_read_views_of_what_they_write(rng):
    def together(x):
        y = np.exp(x)
        return [y * view(y) for view in VIEWS.values()]

    def sums(x):
        y = np.exp(x)
        return [f(y, VIEWS["transposed"](y)) for f in JOINED.values()]

    for f in (together, sums):
        compiled = autodiff.compile(f, backend="numba")
        for _ in range(3):
            x = rng.normal(size=(4, 4))
            _same(compiled(x), f(x))
        assert compiled.plan(x).backend == "numba", compiled.plan(x).note


def _strided(x):
    wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan)
    wide[..., ::2] = x
    return wide[..., ::2]


def _read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


def _unaligned(x):
    octets = np.zeros(x.nbytes + 1, np.uint8)
    made = octets[1:].view(x.dtype).reshape(x.shape)
    made[...] = x
    return made


LAYOUTS = {
    "C": np.ascontiguousarray,
    "strided": _strided,
    "Fortran": np.asfortranarray,
    "reversed": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "turned": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "read-only": _read_only,
    "unaligned": _unaligned,
    "broadcast": lambda x: np.broadcast_to(x, (2, *x.shape))[1],
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", ["C", "unaligned"])
def test_arguments_in_every_layout(first, rng):
    def loss(x, w, v):
        y = np.tanh(x @ w) * v
        return np.sum(y[::-1] * y) + np.sum(np.linalg.inv(w.T @ w) * w[0]) + np.max(x.T @ x)

    both = autodiff.value_and_grad(loss, (0, 1, 2))
    compiled = autodiff.compile(both, backend="numba")
    for layout in (LAYOUTS[first], *LAYOUTS.values()):
        args = [rng.normal(size=shape) for shape in ((5, 3), (3, 3), (3,))]
        args[1] += 3.0 * np.eye(3)
        _same(compiled(*map(layout, args)), both(*args))
    assert len(compiled.plans()) == 1
    assert compiled.plan(*args).backend == "numba"


@pytest.mark.exhaustive
def test_arguments_of_other_types_and_shapes_after_one_another(rng):
    def loss(x, y):
        return np.sum(np.sin(x) * y), x * 2.0

    compiled = autodiff.compile(loss, backend="numba")
    arguments = [
        (np.ones((2, 3)), np.ones(3)),
        (np.ones((2, 3), np.float32), np.ones(3, np.float32)),
        (np.ones((3, 2, 3)), np.ones((1, 3))),
        (np.ones((2, 3), ">f8"), np.ones(3)),
        (np.ones((0, 3)), np.ones(3)),
        (np.array(0.5), np.ones(3)),
        (np.arange(6).reshape(2, 3), np.ones(3)),
        (0.5, np.ones(3)),
    ]
    for _ in range(2):
        for args in arguments:
            for found, expected in zip(compiled(*args), loss(*args), strict=True):
                assert np.shape(found) == np.shape(expected)
                np.testing.assert_allclose(found, expected, rtol=1e-6)


#: Indices of an array of shape (3, 4, 2) whose positions are known.
CHOSEN = (
    np.array([2, 0, 0, -1]),
    (np.array([0, 2]), slice(None)),
    (np.array([[0, 2], [1, 1]]), np.array([3, -1])),
    (slice(None), np.array([3, 1])),
    (slice(1, None), slice(None), np.array([1, 0, 1])),
    (np.array([1, 0]), slice(None, None, 2), np.array([1, 1])),
    (..., np.array([1, 0])),
    (None, np.array([1, 1])),
    np.array([True, False, True]),
    (np.array([[True, False, True, True]] * 3), 1),
    [1, 2],
)


@pytest.mark.sampled(3)
@pytest.mark.each("view", [lambda x: x[::-1, :, ::-1], lambda x: x, lambda x: x.T.reshape(3, 4, 2)])
def test_what_lies_at_known_positions_is_taken_and_added(rng, view):
    weights = [rng.normal(size=np.empty((3, 4, 2))[i].shape) for i in CHOSEN]

    def f(x):
        y = view(np.sin(x))
        return [np.cos(y[i]) * w for i, w in zip(CHOSEN, weights, strict=True)]

    def both(x):
        return f(x), autodiff.grad(lambda x: sum(np.sum(part) for part in f(x)))(x)

    x = rng.normal(size=view(np.empty((3, 4, 2))).shape)
    x = x if view(x).shape == (3, 4, 2) else rng.normal(size=(2, 4, 3))
    step = autodiff.compile(both, backend="numba")
    for point in (x, 2.0 * x):
        parts, x_bar = step(point)
        expected, expected_bar = both(point)
        for found, wanted in zip(parts, expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-13)
        np.testing.assert_allclose(x_bar, expected_bar, rtol=1e-12, atol=1e-14)
    source = step.plan(x).source
    assert "def gather_" in source
    assert "scatter(" not in source
