"""Gradients of arrays that answer NumPy's protocols: a stand-in for CuPy, Dask, pydata/sparse."""

import numpy as np
import pytest

import autodiff
from autodiff import LostDerivative, grad, jvp, value_and_grad, vjp
from tests.autodiff.arrays import walking
from tests.autodiff.arrays.standin import Standin
from tests.autodiff.rules.test_table import DIFFERENTIABLE

#: What has to be right of the functions that a library computes, and of the whole table.
FLOORS = {
    "standin": (0.95, 0.35),
    "cupy": (0.95, 0.65),
    "dask": (0.95, 0.95),
    "jax": (0.95, 0.95),
    "torch": (0.95, 0.95),
}


def library(name):
    if name in ("dask", "jax", "torch"):
        pytest.importorskip(name, reason="the library is not installed")
    return getattr(walking, name)()


@pytest.fixture(params=["standin", "dask"])
def other(request):
    return library(request.param)


SAMPLE = frozenset(
    {
        *(p.name for p in DIFFERENTIABLE[:30:3]),
        *("sum", "matmul", "where", "max", "getitem", "scatter", "eigh", "slogdet", "partition"),
        *("copy", "pick", "put_back", "undiagonals", "special.spherical_jn"),
    }
)


@pytest.mark.parametrize("name", ["standin", "cupy", "dask", "torch"])
def test_a_sample_of_the_rules(name):
    found = walking.outcomes(library(name), SAMPLE)
    assert [x for x in found if x.status == "failed"] == []
    assert len([x for x in found if x.status == "right"]) >= 2 * 15
    # Nothing is computed, or waited for, in the trace and in both passes.
    hosted = {"convolve", "special.spherical_jn"} if name == "torch" else set()
    assert {x.primitive for x in found if x.looks} <= hosted


@pytest.mark.parametrize("name", ["cupy", "dask", "torch"])
def test_compiled_code_of_scipy(name):
    """The library's own, or on the host; never an array of NumPy's that an array cannot be."""
    names = {f"scipy.{x}" for x in ("convolve", "expm", "lfilter", "lu", "trigonometric")}
    found = walking.outcomes(library(name), frozenset(names))
    assert [(x.primitive, x.mode, x.reason) for x in found if x.status != "right"] == []
    assert len(found) == 2 * len(names)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FLOORS)
def test_all_rules(name):
    own, table = FLOORS[name]
    found = walking.outcomes(library(name))
    right = [x for x in found if x.status == "right"]
    failed = [x for x in found if x.status == "failed"]
    assert len(right) >= own * (len(right) + len(failed)), failed
    assert len(right) >= table * len(found)


W, X = np.array([0.5, -1.0, 0.0]), np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 1.5]])
PLACES = np.array([0, 0, 2])
LOSSES = {
    "logistic": lambda w, x: np.sum(np.log1p(np.exp(-(x @ w)))),
    "constant on the left": lambda w, x: np.sum(x * w + 2.0 / (3.0 + w**2) - x),
    "mean and max": lambda w, x: np.mean(x * w) + np.max(x @ w),
    "broadcast": lambda w, x: np.sum((x - w) ** 2 / (1 + np.abs(w))),
    "elements": lambda w, x: w[0] * w[1] + np.sum(x[:, 1] * w[2]) + w[-1],
    "repeated places": lambda w, x: np.sum(w[PLACES] ** 2) + np.sum(x[:, PLACES] @ w),
    "a slope behind a mask": lambda w, x: np.sum(np.where(w > 0, np.sqrt(w), w**2)),
    "joined": lambda w, x: np.sum(np.concatenate([w, x[0] * w]) ** 2) + np.stack([w, w])[1, 0],
    "methods": lambda w, x: ((x * w).sum(axis=0).reshape(3, 1).T.mean() - w.max()) ** 2,
    "unused": lambda w, x: np.sum(x**2) + 0.0 * w[0],
    "relu": lambda w, x: np.sum(np.maximum(x @ w, 0.0)) + np.sum(np.clip(w, -0.7, 0.7)),
    "cumulative": lambda w, x: np.sum(np.cumsum(w * x, axis=1) * x) + np.prod(w + 2.0),
    "backwards": lambda w, x: np.sum(w[::-1] * x[:, ::-1] * x[::-1] + x[0, ::-2][1] * w),
}
#: Of what Dask does not compute, or only by looking at values.
MATRICES = {
    "determinant": lambda w, x: np.linalg.det((x * w) @ x.T),
    "singular values": lambda w, x: np.sum(np.linalg.svd(x * w, compute_uv=False)),
    "quantiles": lambda w, x: np.median(w) * np.quantile(w, 0.3),
    "sinc": lambda w, x: np.sum(np.sinc(w) * w),
}


