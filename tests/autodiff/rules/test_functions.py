"""Every NumPy function that tensors answer: plain NumPy's value, and gradients that agree."""

import importlib.util
import inspect
import operator
from pathlib import Path

import numpy as np
import pytest
import scipy.special as sp

import autodiff
import autodiff.rules.special  # its functions of several results are handled ones
from autodiff.core.primitive import FUNCTIONS

MASK = np.array([[True, False, True], [False, True, True]])
A, B, C = (2, 3), (3, 4), (2, 3, 4)

#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.sum: [
        (lambda x: np.sum(x), [A]),
        (lambda x: np.sum(x, 0), [A]),
        (lambda x: np.sum(x, axis=(0, -1), keepdims=True), [C]),
        (lambda x: np.sum(x, axis=()), [A]),
        (lambda x: np.sum(x, axis=1), [(2, 0)]),
        (lambda x: np.sum(x), [()]),
        (lambda x: np.add.reduce(x), [A]),
        (lambda x: np.add.reduce(x, axis=None), [A]),
    ],
    np.mean: [
        (lambda x: np.mean(x), [A]),
        (lambda x: np.mean(x, axis=-1), [A]),
        (lambda x: np.mean(x, (0, 2), keepdims=True), [C]),
        (lambda x: np.mean(x), [()]),
    ],
    np.var: [
        (lambda x: np.var(x), [A]),
        (lambda x: np.var(x, axis=0, keepdims=True), [A]),
        (lambda x: np.var(x, axis=(0, 2), ddof=1), [C]),
    ],
    np.std: [
        (lambda x: np.std(x), [A]),
        (lambda x: np.std(x, axis=1, ddof=1, keepdims=True), [A]),
    ],
    np.max: [
        (lambda x: np.max(x), [A]),
        (lambda x: np.max(x, axis=(0, 1)), [C]),
        (lambda x: np.amax(x, -1, keepdims=True), [A]),
        (lambda x: np.maximum.reduce(x), [A]),
    ],
    np.min: [
        (lambda x: np.min(x), [A]),
        (lambda x: np.amin(x, axis=0), [A]),
        (lambda x: np.minimum.reduce(x, axis=1, keepdims=True), [A]),
    ],
    np.prod: [
        (lambda x: np.prod(x), [A]),
        (lambda x: np.prod(x, axis=(0, 2), keepdims=True), [C]),
        (lambda x: np.prod(x, axis=1), [(2, 0)]),
        (lambda x: np.prod(x, axis=1), [(0, 3)]),
        (lambda x: np.multiply.reduce(x), [A]),
    ],
    np.cumsum: [
        (lambda x: np.cumsum(x), [A]),
        (lambda x: np.cumsum(x, axis=-2), [A]),
        (lambda x: np.add.accumulate(x), [A]),
    ],
    np.clip: [
        (lambda x: np.clip(x, -0.5, 0.5), [A]),
        (lambda x: np.clip(x, None, 0.5), [A]),
        (lambda x: np.clip(x, min=-0.5), [A]),
        (lambda x: np.clip(x, min=0, max=1), [A]),
        (lambda x, low: np.clip(x, low, low + 1.0), [A, (3,)]),
    ],
    np.linalg.norm: [
        (lambda x: np.linalg.norm(x), [A]),
        (lambda x: np.linalg.norm(x), [C]),
        (lambda x: np.linalg.norm(x, 2), [(3,)]),
        (lambda x: np.linalg.norm(x, "fro", keepdims=True), [A]),
        (lambda x: np.linalg.norm(x, axis=1, keepdims=True), [A]),
        (lambda x: np.linalg.norm(x, axis=(0, 2)), [C]),
    ],
    np.diff: [
        (lambda x: np.diff(x), [A]),
        (lambda x: np.diff(x, 2, axis=0), [(5, 2)]),
    ],
    np.dot: [
        (lambda x, y: np.dot(x, y), [A, B]),
        (lambda x, y: np.dot(x, y), [(), A]),
        (lambda x, y: np.dot(x, y), [A, (5, 3, 4)]),
        (lambda x, y: np.dot(x, y), [C, (4,)]),
        (lambda x: np.dot([1.0, 2.0, 3.0], x), [(3,)]),
    ],
    np.vdot: [(lambda x, y: np.vdot(x, y), [A, (3, 2)])],
    np.inner: [
        (lambda x, y: np.inner(x, y), [(3,), (3,)]),
        (lambda x, y: np.inner(x, y), [A, (5, 4, 3)]),
        (lambda x, y: np.inner(x, y), [(), (3,)]),
    ],
    np.outer: [(lambda x, y: np.outer(x, y), [(3,), (2,)]), (lambda x: np.outer(x, x), [A])],
    np.tensordot: [
        (lambda x, y: np.tensordot(x, y), [(2, 3, 4), (3, 4, 2)]),
        (lambda x, y: np.tensordot(x, y, 1), [A, B]),
        (lambda x, y: np.tensordot(x, y, 0), [(2,), (3,)]),
        (lambda x, y: np.tensordot(x, y, axes=([0, -1], [1, 0])), [C, (4, 2, 5)]),
        (lambda x, y: np.tensordot(x, y, axes=(1, -2)), [A, (3, 2)]),
    ],
    np.trace: [(lambda x: np.trace(x), [A]), (lambda x: np.trace(x, 1), [A])],
    np.diagonal: [
        (lambda x: np.diagonal(x), [A]),
        (lambda x: np.diagonal(x, -1), [A]),
        (lambda x: np.diagonal(x, offset=5), [A]),
    ],
    np.diag: [
        (lambda x: np.diag(x), [A]),
        (lambda x: np.diag(x, 1), [(3,)]),
        (lambda x: np.diag(x, k=-2), [(3,)]),
    ],
    np.tril: [(lambda x: np.tril(x), [C]), (lambda x: np.tril(x, 1), [(3,)])],
    np.triu: [(lambda x: np.triu(x, k=-1), [C]), (lambda x: np.triu(x), [(3,)])],
    np.take: [
        (lambda x: np.take(x, 4), [A]),
        (lambda x: np.take(x, [[0, 2], [2, 2]], axis=1), [A]),
        (lambda x: np.take(x, np.array([1, -1]), 0), [A]),
    ],
    operator.getitem: [
        (lambda x: x[1], [A]),
        (lambda x: x[..., None, ::-1], [A]),
        (lambda x: x[[0, 0, 1], [2, 2, 0]], [A]),
        (lambda x: x[[]], [A]),
        (lambda x: x[MASK], [A]),
        (lambda x: x[True], [A]),
        (lambda x: x[:, [True, False, True]], [A]),
        (lambda x: x[()], [()]),
        (lambda x: x[np.array([[0, 1]]), 1:], [A]),
        (lambda x: x[np.int64(1), np.array(2)], [A]),
    ],
    np.reshape: [
        (lambda x: np.reshape(x, (3, -1)), [A]),
        (lambda x: np.reshape(x, 6), [A]),
        (lambda x: np.reshape(x, (2, 3)), [A]),
        (lambda x: np.reshape(x, (1, 1)), [()]),
    ],
    np.ravel: [(lambda x: np.ravel(x), [C]), (lambda x: np.ravel(x), [()])],
    np.expand_dims: [
        (lambda x: np.expand_dims(x, 0), [A]),
        (lambda x: np.expand_dims(x, (0, -1)), [A]),
    ],
    np.squeeze: [
        (lambda x: np.squeeze(x), [(1, 3, 1)]),
        (lambda x: np.squeeze(x, axis=0), [(1, 3, 1)]),
        (lambda x: np.squeeze(x, (0, -1)), [(1, 3, 1)]),
    ],
    np.atleast_1d: [(lambda x: np.atleast_1d(x), [()]), (lambda x: np.atleast_1d(x), [A])],
    np.atleast_2d: [
        (lambda x: np.atleast_2d(x), [(3,)]),
        (lambda x, y: np.atleast_2d(x, y)[1] * x, [(), A]),
    ],
    np.transpose: [
        (lambda x: np.transpose(x), [C]),
        (lambda x: np.transpose(x, (1, -1, 0)), [C]),
        (lambda x: np.permute_dims(x, (1, 0)), [A]),
        (lambda x: np.transpose(x), [(3,)]),
    ],
    np.matrix_transpose: [(lambda x: np.matrix_transpose(x), [C])],
    np.swapaxes: [(lambda x: np.swapaxes(x, 0, -1), [C])],
    np.moveaxis: [
        (lambda x: np.moveaxis(x, 0, -1), [C]),
        (lambda x: np.moveaxis(x, (0, 2), (1, 0)), [C]),
    ],
    np.broadcast_to: [
        (lambda x: np.broadcast_to(x, (2, 2, 3)), [(2, 1)]),
        (lambda x: np.broadcast_to(x, 3), [()]),
    ],
    np.concatenate: [
        (lambda x, y: np.concatenate([x, y]), [A, (1, 3)]),
        (lambda x, y: np.concatenate((x, np.ones((2, 1)), y), axis=-1), [A, (2, 0)]),
        (lambda x, y: np.concatenate([x, y], axis=None), [A, (1, 3)]),
        (lambda x: np.concat([x, x, [[1.0, 2.0, 3.0]]]), [A]),
    ],
    np.stack: [
        (lambda x, y: np.stack([x, y, x]), [A, A]),
        (lambda x: np.stack([x, 2.0], axis=-1), [()]),
        (lambda x, y: np.stack([x, y], axis=1), [A, A]),
    ],
    np.vstack: [(lambda x, y: np.vstack([x, y]), [A, (3,)])],
    np.hstack: [
        (lambda x, y: np.hstack([x, y]), [A, (2, 1)]),
        (lambda x, y: np.hstack([x, y]), [(3,), ()]),
    ],
    np.column_stack: [(lambda x, y: np.column_stack([x, y]), [(2,), A])],
    np.split: [
        (lambda x: np.split(x, 3, axis=1)[1], [A]),
        (lambda x: np.split(x, [1, 1, 5])[0] * np.split(x, [1])[1], [A]),
    ],
    np.array_split: [(lambda x: np.array_split(x, 2, axis=1)[0], [A])],
    np.flip: [(lambda x: np.flip(x), [A]), (lambda x: np.flip(x, (0, 2)), [C])],
    np.roll: [
        (lambda x: np.roll(x, 2), [A]),
        (lambda x: np.roll(x, -1, axis=1), [A]),
        (lambda x: np.roll(x, [1, 2], axis=[0, 1]), [A]),
    ],
    np.tile: [
        (lambda x: np.tile(x, 2), [A]),
        (lambda x: np.tile(x, (2, 1, 3)), [A]),
        (lambda x: np.tile(x, (2,)), [()]),
    ],
    np.where: [
        (lambda x, y: np.where(MASK, x, y), [A, (3,)]),
        (lambda x: np.where(x > 0, x, 0.1 * x), [A]),
        (lambda x: np.where([True, False, True], x, 0), [A]),
    ],
    np.astype: [
        (lambda x: np.astype(x, np.longdouble), [A]),
        (lambda x: np.astype(x, float), [A]),
        (lambda x: np.astype(x > 0, float) * x, [A]),
        (lambda x: (x > 0).astype(int) * x, [A]),
    ],
    # Without a derivative of their own: what they give is a factor.
    np.argmax: [
        (lambda x: x * np.argmax(x), [A]),
        (lambda x: x * np.argmax(x, axis=1, keepdims=True), [A]),
    ],
    np.argmin: [(lambda x: x * np.argmin(x, 0), [A])],
    np.any: [(lambda x: x * np.any(x > 0, axis=0), [A])],
    np.all: [(lambda x: x * np.all(x > 0, axis=1, keepdims=True), [A])],
    np.round: [(lambda x: x * np.round(x, 1), [A]), (lambda x: x * np.around(x), [A])],
    np.shape: [(lambda x: x * np.shape(x)[1], [A])],
    np.ndim: [(lambda x: x * np.ndim(x), [A])],
    np.size: [(lambda x: x * np.size(x) + np.size(x, 1), [A])],
    np.result_type: [(lambda x: x * np.ones(3, np.result_type(x, np.float32, 1.0)), [A])],
    np.iscomplexobj: [(lambda x: x * np.iscomplexobj(x), [A])],
    np.isrealobj: [(lambda x: x * np.isrealobj(x), [A])],
    np.zeros_like: [(lambda x: x + np.zeros_like(x) + np.zeros_like(x, float, shape=(3,)), [A])],
    np.ones_like: [(lambda x: x * np.ones_like(x), [A])],
    # Complex numbers: tests/autodiff/rules/test_complex.py.
    np.real: [(lambda x: np.real(x), [A])],
    np.imag: [(lambda x: x + np.imag(x), [A])],
    np.angle: [(lambda x: x * np.angle(x), [A]), (lambda x: x * np.angle(x, deg=True), [A])],
    np.sign: [(lambda x: x * np.sign(x), [A])],
    np.real_if_close: [(lambda x: np.real_if_close(x, tol=10), [A])],
    np.sinc: [(lambda x: np.sinc(x), [A]), (lambda x: np.sinc(x), [()])],
    np.i0: [(lambda x: np.i0(x), [A]), (lambda x: np.i0(x), [(3, 1)])],
    np.divmod: [(lambda x: np.divmod(x, 0.7)[1] * np.divmod(x, 0.7)[0], [A])],
    np.modf: [(lambda x: np.modf(x)[0] * (2.0 + np.modf(x)[1]), [A])],
    np.emath.sqrt: [(lambda x: np.emath.sqrt(x * x), [A])],
    np.emath.log: [(lambda x: np.emath.log(x * x), [A])],
    np.emath.log2: [(lambda x: np.emath.log2(x * x), [A])],
    np.emath.log10: [(lambda x: np.emath.log10(x * x), [A])],
    np.emath.logn: [(lambda x: np.emath.logn(x * x + 2, x * x), [A])],
    np.emath.power: [(lambda x: np.emath.power(x * x, x), [A])],
    np.emath.arcsin: [(lambda x: np.emath.arcsin(np.tanh(x)), [A])],
    np.emath.arccos: [(lambda x: np.emath.arccos(np.tanh(x)), [A])],
    np.emath.arctanh: [(lambda x: np.emath.arctanh(np.sin(x)), [A])],
    sp.sici: [(lambda x: sp.sici(x)[0] * sp.sici(x * x)[1], [A])],
    sp.shichi: [(lambda x: sp.shichi(x)[0] * sp.shichi(x * x)[1], [A])],
    sp.fresnel: [(lambda x: sp.fresnel(x)[0] * sp.fresnel(x)[1], [A])],
    sp.airy: [(lambda x: sp.airy(x)[0] * sp.airy(x)[1] + sp.airy(x)[2] * sp.airy(x)[3], [A])],
    sp.itj0y0: [(lambda x: sp.itj0y0(x * x)[0] * sp.itj0y0(x * x)[1], [A])],
    sp.iti0k0: [(lambda x: sp.iti0k0(x * x)[0] * sp.iti0k0(x * x)[1], [A])],
    sp.ellipj: [
        (lambda u, x: sp.ellipj(u, np.tanh(x) ** 2)[0] * sp.ellipj(u, 0.3)[2], [A, (3,)]),
        (lambda u, x: sp.ellipj(u, np.tanh(x) ** 2)[1] * sp.ellipj(u, 0.3)[3], [A, (3,)]),
    ],
}
ALIASES = {np.permute_dims, np.concat, np.amax, np.amin, np.around}


