import copy
import math
import operator
import pickle

import numpy as np
import pytest

import autodiff
from autodiff import LostDerivative, TraceEnded, Undifferentiable, grad, trace
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, leaf, primal

# Away from whole numbers and from each other, where rounding and comparisons jump.
X = np.array([[0.53, 1.57, -0.71], [1.29, -2.47, 2.03]])
Y = np.array([[1.41, -0.37, 0.23]])

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.mod,
    lambda x, y: abs(x) ** y,
    lambda x, y: x // y + x,
    lambda x, y: sum(divmod(x, y)) + sum(np.divmod(x, y)),
]


@pytest.mark.parametrize("f", BINARY)
def test_operators_from_both_sides(f, agrees):
    agrees(f, X, Y)
    for other in (2.5, 3, np.float64(1.5), np.int64(2), np.array(0.75), Y, np.array([1, 2, 3])):
        agrees(lambda x, other=other: f(x, other), X)
        agrees(lambda x, other=other: f(other, x), abs(X))
    agrees(lambda x: f(np.float64(2.0), x) * f(2.0, x), 0.75)


def test_unary_operators_and_comparisons(agrees):
    agrees(lambda x: -x + abs(x) * +x, X)
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        for pair in ((X, 0.5), (0.5, X), (Y, X), (np.float64(0.5), X)):
            left, right = pair
            if left is X:
                agrees(lambda x, c=compare, r=right: x * c(x, r), X)
            else:
                agrees(lambda x, c=compare, a=left: x * c(a, x), X)
    agrees(lambda x: x * (((x > 0) & (x < 1)) | ~(x > -1) ^ (x < 2)), X)
    agrees(lambda x: x * (np.ones((2, 3), bool) & (x > 0) | np.zeros((2, 3), bool)), X)


def test_matmul_from_both_sides(agrees):
    agrees(lambda x: x @ Y.T, X)
    agrees(lambda x: Y @ x.T, X)
    agrees(lambda x: np.ones(2) @ x @ np.ones(3), X)
    agrees(operator.matmul, X, Y.T)


METHODS = {
    "T": lambda x: x.T * 2,
    "mT": lambda x: x.mT * 2,
    "sum": lambda x: x.sum() + x.sum(0) + x.sum(axis=1, keepdims=True),
    "mean": lambda x: x.mean(axis=0),
    "prod": lambda x: x.prod(),
    "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(),
    "var": lambda x: x.var(ddof=1),
    "std": lambda x: x.std(axis=0, keepdims=True),
    "cumsum": lambda x: x.cumsum(axis=1),
    "argmax": lambda x: x * x.argmax(axis=1)[:, None],
    "argmin": lambda x: x * x.argmin(),
    "any": lambda x: x * (x > 1).any(axis=0),
    "all": lambda x: x * (x > -1).all(),
    "dot": lambda x: x.dot(x.T),
    "clip": lambda x: x.clip(-1, 1) + x.clip(min=0.1),
    "reshape": lambda x: x.reshape(3, 2) @ x.reshape((2, 3)) + x.reshape(-1)[0],
    "ravel": lambda x: x.ravel()[::2],
    "flatten": lambda x: x.flatten()[1:],
    "transpose": lambda x: x.transpose() + x.transpose(1, 0) + x.transpose((1, 0)),
    "swapaxes": lambda x: x.swapaxes(0, 1) * 2,
    "squeeze": lambda x: x[:1].squeeze() + x[:1].squeeze(axis=0),
    "copy": lambda x: x.copy() * x,
    "astype": lambda x: x.astype(np.longdouble).astype(float) * (x > 0).astype(float),
    "shape": lambda x: x * (x.shape[0] + x.ndim + x.size + len(x)) + x.dtype.itemsize,
    "iteration": lambda x: sum(row[0] * row[1] for row in x),
}


@pytest.mark.each("f", METHODS.values())
def test_methods_are_numpys(f, agrees):
    agrees(f, X)


def test_every_public_method_is_tested():
    data = {"adjoint", "operands", "params", "primitive", "tape", "value"}
    names = {name for name in vars(Tensor) if not name.startswith("_")} - data
    assert names - set(METHODS) <= {"dtype", "ndim", "size", "item", "tolist"}


def into(write, shape=(3,), dtype=float):
    """Return a function that writes a tensor into a plain array and goes on with that."""

    def f(x):
        buffer = np.zeros(shape, dtype)
        write(buffer, x)
        return np.sum(buffer)

    return f


def set_item(index, value):
    return into(lambda a, x: operator.setitem(a, index, value(x)))