@pytest.mark.each("name", LOSSES)
@np.errstate(invalid="ignore", divide="ignore")
def test_gradients_are_those_of_numpy(other, name):
    loss = LOSSES[name]
    w, x = other.convert(W, False), other.convert(X, False)
    value, expected = value_and_grad(loss)(W, X)
    looks = other.looks()
    found_value, found = value_and_grad(loss)(w, x)
    tangent = jvp(lambda w: loss(w, x), (w,), (other.convert(X[0], False),))[1]
    assert other.looks() == looks
    assert isinstance(found, other.kind)
    np.testing.assert_allclose(other.back(found_value), value)
    np.testing.assert_allclose(other.back(found), expected)
    np.testing.assert_allclose(
        other.back(tangent), jvp(lambda w: loss(w, X), (W,), (X[0],))[1], atol=1e-12
    )


@pytest.mark.parametrize("name", MATRICES)
def test_functions_of_matrices(name):
    loss = MATRICES[name]
    found = grad(loss)(Standin(W), Standin(X))
    np.testing.assert_allclose(found.get(), grad(loss)(W, X))


#: What Dask computes otherwise than NumPy, or not as it is typed.
OTHERWISE = {
    "the lower factor": lambda a: np.sum(np.linalg.cholesky(a @ a.T) ** 3),
    "the upper factor": lambda a: np.sum(np.linalg.cholesky(a @ a.T, upper=True) ** 3),
    "diagonals": lambda a: np.trace(a) * np.diagonal(a).prod() * np.einsum("ii", a),
    "elements by pairs": lambda a: np.sum(a[[0, 2], [1, 1]] ** 2) + np.sum(a[np.ix_([0, 2], [1])]),
    "a table of places": lambda a: np.sum(a[np.array([[0, 1], [2, 2]]), 1] ** 2),
    "new axes": lambda a: np.sum(a[None, 1:, 0]) ** 2 + np.sum(a[:, np.array([0, 0]), None] ** 3),
    "along an axis": lambda a: np.sum(np.take_along_axis(a, np.array([[0, 2, 2]]), 0) ** 2),
}


@pytest.mark.each("name", OTHERWISE)
def test_dask_gives_what_numpy_gives(name):
    dask, a = library("dask"), X.T @ X + np.diag([2.0, 3.0, 4.0])
    found = grad(OTHERWISE[name])(dask.convert(a, True))
    np.testing.assert_allclose(dask.back(found), grad(OTHERWISE[name])(a))


def cube(w):
    return np.sum(w**3 * w[0])


TRANSFORMS = {
    "hvp": lambda w: autodiff.hvp(cube)(w, w),
    "hvp of all": lambda w: autodiff.hvp(cube, (w,), (w,)),
    "hessian": lambda w: autodiff.hessian(cube)(w),
    "jacobian": lambda w: autodiff.jacobian(np.sin)(w),
    "jacobian in reverse": lambda w: autodiff.jacobian(cube, mode="rev")(w),
    # The derivative of the derivative is nobody's: nothing has to do with the argument.
    "hessian of a sum": lambda w: autodiff.hessian(np.sum)(w),
    "vmap of what is constant": lambda w: autodiff.vmap(grad(lambda t: 3.0 * t))(w),
    "jacobian of a product": lambda w: autodiff.jacobian(np.cumprod)(w + 1.5),
    "linearize": lambda w: autodiff.linearize(cube, w)[1](w),
    "jet": lambda w: autodiff.jet(lambda x: np.exp(x) * x, w, 3),
    "vmap": lambda w: autodiff.vmap(grad(lambda t: t**3))(w),
    # A plan is of NumPy's arrays; of others the function itself is called.
    "compile": lambda w: autodiff.compile(grad(cube))(w),
    "compile around constants": lambda w: autodiff.compile(grad(lambda v: cube(v * w)))(w),
}


@pytest.mark.parametrize("name", ["standin", "dask", "torch"])
def test_other_transforms(name):
    other = library(name)
    for transform in TRANSFORMS.values():
        found = transform(other.convert(W, False))
        assert isinstance(found, other.kind)
        np.testing.assert_allclose(other.back(found), transform(W), atol=1e-12)


def written(w):
    copy = w * 1.0
    copy[0] = 3.0
    return np.sum(copy * w)


def test_writing_into_an_array_of_another_library_is_refused():
    with pytest.raises(TypeError, match="only arrays of NumPy can be written into while"):
        grad(written)(Standin(W))


def test_second_derivatives_and_graphs(other):
    def f(w):
        return np.sum(np.sin(w) * w[0])

    def projected(w):
        return np.sum(grad(f)(w) * w)

    w = other.convert(W, False)
    np.testing.assert_allclose(other.back(grad(projected)(w)), grad(projected)(W))
    graph = autodiff.trace(f, w)
    graph.forward(w)
    np.testing.assert_allclose(other.back(graph.backward()["w"]), grad(f)(W))


def test_structures_and_float32(other):
    parameters = {"w": other.convert(W.astype(np.float32), False), "b": [2.0]}
    found = grad(lambda p: np.sum(p["w"] ** 2) * p["b"][0])(parameters)
    assert found["w"].dtype == np.float32
    np.testing.assert_allclose(other.back(found["w"]), 4 * W)
    np.testing.assert_allclose(float(other.back(found["b"][0])), np.sum(W**2))