def calls_elsewhere():
    """Return the functions that other test modules of this directory have in their CALLS."""
    functions = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        if path != Path(__file__) and "\nCALLS = " in path.read_text():
            spec = importlib.util.spec_from_file_location(f"calls_of_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            functions.update(module.CALLS)
    return functions


def test_every_registered_function_is_here_or_in_a_module_beside():
    missing = set(FUNCTIONS) - set(CALLS) - ALIASES - calls_elsewhere()
    assert not missing, f"untested: {missing}"


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_strided_arrays(numpy_call, shapes, strided, agrees):
    if all(shapes):
        agrees(numpy_call, *map(strided, shapes))


@pytest.mark.each("f", FUNCTIONS)
def test_leading_parameters_are_numpys(f):
    # Were they not, np.f(t, 1) would mean one thing for arrays and another for tensors.
    try:
        theirs = inspect.signature(f).parameters.values()
    except ValueError:
        pytest.skip(f"np.{f.__name__} has no signature to compare with")
    if f is operator.getitem:
        return
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ours = inspect.signature(FUNCTIONS[f].function).parameters.values()
    names = [p.name for p in ours if p.kind in positional]
    assert names == [p.name for p in theirs if p.kind in positional][: len(names)]
    keywords = {p.name for p in ours} - set(names)
    # einsum and pad take what they pass on as **kwargs.
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in theirs):
        assert keywords <= {p.name for p in theirs}