LOSSES = {
    "int": lambda x: int(x[0]),
    "math.floor": lambda x: math.floor(x[0]),
    "np.float64": lambda x: np.float64(x[0]),
    "np.arange": lambda x: np.sum(np.arange(x[0])),
    "random": lambda x: np.random.default_rng(0).normal(x[0]),
    "pickle": lambda x: np.sum(pickle.loads(pickle.dumps(x))),
}
REFUSALS = {
    "where=": lambda x: np.sum(np.exp(x, where=np.ones(3, bool))),
    "dtype=": lambda x: np.sum(np.add(x, 1.0, dtype=np.float32)),
    "unknown function": lambda x: np.packbits(x),
    "unknown ufunc": lambda x: np.sum(np.spacing(x)),
    "frompyfunc": lambda x: np.sum(np.frompyfunc(math.exp, 1, 1)(x)),
}
TYPE_ERRORS = {
    "object array": lambda x: np.sum(x * np.array([x[0], None, 1.0], dtype=object)),
    "strings": lambda x: np.sum(x * np.array(["a", "b", "c"])),
    "None": lambda x: np.sum(x) + None,
    "float index": lambda x: range(x[0]),
    "len of a number": lambda x: len(x[0]),
    "in-place None": lambda x: operator.iadd(x, None),
}


def into_objects(x):
    """Build an array element by element, as plain NumPy code does."""
    states = np.zeros(4, dtype=object)
    states[0] = x[0]
    for i in range(1, 4):
        states[i] = np.tanh(states[i - 1]) * x[1]
    return states


#: What NumPy does not dispatch and is right all the same: arrays of objects are put together.
PUT_TOGETHER = {
    "np.array": lambda x: np.sum(np.array(x)),
    "np.asarray": lambda x: np.sum(np.asarray(x)),
    "np.array([t, t])": lambda x: np.sum(np.array([x, x])),
    "np.array([t0, t1])": lambda x: np.sum(np.array([x[0], x[1]])),
    "np.array(list)": lambda x: np.sum(np.array(list(x))),
    "dtype=object": lambda x: np.sum(np.array([x[0], x[1]], dtype=object)),
    "np.full": lambda x: np.sum(np.full(3, x[0])),
    "np.sum([t])": lambda x: np.sum([x[0], x[1]]),
    "np.max([t])": lambda x: np.max([x, x]),
    "np.multiply([t])": lambda x: np.sum(np.multiply([x[0], x[1]], np.ones(2))),
    "ndarray.dot": lambda x: np.ones(3).dot(x),
    "masked array": lambda x: np.sum(np.ma.array([1.0, 2.0, 3.0], mask=[1, 0, 0]) * x),
    "np.array nested": lambda x: np.array([[x[0], 0.0], [x[1] * x[2], 2.0]]) @ np.ones(2),
    "np.array of np.array": lambda x: np.array([np.array([x[0], x[1]]), np.array([x[2], x[0]])]),
    "np.asarray of a matrix": lambda x: np.asarray(np.outer(x, x)) @ np.ones(3),
    "np.exp of objects": lambda x: np.exp(np.array([x[0], x[1] * x[2]])),
    "np.sqrt of objects": lambda x: np.sqrt(np.abs(np.array([x[0], x[1]]))),
    "assignment into objects": lambda x: into_objects(x),
    "objects @ tensor": lambda x: np.array([[x[0], 1.0, x[1]]]) @ x,
    "tensor @ objects": lambda x: np.dot(x, np.array([x[0], 1.0, x[1]])),
    "np.linalg.norm of objects": lambda x: np.linalg.norm(np.array([x[0], x[1]])),
    "np.concatenate of lists": lambda x: np.concatenate([[x[0], x[1]], x, [1.0]]),
    "np.stack of lists": lambda x: np.stack([[x[0], x[1]], [1.0, 2.0]]),
    "np.r_": lambda x: np.r_[x, x[0], 1.0],
    "np.c_": lambda x: np.c_[x, x * 2],
    "np.vectorize": lambda x: np.vectorize(lambda t: np.sin(t) * 2)(x),
    "sum of a list": lambda x: sum([x[0], x[1] * x[2]]),
    "np.prod of a list": lambda x: np.prod([x[0], x[1] * x[2]]),
    "list times tensor": lambda x: np.multiply([1.0, 2.0, 3.0], x),
    "round": lambda x: round(x[0]) + x[1],
}


@pytest.mark.each("f", PUT_TOGETHER.values())
def test_tensors_in_arrays_of_objects_are_put_together(f, agrees):
    agrees(lambda x: np.asarray(f(x), float) if type(x) is np.ndarray else f(x), X[0] + 1.7)


