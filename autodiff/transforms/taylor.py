"""Taylor mode: all derivatives along a line up to an order, in one pass over the graph.

Every value is a power series in t, and every operation one of series. Products are convolutions;
for the other functions a differential equation gives each coefficient from those below it
(Griewank and Walther, Evaluating Derivatives, 2nd edition, 2008, section 13.2), so that order n
costs n² operations, where nested gradients cost 2ⁿ.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.libraries import ADAPTERS, beside, called_wrapped, elsewhere
from autodiff.core.primitive import Primitive
from autodiff.core.tensor import Tensor
from autodiff.errors import Undifferentiable
from autodiff.transforms.call import Call

__all__ = ["jet"]

#: The coefficients of a power series, the constant one first.
Series = list[Any]


def jet(f: Callable[..., Any], x: Any, order: int, direction: Any = None) -> Any:
    """Return the value of `f` and its derivatives along a line, up to an order: Taylor mode.

    Parameters
    ----------
    f : callable
        Plain NumPy function of one argument that returns one number or array.
    x : float or array
        The point.
    order : int
        The highest derivative, 0 or more. The cost grows with its square.
    direction : float or array, optional
        The direction of the line, of the shape of `x`; by default ones.

    Returns
    -------
    array of shape (order + 1, *out.shape)
        The derivatives of t ↦ f(x + t direction) at t = 0: the value, the first derivative and so
        on. They are not divided by factorials.

    Raises
    ------
    Undifferentiable
        If `f` uses a function that has no rule for power series.
    ValueError
        If `order` is negative, or the direction has another shape than the point.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.jet(np.exp, 0.0, 4)
    array([1., 1., 1., 1., 1.])
    >>> autodiff.jet(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]), 3)
    array([2., 5., 8., 6.])
    """
    if order != int(order) or order < 0:
        raise ValueError(f"jet: order={order!r}; an integer, 0 or more, is needed")
    if ADAPTERS and (done := called_wrapped(jet, (f, x, order, direction), {})) is not None:
        return done
    call = Call(f, (x,), {}, (0,), "jet")
    if len(call.inputs) != 1 or len(call.outputs) != 1:
        raise ValueError(
            f"jet: {len(call.inputs)} arrays as argument and {len(call.outputs)} as result "
            "arrived; one of each is needed: autodiff.ravel makes one of a structure"
        )
    start, output, tape = call.inputs[0], call.outputs[0], call.tape
    d = np.ones(start.shape) if direction is None else direction
    d = np.asarray(d, float) if elsewhere(d) is None else d
    if d.shape != start.shape:
        raise ValueError(f"jet: the direction has shape {d.shape}, the point {start.shape}")
    count = int(order) + 1
    line = [beside(start, x)[()] for x in (start.value, d, *[np.zeros(start.shape)] * count)]
    known: dict[int, Series] = {id(start): line[:count]}
    with np.errstate(divide="ignore", invalid="ignore"):
        for node in call.nodes:
            if node.primitive is not None and any([id(a) in known for a in node.operands]):
                found = _series_of(node, known, tape, count)
                if found is not None:
                    known[id(node)] = found
    value = output.value if type(output) is Tensor and output.tape is tape else output
    series = known.get(id(output)) or [value, *[np.zeros(np.shape(value))] * order]
    shape = np.shape(value)
    return np.stack([np.broadcast_to(math.factorial(k) * c, shape) for k, c in enumerate(series)])


def _series_of(node: Tensor, known: dict[int, Series], tape: Any, count: int) -> Series | None:
    """Return the series of a node, None if it has no derivative."""
    primitive, params = node.primitive, node.params or {}
    assert primitive is not None
    if not primitive.differentiable:
        return None
    values = [a.value if type(a) is Tensor and a.tape is tape else a for a in node.operands]
    given = [known.get(id(a)) for a in node.operands]
    if primitive.kind == "linear":
        return _linear(primitive, params, values, given, node.value, count)
    rule = _RULES.get(primitive.name)
    if rule is None:
        raise Undifferentiable(
            f"jet: {primitive.name} has no rule for power series; those that have: "
            f"{', '.join(sorted(_RULES))}, and all linear functions: nested autodiff.grad takes "
            "any function"
        )
    series = [
        s if s is not None else _constant(v, count) for s, v in zip(given, values, strict=True)
    ]
    found = rule(*series, **params)
    # The value is that of the function itself, to the last digit.
    if np.any(np.isnan(node.value)):
        found = [np.where(np.isnan(node.value), np.nan, c) for c in found]
    return [node.value, *found[1:]]


def _constant(value: Any, count: int) -> Series:
    return [value, *[0.0] * (count - 1)]


def _linear(
    primitive: Primitive,
    params: dict[str, Any],
    values: list[Any],
    given: list[Series | None],
    out: Any,
    count: int,
) -> Series:
    """Map each coefficient."""
    found = [out]
    for k in range(1, count):
        operands = [
            np.broadcast_to(s[k], np.shape(v))
            if s is not None
            else np.zeros(np.shape(v))
            if primitive.variadic or i == 0
            else v
            for i, (s, v) in enumerate(zip(given, values, strict=True))
        ]
        found.append(primitive.function(*operands, **params))
    return found


def _convolved(u: Series, v: Series, k: int, multiply: Callable[..., Any] = np.multiply) -> Any:
    """Return coefficient k of a product."""
    return sum(multiply(u[i], v[k - i]) for i in range(k + 1))


def _product(multiply: Callable[..., Any]) -> Callable[..., Series]:
    """Return the rule of a function that is linear in each of two arguments."""

    def rule(u: Series, v: Series, **params: Any) -> Series:
        shaped = [[np.broadcast_to(c, np.shape(s[0])) for c in s] for s in (u, v)]
        return [
            sum(multiply(shaped[0][i], shaped[1][k - i], **params) for i in range(k + 1))
            for k in range(len(u))
        ]

    return rule


def _times(u: Series, v: Series) -> Series:
    return [_convolved(u, v, k) for k in range(len(u))]


def _quotient(u: Series, v: Series) -> Series:
    w: Series = []
    for k in range(len(u)):
        w.append((u[k] - sum(w[i] * v[k - i] for i in range(k))) / v[0])
    return w


def _scaled(u: Series, c: Any) -> Series:
    return [c * x for x in u]


def _one_plus(u: Series, c: float = 1.0) -> Series:
    """Return the series c + u."""
    return [c + u[0], *u[1:]]


def _exp(u: Series, first: Any = None) -> Series:
    """Return exp(u): k w_k = Σ i u_i w_(k-i)."""
    w = [np.exp(u[0]) if first is None else first]
    for k in range(1, len(u)):
        w.append(sum(i * u[i] * w[k - i] for i in range(1, k + 1)) / k)
    return w


def _integral(first: Any, slope: Series, u: Series) -> Series:
    """Return w of which w' = slope u' and the value is known."""
    w = [first]
    for k in range(1, len(u)):
        w.append(sum(i * u[i] * slope[k - i] for i in range(1, k + 1)) / k)
    return w


def _log(u: Series) -> Series:
    return _integral(np.log(u[0]), _inverse(u), u)


def _inverse(u: Series) -> Series:
    return _quotient(_constant(1.0, len(u)), u)


def _circular(u: Series, sign: float) -> tuple[Series, Series]:
    """Return the sine and cosine of a series, or the hyperbolic ones."""
    sine, cosine = (np.sin, np.cos) if sign < 0 else (np.sinh, np.cosh)
    s, c = [sine(u[0])], [cosine(u[0])]
    for k in range(1, len(u)):
        s.append(sum(i * u[i] * c[k - i] for i in range(1, k + 1)) / k)
        c.append(sign * sum(i * u[i] * s[k - i] for i in range(1, k + 1)) / k)
    return s, c


def _tangent(function: np.ufunc, sign: float) -> Callable[[Series], Series]:
    """Return the rule of w with w' = (1 ± w²) u'."""

    def rule(u: Series) -> Series:
        w: Series = [function(u[0])]
        slope: Series = []
        for k in range(1, len(u)):
            square = _convolved(w, w, k - 1)
            slope.append(sign * square + (k == 1))
            w.append(sum(i * u[i] * slope[k - i] for i in range(1, k + 1)) / k)
        return w

    return rule


def _constant_power(u: Series, p: float) -> Series:
    """Return u**p: k u₀ w_k = Σ (p i - (k - i)) u_i w_(k-i)."""
    w = [np.power(u[0], p)]
    for k in range(1, len(u)):
        total = sum((p * i - (k - i)) * u[i] * w[k - i] for i in range(1, k + 1))
        w.append(total / (k * u[0]))
    return w


def _power(u: Series, v: Series) -> Series:
    exponent = v[0]
    if np.ndim(exponent) == 0 and not any(np.any(c) for c in v[1:]):
        if exponent == int(exponent) and 0 <= exponent < len(u) + 8:
            # Right at 0 too.
            w = _constant(np.ones(np.shape(u[0]))[()], len(u))
            for _ in range(int(exponent)):
                w = _times(w, u)
            return w
        return _constant_power(u, exponent)
    return _exp(_times(_log(u), v), np.power(u[0], v[0]))


def _by_slope(function: np.ufunc, slope: Callable[[Series], Series]) -> Callable[[Series], Series]:
    """Return the rule of a function by the series of its slope."""
    return lambda u: _integral(function(u[0]), slope(u), u)


def _root(u: Series) -> Series:
    return _constant_power(u, 0.5)


def _root_below(sign_one: float, sign_square: float) -> Callable[[Series], Series]:
    """Return the slope 1 / sqrt(± 1 ± u²)."""
    return lambda u: _constant_power(_one_plus(_scaled(_times(u, u), sign_square), sign_one), -0.5)


def _chosen(first: Callable[[Any, Any], Any]) -> Callable[..., Series]:
    """Return the rule of a function that takes one of two elements."""

    def rule(u: Series, v: Series) -> Series:
        chosen, ties = first(u[0], v[0]), np.equal(u[0], v[0])
        found, parted = [], False
        for a, b in zip(u, v, strict=True):
            # Where both are the same and part, there is a kink: of it nothing more is known.
            parted = np.logical_or(parted, ties & np.not_equal(a, b))
            found.append(np.where(parted, np.nan, np.where(chosen, a, b)))
        return found

    return rule


def _absolute(u: Series) -> Series:
    sign = np.sign(u[0])
    # Beyond the value nothing is known at a kink.
    sign = np.where(sign == 0, np.nan, sign)[()]
    return [np.absolute(u[0]), *[sign * c for c in u[1:]]]


_LOG2, _LOG10 = math.log(2.0), math.log(10.0)
#: By name of the primitive, the function of the series of its operands.
_RULES: dict[str, Callable[..., Series]] = {
    "add": lambda u, v: [a + b for a, b in zip(u, v, strict=True)],
    "subtract": lambda u, v: [a - b for a, b in zip(u, v, strict=True)],
    "negative": lambda u: [-c for c in u],
    "positive": lambda u: u,
    "multiply": _times,
    "divide": _quotient,
    "reciprocal": _inverse,
    "square": lambda u: _times(u, u),
    "power": _power,
    "float_power": _power,
    "sqrt": _root,
    "cbrt": lambda u: [
        np.cbrt(u[0]),
        *_integral(0, _scaled(_quotient(_cbrt_of(u), u), 1 / 3), u)[1:],
    ],
    "exp": _exp,
    "exp2": lambda u: _exp(_scaled(u, _LOG2)),
    "expm1": _exp,
    "log": _log,
    "log2": lambda u: _scaled(_log(u), 1 / _LOG2),
    "log10": lambda u: _scaled(_log(u), 1 / _LOG10),
    "log1p": lambda u: _log(_one_plus(u)),
    "sin": lambda u: _circular(u, -1.0)[0],
    "cos": lambda u: _circular(u, -1.0)[1],
    "sinh": lambda u: _circular(u, 1.0)[0],
    "cosh": lambda u: _circular(u, 1.0)[1],
    "tan": _tangent(np.tan, 1.0),
    "tanh": _tangent(np.tanh, -1.0),
    "arcsin": _by_slope(np.arcsin, _root_below(1.0, -1.0)),
    "arccos": _by_slope(np.arccos, lambda u: _scaled(_root_below(1.0, -1.0)(u), -1.0)),
    "arctan": _by_slope(np.arctan, lambda u: _inverse(_one_plus(_times(u, u)))),
    "arcsinh": _by_slope(np.arcsinh, _root_below(1.0, 1.0)),
    "arccosh": _by_slope(np.arccosh, _root_below(-1.0, 1.0)),
    "arctanh": _by_slope(np.arctanh, lambda u: _inverse(_one_plus(_scaled(_times(u, u), -1.0)))),
    "logaddexp": lambda u, v: _log([a + b for a, b in zip(_exp(u), _exp(v), strict=True)]),
    "absolute": _absolute,
    "fabs": _absolute,
    "maximum": _chosen(np.greater),
    "minimum": _chosen(np.less),
    "where": lambda condition, u, v: [
        np.where(condition[0], a, b) for a, b in zip(u, v, strict=True)
    ],
    "deg2rad": lambda u: _scaled(u, math.pi / 180.0),
    "radians": lambda u: _scaled(u, math.pi / 180.0),
    "rad2deg": lambda u: _scaled(u, 180.0 / math.pi),
    "degrees": lambda u: _scaled(u, 180.0 / math.pi),
    "matmul": _product(np.matmul),
    "erf": lambda u: _integral(
        0.0, _scaled(_exp(_scaled(_times(u, u), -1.0)), 2 / math.sqrt(math.pi)), u
    ),
    "expit": lambda u: _inverse(_one_plus(_exp(_scaled(u, -1.0)))),
}


def _cbrt_of(u: Series) -> Series:
    return _exp(
        _scaled(_log([np.absolute(u[0]), *_scaled(u[1:], np.sign(u[0]))]), 1 / 3), np.cbrt(u[0])
    )
