"""NumPy's array functions against NumPy itself, and their gradients against differences."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from symdiff import gradient

A, V, W = (2, 3), (3,), (3, 2)
CASES = {
    "sum": (lambda a: np.sum(np.sum(a, axis=0) ** 2), A),
    "sum keepdims": (lambda a: np.sum(a / np.sum(np.exp(a), axis=1, keepdims=True)), A),
    "mean": (lambda a: np.mean(a**2) + np.sum(a.mean(axis=-1) ** 3), A),
    "prod": (lambda a: np.prod(a), (2, 4)),
    "max": (lambda a: np.sum(np.max(a, axis=1)) + a.max() + np.min(a), A),
    "var std": (lambda a: np.var(a) + np.sum(np.std(a, axis=0, ddof=1)), A),
    "norm": (lambda a: np.linalg.norm(a) + np.sum(np.linalg.norm(a, axis=1)), A),
    "matmul": (lambda a: np.sum((a @ a.T) ** 2), A),
    "matvec": (lambda a: np.sum(np.tanh(a @ np.arange(3.0))) + np.sum(np.ones(2) @ a), A),
    "batched matmul": (lambda a: np.sum((a @ np.ones((2, 3, 2))) ** 2), (2, 2, 3)),
    "stack by matrix": (lambda a: np.sum((a @ np.arange(6.0).reshape(3, 2)) ** 2), (2, 2, 3)),
    "dot": (lambda v: np.dot(v, v) + v.dot(v) * np.dot(2.0, v).sum(), V),
    "inner outer vdot": (lambda v: np.inner(v, v) * np.sum(np.outer(v, v)) + np.vdot(v, v), V),
    "tensordot": (lambda a: np.sum(np.tensordot(a, a, axes=([1], [1])) ** 2), A),
    "einsum": (lambda a: np.einsum("ij,kj->", a, a) + np.sum(np.einsum("ij->ji", a) ** 2), A),
    "einsum diagonal": (
        lambda a: np.einsum("ii", a) ** 2 + np.sum(np.einsum("ii->i", a) ** 3),
        (3, 3),
    ),
    "trace diag": (lambda a: np.trace(a @ a) + np.sum(np.diag(a) ** 2), (3, 3)),
    "transpose": (lambda a: np.sum(np.transpose(a)[0] ** 2 * a.T[1]), A),
    "axes": (lambda a: np.sum(np.moveaxis(a, 0, 1)[0] * np.swapaxes(a, 0, 1)[1]), A),
    "reshape": (lambda a: np.sum(a.reshape(3, 2)[:, 0] ** 2 * np.ravel(a)[1:4]), A),
    "expand": (lambda v: np.sum(np.expand_dims(v, 0) * v[:, None]) ** 2, V),
    "squeeze": (lambda v: np.sum(np.squeeze(v[None]) ** 2) + np.sum(np.atleast_2d(v) ** 3), V),
    "broadcast_to": (lambda v: np.sum(np.broadcast_to(v, (2, 3)) ** 2), V),
    "join": (
        lambda v: np.prod(np.concatenate([v, np.ones(2)])) + np.sum(np.stack([v, v**2]) ** 2),
        V,
    ),
    "stacks": (lambda v: np.sum(np.vstack([v, v]) @ np.hstack([v])), V),
    "clip": (lambda v: np.sum(np.clip(v, 0.2, 0.9) ** 2) + np.sum(v.clip(0.1)), V),
    "cumsum": (lambda v: np.sum(np.cumsum(v) ** 2) + np.sum(np.cumprod(v)), V),
    "like": (lambda v: np.sum(v * np.ones_like(v) + np.zeros_like(v) + np.full_like(v, v[0])), V),
    "diff": (lambda a: np.sum(np.diff(a) ** 2) + np.sum(np.diff(a, axis=0) ** 3), A),
    "flip roll": (lambda v: np.sum(np.flip(v) * v**2) + np.sum(np.roll(v, 1) * v), V),
    "tile repeat": (lambda v: np.sum(np.tile(v, 2) * np.repeat(v, 2)), V),
    "split": (lambda v: np.sum(np.split(v, 3)[1] ** 2), V),
    "reduce": (lambda v: np.add.reduce(v**2) * np.multiply.reduce(v) + np.maximum.reduce(v), V),
    "ufunc outer": (lambda v: np.sum(np.subtract.outer(v, v**2) ** 2), V),
    "triangle": (lambda a: np.sum(np.tril(a) ** 2 * np.triu(a)), (2, 2)),
    "pad": (
        lambda v: np.prod(np.pad(v, 1, constant_values=2.0)) + np.sum(np.pad(v, (0, 2)) ** 2),
        V,
    ),
    "pad edge": (lambda v: np.prod(np.pad(v, 1, mode="edge")), V),
    "pad traced": (lambda v: np.prod(np.pad(v, 1, constant_values=v[0])), V),
    "append block": (
        lambda v: np.prod(np.append(v, 2.0)) + np.sum(np.block([[v, 3.0], [np.ones(4)]]) ** 2),
        V,
    ),
    "broadcast arrays": (lambda v: np.sum(np.prod(np.broadcast_arrays(v, 2.0)[0]) + v), V),
    "take delete": (lambda v: np.prod(np.take(v, [0, 2])) + np.sum(np.delete(v, 1) ** 2), V),
    "logic": (lambda a: np.sum(np.where(np.any(a > 0.5, axis=0), a, a**2)), A),
    "shape": (lambda v: np.sum(v) / v.shape[0] / np.size(v) / len(v) / np.ndim(v), V),
    "iterate": (lambda v: sum(x**2 for x in v), V),
    "index": (lambda a: a[0, 1] * a[1, -1] + np.sum(a[:, [0, 2]] ** 2), A),
    "array api": (lambda a: xp.sum(xp.matmul(a, xp.permute_dims(a, (1, 0)))) + xp.mean(a.mT**2), A),
    "array api 2": (
        lambda v: xp.sum(xp.concat([v, v]) ** 2) + xp.vecdot(v, v) + xp.pow(v[0], 3),
        V,
    ),
    "softmax": (lambda v: np.log(np.sum(np.exp(v - np.max(v)))) + np.max(v), V),
}


@pytest.mark.each("name", CASES)
def test_value_and_gradient(name, rng, differences):
    body, shape = CASES[name]

    def f(x):
        return body(x)

    point = {"x": rng.uniform(0.15, 1.0, size=shape)}
    value, found = gradient(f, x=shape).value_and_gradient(**point)
    np.testing.assert_allclose(value, f(**point), rtol=1e-13)
    differences(f, found, point)


def test_ties_share_the_derivative():
    assert gradient(lambda x, y: np.maximum(x, y), x=(), y=())(x=1, y=1) == {"x": 0.5, "y": 0.5}
    assert gradient(lambda x, y: np.minimum(x, y), x=(), y=())(x=1, y=1) == {"x": 0.5, "y": 0.5}
    found = gradient(lambda x: np.max(x), x=(4,))(x=[2, 1, 2, 2])["x"]
    np.testing.assert_allclose(found, [1 / 3, 0, 1 / 3, 1 / 3])
    assert gradient(lambda x: abs(x), x=())(x=0) == {"x": 0.0}


def test_empty_arrays():
    g = gradient(lambda x, y: np.sum(x) + y * np.prod(x), x=(0, 3), y=())
    value, found = g.value_and_gradient(x=np.zeros((0, 3)), y=2)
    assert value == 2.0
    assert found["x"].shape == (0, 3)
    assert found["y"] == 1.0
    with pytest.raises(ValueError, match="empty array has no maximum"):
        gradient(lambda x: np.max(x), x=(0,))


def test_shapes_that_do_not_align():
    with pytest.raises(ValueError, match=r"matmul: shapes \(3, 2\) and \(4, 5\) do not align"):
        gradient(lambda a, b: np.sum(a @ b), a=(3, 2), b=(4, 5))