#: What a plain array or number would lose, and what the copy of the function makes a tensor of.
WRITTEN = {
    "float": lambda x: float(x[0]),
    "math.exp": lambda x: math.exp(x[0]),
    "item": lambda x: x[0].item(),
    "tolist": lambda x: sum(x.tolist()),
    "np.mean([t])": lambda x: np.mean([x[0], x[1]]),
    "a[0] = t0": set_item(0, lambda x: x[0]),
    "a[:] = t": set_item(slice(None), lambda x: x),
    "a[mask] = t": set_item(np.array([True, False, False]), lambda x: x[0]),
    "a += t": into(operator.iadd),
    "a *= t": into(operator.imul),
    "fill": into(lambda a, x: a.fill(x[0])),
    "fill_diagonal": into(np.fill_diagonal, (3, 3)),
    "out=": into(lambda a, x: np.exp(x, out=a)),
    "matmul out=": into(lambda a, x: np.matmul(x, np.eye(3), out=a)),
    "np.copyto": into(np.copyto),
    "np.put": into(lambda a, x: np.put(a, [0], x[0])),
    "np.putmask": into(lambda a, x: np.putmask(a, a == 0, x)),
    "np.place": into(lambda a, x: np.place(a, a == 0, x)),
    "np.add.at": into(lambda a, x: np.add.at(a, [0], x[0])),
    "np.full_like": lambda x: np.sum(np.full_like(np.ones(3), x[0])),
    "sum out=": into(lambda a, x: np.sum(x, out=a), ()),
    "concatenate out=": into(lambda a, x: np.concatenate([x[:1], x[1:]], out=a)),
    "clip out=": into(lambda a, x: np.clip(x, 0, 1, out=a)),
    "numbers among tensors": lambda x: np.sum(np.exp(np.array([x[0], 0.5]))),
    "complex": lambda x: np.abs(complex(x[0], x[1])),
    "vectorize": lambda x: np.sum(np.vectorize(math.exp)(x)),
    "a.flat[0] = t": into(lambda a, x: operator.setitem(a.flat, 0, x[0])),
    "t[0] = 1": lambda x: (lambda h: (operator.setitem(h, 0, 1.0), np.sum(h * h))[1])(x * 2),
}


@pytest.mark.each("f", WRITTEN.values())
def test_what_is_written_into_plain_arrays_keeps_its_derivative(f, agrees):
    agrees(f, X[0] + 1.7)


@pytest.mark.each("run", [lambda f, x: grad(f)(x), trace])
@pytest.mark.each(
    ("f", "error"),
    [pytest.param(f, LostDerivative, id=name) for name, f in LOSSES.items()]
    + [pytest.param(f, Undifferentiable, id=name) for name, f in REFUSALS.items()]
    + [pytest.param(f, TypeError, id=name) for name, f in TYPE_ERRORS.items()],
)
def test_a_derivative_is_never_lost_in_silence(f, error, run):
    with pytest.raises(error) as caught:
        run(f, np.array([0.5, 1.5, 1.0]))
    assert str(caught.value)


def test_np_matrix_is_refused():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.asmatrix(np.eye(2))
    with pytest.raises(TypeError, match="a tensor and a matrix of dtype float64 arrived"):
        grad(lambda x: np.sum(x * matrix))(np.ones((2, 2)))
    with pytest.raises(TypeError, match="argument 0 is a matrix"):
        grad(np.sum)(matrix)


def test_messages_say_what_to_do():
    x = np.ones(3)
    for f, words in [
        (lambda x: int(x[0]), "np.floor"),
        (lambda x: operator.setitem(np.zeros(3, int), 0, x[0]), "an array of integers"),
        (lambda x: np.spacing(x), "np.spacing"),
        (lambda x: np.random.default_rng(0).normal(x), "np.stack"),
    ]:
        with pytest.raises((TypeError, NotImplementedError), match=words):
            grad(f)(x)


def test_copies_stay_on_the_tape(agrees):
    agrees(lambda x: np.sum(copy.copy(x) * copy.deepcopy({"x": [x]})["x"][0]), X)


def test_python_goes_on_working(agrees):
    x = np.array([0.5, 2.0, -1.0])
    agrees(lambda x: max(x) * min(x) + sum(x), x)
    agrees(lambda x: sorted(x)[1] ** 2, x)
    agrees(lambda x: x[0] if 7.0 in x else x[1], x)
    agrees(lambda x: (f"{x} {x!r}", x[1])[1], x)
    agrees(lambda x: np.array([1.0, 2.0, 3.0])[np.argmax(x)] * x, x)
    assert grad(lambda x: x if x == None else x * 2)(1.0) == 2.0  # noqa: E711


