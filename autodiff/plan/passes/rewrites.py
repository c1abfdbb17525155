"""Shorter forms of the same values: folded constants, cheaper operations.

Every rewrite gives the same numbers, or numbers that are nearer to the true ones; the sign of a
zero is kept too.
"""

import math
from typing import Any

import numpy as np

from autodiff.plan.operations import is_basic_index
from autodiff.plan.passes.builder import Builder, rewrites
from autodiff.plan.program import CONSTANT, Node, is_number
from autodiff.rules.indexing import GETITEM, composed, index_key

_FLOAT = np.dtype(float)
#: Operations whose results are never -0.0.
_NEVER_NEGATIVE_ZERO = ("absolute", "cosh", "exp", "exp2", "fabs", "square")
#: Longest last axis along which NumPy's sums are slow; longest sum that need not be pairwise.
_SHORT, _LONG = 128, 4096
Args = tuple[Node, ...]
Params = dict[str, Any]
Shape = tuple[int, ...]
DType = np.dtype[Any]


def _same(x: Node, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return x.shape == shape and x.dtype == dtype


def _folded(builder: Builder, function: Any, args: Args, shape: Shape, dtype: DType) -> Node | None:
    """Return the constant that an operation on numbers gives."""
    if dtype != _FLOAT or not all(is_number(x) and x.dtype == _FLOAT for x in args):
        return None
    with np.errstate(all="ignore"):
        value = function(*[np.float64(x.function) for x in args])
    # NumPy's number stays one: among other types it counts.
    strong = not shape and any(isinstance(x.function, np.generic) for x in args)
    return builder.number(np.float64(value) if strong else float(value), shape)


def _unsigned(builder: Builder, x: Node) -> Node | None:
    """Return the negative of a node that is a negative, or a product or quotient with one."""
    if x.op == "negative":
        return x.args[0]
    if x.op in ("multiply", "divide"):
        left, right = x.args
        if left.op == "negative":
            args = (left.args[0], right)
        elif right.op == "negative":
            args = (left, right.args[0])
        else:
            return None
        return builder.make(x.op, args, {}, x.shape, x.dtype, x.function)
    return None


def _is_zero(x: Node, sign: float) -> bool:
    return is_number(x, 0.0) and math.copysign(1.0, float(x.function)) == sign


def _adds_nothing(zero: Node, x: Node, shape: Shape, dtype: DType) -> bool:
    """Return whether a zero can be left out of a sum: -0.0 + 0.0 is 0.0, all else stays itself."""
    if not _same(x, shape, dtype) or dtype.kind != "f":
        return False
    return _is_zero(zero, -1.0) or (_is_zero(zero, 1.0) and x.op in _NEVER_NEGATIVE_ZERO)


def _is_exact(x: Node, y: Node) -> bool:
    """Return whether one of two numbers is a power of two, by which a product has no error."""
    numbers = [float(z.function) for z in (x, y)]
    powers = [math.frexp(z)[0] in (0.5, -0.5) for z in numbers]
    return any(powers) and all(1e-100 < abs(z) < 1e100 for z in numbers)


@rewrites("multiply")
def _multiply(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    x, y = args
    if is_number(y, 1.0) and _same(x, shape, dtype):
        return x
    if is_number(x, 1.0) and _same(y, shape, dtype):
        return y
    if x.op == y.op == "negative":
        return builder.make("multiply", (x.args[0], y.args[0]), {}, shape, dtype, np.multiply)
    if is_number(x):
        x, y = y, x
    if dtype == _FLOAT and is_number(y) and not y.shape and _same(x, shape, dtype):
        positive = _unsigned(builder, x)
        if positive is not None:
            x, y = positive, builder.number(-float(y.function))
            return builder.make("multiply", (x, y), {}, shape, dtype, np.multiply)
        if x.op == "multiply" and _is_exact(y, y):
            for inner, other in (x.args, x.args[::-1]):
                if 0 < 2 * inner.size <= x.size and inner.shape and inner.dtype == _FLOAT:
                    # The smaller factor is multiplied in less time.
                    inner = builder.ufunc(np.multiply, inner, y)
                    return builder.make("multiply", (inner, other), {}, shape, dtype, np.multiply)
        if x.op == "multiply":
            for inner, other in (x.args, x.args[::-1]):
                if is_number(inner) and not inner.shape and _is_exact(inner, y):
                    together = builder.number(float(inner.function) * float(y.function))
                    return builder.make(
                        "multiply", (other, together), {}, shape, dtype, np.multiply
                    )
    return _folded(builder, np.multiply, args, shape, dtype)


@rewrites("add")
def _add(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    x, y = args
    if x is y and dtype == _FLOAT:
        two = builder.number(2.0)
        return builder.make("multiply", (x, two), {}, shape, dtype, np.multiply)
    for term, other in ((y, x), (x, y)):
        if _adds_nothing(term, other, shape, dtype):
            return other
    for term, other in ((y, x), (x, y)):
        positive = _unsigned(builder, term)
        if positive is not None:
            return builder.make("subtract", (other, positive), {}, shape, dtype, np.subtract)
    return _folded(builder, np.add, args, shape, dtype)


@rewrites("subtract")
def _subtract(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    x, y = args
    if _is_zero(y, 1.0) and _same(x, shape, dtype) and dtype.kind == "f":
        return x
    positive = _unsigned(builder, y)
    if positive is not None:
        return builder.make("add", (x, positive), {}, shape, dtype, np.add)
    return _folded(builder, np.subtract, args, shape, dtype)


@rewrites("divide")
def _divide(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    x, y = args
    if is_number(y) and dtype == _FLOAT and y.dtype == _FLOAT and y.function:
        if y.function == 1.0 and _same(x, shape, dtype):
            return x
        if math.frexp(y.function)[0] in (0.5, -0.5) and 1e-300 < abs(y.function) < 1e300:
            # The reciprocal of a power of two is exact.
            inverse = builder.number(1.0 / y.function)
            return builder.make("multiply", (x, inverse), {}, shape, dtype, np.multiply)
    return _folded(builder, np.divide, args, shape, dtype)


@rewrites("negative")
def _negative(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    (x,) = args
    return x.args[0] if x.op == "negative" else _folded(builder, np.negative, args, shape, dtype)


@rewrites("power", "float_power")
def _power(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    x, y = args
    if not is_number(y) or not _same(x, shape, dtype) or dtype.kind not in "fc":
        return None
    if y.function == 1:
        return x
    if y.function == 2:
        return builder.ufunc(np.square, x)
    if y.function == 3:
        # np.power takes 180 times as long for each element.
        return builder.ufunc(np.multiply, builder.ufunc(np.square, x), x)
    if y.function == 4:
        return builder.ufunc(np.square, builder.ufunc(np.square, x))
    if y.function == 0.5 and dtype.kind == "f":
        return builder.ufunc(np.sqrt, x)
    return builder.ufunc(np.reciprocal, x) if y.function == -1 else None


def _is_all(x: Node, wanted: bool) -> bool:
    """Return whether a constant mask has one value everywhere."""
    return x.op == CONSTANT and x.dtype == bool and bool(np.all(np.equal(x.function, wanted)))


@rewrites("bitwise_and", "logical_and")
def _and(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    for x, y in (args, args[::-1]):
        if _is_all(x, False) and dtype.kind == "b":
            return builder.number(np.False_, shape)
        if _is_all(x, True) and _same(y, shape, dtype):
            return y
    return None


@rewrites("where")
def _where(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    condition, *choices = args
    for chosen, wanted in zip(choices, (True, False), strict=True):
        if _is_all(condition, wanted) and _same(chosen, shape, dtype):
            return chosen
    return None


@rewrites("maximum")
def _maximum(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    for x, bound in (args, args[::-1]):
        if is_number(bound, 0.0) and _same(x, shape, dtype) and _is_positive(x):
            return x
    return None


def _is_positive(x: Node) -> bool:
    """Return whether a node is known to be positive, 0.0 or NaN: as 1 + x**2 is."""
    parts = x.args if x.op == "add" else (x,)
    return all(
        y.dtype.kind == "f" and (y.op in _NEVER_NEGATIVE_ZERO or (is_number(y) and y.function > 0))
        for y in parts
    )


@rewrites("multiply_no_nan")
def _multiply_no_nan(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    direction, product = args
    never_zero = direction.op == CONSTANT and bool(np.all(direction.function))
    return product if never_zero and _same(product, shape, dtype) else None


@rewrites("square")
def _square(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    (x,) = args
    return builder.ufunc(np.square, x.args[0]) if x.op == "negative" else None


@rewrites("positive", "copy")
def _itself(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    return args[0] if _same(args[0], shape, dtype) else None


@rewrites("astype", "cast")
def _astype(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    return args[0] if args[0].dtype == dtype else None


@rewrites("sum")
def _sum(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    (x,) = args
    if x.dtype != _FLOAT or not x.size:
        return None
    axis, ndim = params["axis"], len(x.shape)
    axes = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    reduced = {i % ndim for i in axes} if ndim else set()
    if not reduced:
        return x if not ndim else None
    if is_number(x):
        count = math.prod(x.shape[i] for i in reduced)
        return builder.number(float(x.function) * count, shape)
    if len(reduced) == ndim and not shape:
        factors = x.args * 2 if x.op == "square" else x.args if x.op == "multiply" else ()
        if factors and all(_same(f, x.shape, x.dtype) and f.shape for f in factors):
            return builder.make("vdot", factors, {}, (), dtype, np.vdot)
        if x.op == "reshape":
            # All axes of the operand, which may be others than those of its new shape.
            everything = {**params, "axis": None, "keepdims": False}
            return builder.make("sum", x.args, everything, shape, dtype, np.sum)
    if x.op == "negative":
        positive = builder.make("sum", x.args, params, shape, dtype, np.sum)
        return builder.ufunc(np.negative, positive)
    if ndim == 2 and reduced == {0} and len(shape) == 1:
        return builder.make("column_sums", (x,), {}, shape, dtype, None)
    found = _sum_along(builder, x, reduced, params["keepdims"], shape)
    if found is not None:
        return found
    normal = {"axis": tuple(sorted(reduced)), "keepdims": params["keepdims"]}
    if axis is None or axis == normal["axis"]:
        return None
    return builder.make("sum", args, normal, shape, dtype, np.sum)


def _sum_along(
    builder: Builder, x: Node, reduced: set[int], keepdims: bool, shape: Shape
) -> Node | None:
    """Return a sum along one of the last axes as a product with ones.

    NumPy's own takes up to 12 times as long where these axes are short: 880 µs against 70 for the
    last axis of 25×1000×10.
    """
    ndim = len(x.shape)
    if len(reduced) != 1 or ndim < 2 or x.shape[-1] > _SHORT or x.size < 2 * _SHORT:
        return None
    (axis,) = reduced
    length = x.shape[axis]
    if axis == ndim - 1:
        factors = x.args * 2 if x.op == "square" else x.args if x.op == "multiply" else ()
        if not keepdims and factors and all(_same(f, x.shape, x.dtype) for f in factors):
            return builder.make("rowwise_dot", factors, {}, shape, _FLOAT, None)
        ones = builder.number(1.0, (length, 1) if keepdims else (length,))
        return builder.make("matmul", (x, ones), {}, shape, _FLOAT, np.matmul)
    if axis == ndim - 2 and ndim > 2 and length <= _LONG:
        ones = builder.number(1.0, (1, length) if keepdims else (length,))
        return builder.make("matmul", (ones, x), {}, shape, _FLOAT, np.matmul)
    return None


@rewrites("mean")
def _mean(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    (x,) = args
    if x.dtype != _FLOAT or not x.size:
        return None
    total = builder.make("sum", args, params, shape, dtype, np.sum)
    count = x.size // math.prod(shape)
    return builder.ufunc(np.divide, total, builder.number(float(count)))


@rewrites("transpose")
def _transpose(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    (x,) = args
    axes = tuple(params["axes"])
    if axes == tuple(range(len(shape))):
        return x
    if x.op == "transpose":
        inner = tuple(x.params["axes"])
        together = {"axes": tuple(inner[i] for i in axes)}
        return builder.make("transpose", x.args, together, shape, dtype, np.transpose)
    if x.op == "assemble":
        places = np.arange(x.size).reshape(x.shape).transpose(axes).reshape(-1)
        items = [x.args[i] for i in places]
        return builder.make("assemble", items, {"shape": shape}, shape, dtype, x.function)
    return builder.number(x.function, shape) if is_number(x) else None


@rewrites("reshape", "broadcast_to")
def _reshape(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    (x,) = args
    if x.shape == shape:
        return x
    if is_number(x) and dtype == _FLOAT:
        return builder.number(x.function, shape)
    if x.op == "assemble" and x.size == math.prod(shape):
        return builder.make("assemble", x.args, {"shape": shape}, shape, dtype, x.function)
    return None


@rewrites("roll")
def _roll(builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType) -> Node | None:
    """Return shifts along one axis each, by less than its length."""
    (x,) = args
    shift, axis = params["shift"], params["axis"]
    if axis is None:
        if not shape:
            return x
        flat = builder.make("reshape", args, {"shape": (x.size,)}, (x.size,), dtype, np.reshape)
        together = int(np.sum(shift))
        rolled = builder.make(
            "roll", (flat,), {"shift": together, "axis": 0}, flat.shape, dtype, np.roll
        )
        return builder.make("reshape", (rolled,), {"shape": shape}, shape, dtype, np.reshape)
    if type(shift) is int and type(axis) is int:
        axis %= len(shape)
        normal = shift % shape[axis] if shape[axis] else 0
        if not normal:
            return x
        if (normal, axis) == (shift, params["axis"]):
            return None
        shift = normal
    for each, along in np.broadcast(shift, axis):
        params = {"shift": int(each), "axis": int(along)}
        x = builder.make("roll", (x,), params, shape, dtype, np.roll)
    return x


@rewrites("getitem")
def _getitem(
    builder: Builder, args: Args, params: Params, shape: Shape, dtype: DType
) -> Node | None:
    # An element of another look at an array: an element of the array.
    x = args[0]
    if len(args) > 1 or len(x.args) != 1:
        return None
    own, index = x.args[0].shape, None
    if x.op == "getitem":
        index = composed(x.params["index"], params["index"], own)
    elif x.op in ("reshape", "transpose") and not shape:
        place = index_key(params["index"], x.shape)
        if len(place) == len(x.shape) and is_basic_index(place):
            index = _moved(x, place)
    if index is None:
        return None
    return builder.make("getitem", x.args, {"index": index}, shape, dtype, GETITEM.function)


def _moved(x: Node, place: tuple[int, ...]) -> tuple[int, ...]:
    """Return where an element of a reshaped or transposed array is in that array."""
    if x.op == "transpose":
        return tuple([place[x.params["axes"].index(i)] for i in range(len(place))])
    flat = np.ravel_multi_index(place, x.shape)
    return tuple(int(i) for i in np.unravel_index(flat, x.args[0].shape))