def test_float32_is_kept(rng):
    x = rng.normal(size=A).astype(np.float32)
    for f in (
        np.mean,
        np.std,
        np.max,
        np.prod,
        np.linalg.norm,
        lambda x: np.sum(np.where(x > 0, x, 0.0)),
    ):
        value, x_bar = autodiff.value_and_grad(f)(x)
        assert (value.dtype, x_bar.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(x_bar, autodiff.grad(f)(x.astype(float)), rtol=1e-4, atol=1e-6)
    assert autodiff.grad(lambda x: np.sum(np.astype(x, float) ** 2))(x).dtype == np.float32


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.sum(x, dtype=int), autodiff.LostDerivative, "np.sum: dtype=int64 would lose"),
        (
            lambda x: np.sum(x, out=np.ones((), object)),
            autodiff.Undifferentiable,
            "np.sum: out= is not supp",
        ),
        (lambda x: np.reshape(x, (4, 4)), ValueError, "reshape: cannot reshape"),
        (lambda x: np.squeeze(x, 0), ValueError, "squeeze: axis 0 of shape"),
        (lambda x: np.split(x, 2, axis=1), ValueError, "equal division"),
        (lambda x: np.moveaxis(x, (0, 1), 0), ValueError, "moveaxis: 2 source axes"),
        (lambda x: np.tensordot(x, x, 1), ValueError, "tensordot: axes"),
        (lambda x: np.tensordot(x, x, ([5], [1])), ValueError, "out of bounds"),
        (lambda x: np.diag(np.stack([x, x])), ValueError, "1 or 2 axes"),
        (lambda x: np.astype(x, int), TypeError, "lose its derivative"),
        (lambda x: np.max(x[:, :0]), ValueError, "max: zero-size"),
        (lambda x: np.sum(x, axis=7), ValueError, "sum: axis 7 is out of bounds"),
        (lambda x: np.concatenate([x, x[0]]), ValueError, "concatenate: "),
        (lambda x: np.transpose(x, (0,)), ValueError, "transpose: "),
        (lambda x: x.transpose(0), ValueError, "transpose: "),
        (lambda x: x[0.5], IndexError, "integers"),
        (lambda x: x[x], TypeError, "cannot be an index"),
        (lambda x: x[5], IndexError, "out of bounds"),
        (lambda x: np.power.reduce(x), autodiff.Undifferentiable, "np.power.reduce"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(call(x)))(rng.normal(size=A))


def test_shapes_that_do_not_align_are_named():
    message = (
        "matmul: shapes (3, 2) and (4, 5) do not align: "
        "2 (last axis of argument 0) is not 4 (first axis of argument 1)."
    )
    for f in (lambda x: x @ np.ones((4, 5)), lambda x: np.dot(x, np.ones((4, 5)))):
        with pytest.raises(ValueError, match="matmul") as caught:
            autodiff.grad(f)(np.ones((3, 2)))
        assert str(caught.value) == message
    with pytest.raises(ValueError, match=r"2 \(last axis.*not 4 \(second axis of argument 1\)"):
        autodiff.grad(lambda x: x @ np.ones((7, 4, 5)))(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"add: .*shapes \(3,2\) \(4,\)"):
        autodiff.grad(lambda x: x + np.ones(4))(np.ones((3, 2)))