def test_escaped_tensors_raise():
    escaped = []

    def f(x):
        escaped.append(x)
        return np.sum(x**2)

    grad(f)(np.ones(3))
    trace(f, np.ones(3))
    for tensor in escaped:
        for use in (
            lambda t: t + 1,
            np.exp,
            np.sum,
            lambda t: t[0],
            lambda t: np.ones(3) @ t,
            lambda t: grad(lambda x: x * t)(1.0),
            lambda t: grad(lambda x: np.sum(x * t))(1.0),
            lambda t: grad(lambda x: np.sum(t))(1.0),
            lambda t: grad(lambda x: t)(1.0),
            lambda t: trace(lambda x: t, 1.0),
        ):
            with pytest.raises(TraceEnded, match="ended"):
                use(tensor)


IN_PLACE = {
    "add": operator.iadd,
    "sub": operator.isub,
    "mul": operator.imul,
    "div": operator.itruediv,
    "mod": operator.imod,
    "floordiv": operator.ifloordiv,
    "pow": operator.ipow,
}


@pytest.mark.parametrize("operate", IN_PLACE.values(), ids=IN_PLACE)
def test_in_place_operators(operate, agrees):
    def f(x):
        h = abs(x) + 1.0
        h = operate(h, 1.5)
        return operate(h, Y) + x

    agrees(f, X)
    agrees(lambda x: (lambda total: operate(total, x) + x)(x), 1.25)


def test_in_place_matmul_and_accumulation(agrees):
    def f(x):
        total = 0.0
        square = x @ x.T
        square @= square
        for row in square:
            total += np.sum(row)
        return total

    agrees(f, X)


def alias(x):
    y = x
    y += 1
    return np.sum(x * y)


def view(x):
    h = x * 1.0
    row = h[0]
    row += 1
    return np.sum(h)


def viewed(x):
    h = x * 1.0
    row = h.T[0]
    h *= 2
    return np.sum(row)


def returned(x):
    h = x[0, 0] * np.ones(())
    h = np.reshape(x, (-1,))[:1].reshape(())
    g = h
    g += 1
    return h


@pytest.mark.parametrize("f", [alias, view, viewed, returned])
def test_in_place_changes_are_seen_by_other_names_and_views(f, agrees):
    agrees(lambda x: f(x + 0.0), X)


def test_in_place_keeps_shape_and_type():
    with pytest.raises(ValueError, match=r"the result has shape \(2, 3\), the array \(3,\)"):
        grad(lambda x: np.sum(operator.iadd(x, np.ones((2, 3)))))(np.ones(3))
    value, x_bar = autodiff.value_and_grad(lambda x: np.sum(operator.iadd(x, X[0])))(
        np.ones(3, np.float32)
    )
    assert value.dtype == x_bar.dtype == np.float32


def test_shape_and_text_of_a_tensor():
    tape = Tape()
    t = leaf(tape, np.ones((2, 3), np.float32))
    assert (t.shape, t.ndim, t.size, t.dtype, len(t)) == ((2, 3), 2, 6, np.float32, 2)
    # Behind each digit stands a joiner, which nobody sees, so that no number is read from it.
    text = repr(leaf(tape, np.ones(1)) * 3.0)
    assert text.replace("\u2060", "") == "Tensor(array([3.]), multiply)"
    assert "3\u2060." in text
    tape.end()
    assert repr(leaf(Tape(), np.float64(2.0))) != "Tensor(np.float64(2.0), input)" != repr(t)
    assert t.__array_namespace__() is np


def test_attributes_are_those_of_the_class():
    # A hook for others would make Python look up each attribute anew: a third of a trace's time.
    assert not hasattr(Tensor, "__getattr__")
    assert Tensor.__getattribute__ is object.__getattribute__
    t = leaf(Tape(), np.array([[0.5, 2.0]]))
    for name in ("exp", "log1p", "isnan", "floor"):
        np.testing.assert_array_equal(primal(getattr(t, name)()), getattr(np, name)(t.value))
    for name in {*dir(np.ndarray), *dir(np.float64)} - set(dir(object)):
        if not name.startswith("_") and not hasattr(t, name):
            hint = "use NumPy functions" if hasattr(np.ndarray, name) else "no attribute"
            with pytest.raises(AttributeError, match=hint):
                getattr(t, name)
    for name in ("data", "view", "ctypes", "is_integer", "detach", "to_numpy", "_hidden"):
        assert not hasattr(t, name)


def test_what_is_announced_works():
    names = autodiff.differentiable()
    assert names == sorted(names)
    assert {"exp", "matmul", "mean", "getitem"} <= set(names)
    assert "floor" not in names