def test_a_constant_that_changes_after_its_use(other):
    c = other.convert(np.array([1.0, 2.0, 3.0]), False)

    def f(w):
        product = np.sum(w * c * w)
        c[0] = 100.0
        return product

    np.testing.assert_allclose(other.back(grad(f)(other.convert(W, False))), 2 * W * [1, 2, 3])


def test_results_share_nothing():
    w, g = Standin(W.copy()), Standin(np.ones(3))
    _, pullback = vjp(lambda x: x, w)
    (w_bar,) = pullback(g)
    w_bar[0] = 7.0
    assert g.get().tolist() == [1.0, 1.0, 1.0]
    gradient = grad(lambda x: np.sum(x))(w)
    gradient[0] = 5.0
    assert gradient.get().tolist() == [5.0, 1.0, 1.0]


def test_the_host_and_another_library_do_not_mix_in_silence():
    with pytest.raises(TypeError, match="Unsupported type"):
        grad(lambda w: np.sum(w * np.ones(3)))(Standin(W))


#: What Dask gets a tensor for, though it is a function of Dask's: the derivative would be lost.
OF_DASK = {
    "sum": lambda da, x, w: da.sum(x * w),
    "concatenate": lambda da, x, w: np.sum(da.concatenate([x[0], w]) ** 2),
    "a product": lambda da, x, w: np.sum(x.dot(w)),
    "chunks": lambda da, x, w: np.sum(da.map_blocks(lambda b, v: b * v, x, w)),
    "chunks around a tensor": lambda da, x, w: np.sum(x.map_blocks(lambda b: b * w)),
}


@pytest.mark.parametrize("here", [True, False])
@np.errstate(invalid="ignore", divide="ignore")
def test_arrays_of_dask_beside_arguments_of_either_kind(here):
    """The constant on the left leaves the operation to the tensor, whatever that holds."""
    dask = library("dask")
    da = pytest.importorskip("dask.array")
    x, w = dask.convert(X, False), W if here else dask.convert(W, False)
    for name, loss in LOSSES.items():
        found = grad(lambda w, loss=loss: loss(w, x))(w)
        expected = grad(lambda w, loss=loss: loss(w, X))(W)
        np.testing.assert_allclose(dask.back(found), expected, err_msg=name)
    for name, loss in OF_DASK.items():
        # The other way to the result would hide that this one is lost.
        with pytest.raises(LostDerivative, match="graph of Dask's"):
            pytest.fail(f"{name}: {grad(lambda w, loss=loss: loss(da, x, w) + np.sum(w))(w)}")


def test_lengths_that_dask_does_not_know_are_asked_for():
    dask = library("dask")
    w = dask.convert(W, False)
    unknown = w[w > -9.0]
    calls = (
        *(lambda: grad(lambda v: np.sum(v**2))(unknown), lambda: autodiff.vmap(np.sin)(unknown)),
        *(lambda: grad(lambda v: np.sum(v * unknown))(w), lambda: jvp(masked, (w,), (w,))),
        *(lambda: grad(lambda v: np.sum(masked(v)))(w), lambda: autodiff.jacobian(masked)(w)),
    )
    for call in calls:
        with pytest.raises(ValueError, match=r"x.compute_chunk_sizes\(\) computes them"):
            call()
    found = grad(lambda v: np.sum(v * unknown.compute_chunk_sizes()))(w)
    np.testing.assert_allclose(dask.back(found), W)


def masked(w):
    return w[w > 0.0]


@pytest.mark.parametrize("name", ["standin", "dask", "torch"])
def test_a_vector_of_a_structure_stays_in_its_library(name):
    other = library(name)
    looks = other.looks()
    flat, back = autodiff.ravel({"x": other.convert(X, False), "n": 2.0})
    parts = back(flat * 2.0)
    product = grad(lambda v: np.sum(back(v)["x"] ** 2) * back(v)["n"])(flat)
    assert other.looks() == looks
    assert all(isinstance(a, other.kind) for a in (flat, parts["x"], parts["n"], product))
    np.testing.assert_allclose(other.back(flat), [*X.ravel(), 2.0])
    np.testing.assert_allclose(other.back(parts["x"]), 2.0 * X)
    np.testing.assert_allclose(other.back(product), [*4.0 * X.ravel(), np.sum(X**2)])


def test_sparse_constants():
    sparse = pytest.importorskip("sparse", reason="pydata/sparse is not installed")
    x = sparse.COO.from_numpy(np.where(X > 0.6, X, 0.0))
    found = grad(lambda s: np.sum(s * s * 3.0))(x)
    np.testing.assert_allclose(found.todense(), 6 * x.todense())
    for loss in (lambda w, x: np.sum((x * w) ** 2), lambda w, x: np.sum((w @ x.T) ** 2)):
        found = grad(lambda w, loss=loss: loss(w, x))(W)
        dense = found.todense() if hasattr(found, "todense") else found
        expected = grad(lambda w, loss=loss: loss(w, x.todense()))(W)
        np.testing.assert_allclose(dense, expected)
