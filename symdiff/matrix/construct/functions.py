"""Powers and functions of each element; the logarithms that have a short form."""

from __future__ import annotations

from symdiff.matrix.construct.arithmetic import (
    Arrays,
    add,
    as_number,
    complement,
    divide,
    exponents,
    is_positive,
    log_sum_exp,
    multiply,
    negate,
    one_or_all,
    square,
    subtract,
    unshifted,
)
from symdiff.matrix.construct.movement import make, reshape
from symdiff.matrix.node import Node
from symdiff.store.stable import stable_logarithm

__all__ = ["elementwise", "power"]


def power(x: Node, exponent: Node) -> Node:
    """Return x**exponent."""
    n = exponent.number
    if n is None:
        return make("power", x, exponent)
    if x.number is not None and (x.number > 0 or float(n).is_integer()) and (x.number or n >= 0):
        return x.graph.number(x.number**n)
    if n == 1:
        return as_number(x)
    if n == 2:
        return elementwise("square", x)
    if n > 2 and n % 2 == 0 and x.op in ("norm", "sqrt"):
        squared = square(x)
        if squared.op != "square":
            return power(squared, n_half(exponent))
    if n > 2 and n % 2 == 1 and x.op == "sqrt":
        return make("power", x.args[0], n_half(exponent))
    if n == 0.5:
        return elementwise("sqrt", x)
    if n == -1:
        return divide(x.graph.number(1), x)
    return make("power", x, exponent)


def n_half(exponent: Node) -> Node:
    """Return half of a number."""
    assert exponent.number is not None
    return exponent.graph.number(exponent.number / 2)


def elementwise(op: str, *args: Node) -> Node:
    """Return an operation applied to each element."""
    x = args[0]
    if op == "square" and x.number is not None:
        return x.graph.number(x.number**2)
    if op == "square" and x.op == "negate":
        x, args = x.args[0], x.args
    if op == "square":
        return square(x)
    if op == "sqrt" and x.op == "sumsquares":
        a, (axes, keepdims) = x.args[0], x.params
        return make("norm", a, params=(axes, keepdims))
    if op == "maximum":
        for a, b in (args, args[::-1]):
            if b.number == 0:
                return make("relu", a)
    if op == "log":
        return _log(x)
    if op == "log1p" and x.op == "exp":
        return make("softplus", x.args[0])
    if op == "log1p" and x.op == "negate" and x.args[0].op == "sigmoid":
        return negate(make("softplus", x.args[0].args[0]))
    if op in ("xlogy", "xlog1py"):
        log = _log(args[1], True) if op == "xlogy" else elementwise("log1p", args[1])
        if log.op not in ("log", "log1p"):  # a form without overflow, of what is never 0
            return multiply(x, log)
    if op == "logaddexp":
        for a, b in (args, args[::-1]):
            if a.number == 0:
                return make("softplus", b)
    return make(op, *args)


def _log(x: Node, positive: bool = False) -> Node:
    """Return log(x), with the logarithms of determinants, sums of exponentials, and softmax.

    Where it is to be finite everywhere, x has to be `positive` by how it is made.
    """
    if x.op == "sum" and x.args[0].op == "exp":
        axes, keepdims = x.params
        u, shift = unshifted(x.args[0].args[0], axes)
        whole = make("logsumexp", u, params=(one_or_all(axes), keepdims))
        if shift is None:
            return whole
        along = [axis - (u.ndim - shift.ndim) for axis in axes]
        if not keepdims:
            kept = tuple(n for k, n in enumerate(shift.shape) if k not in along)
            shift = reshape(shift, kept)
        return subtract(whole, shift)
    weighted = _weighted_exponentials(x)
    if weighted is not None:
        return weighted
    if x.op == "divide" and x.args[0].op == "sum" and x.args[0].args[0].op == "exp":
        n = x.args[1]
        if n.op == "length" or (n.number or 0) > 0:
            return subtract(_log(x.args[0]), make("log", n))
    if x.op == "index" and x.args[0].op in ("exp", "softmax"):
        return make("index", _log(x.args[0]), params=x.params)
    several = [arg.op for arg in x.args].count("exp") if x.op == "divide" else 0
    if several == 2 or (several and not positive):
        return subtract(_log(x.args[0]), _log(x.args[1]))
    if x.op == "exp":
        return x.args[0]
    if x.op == "softmax":
        return subtract(x.args[0], make("logsumexp", x.args[0], params=(x.params[0], True)))
    if x.op == "det":
        (a,) = x.args
        return negate(make("logdet", a.args[0])) if a.op == "inv" else make("logdet", a)
    if x.op == "absolute" and x.args[0].op == "det":
        return make("logabsdet", x.args[0].args[0])
    if x.op == "sigmoid":
        return negate(make("softplus", negate(x.args[0])))
    z = complement(x)
    if z is not None:
        return negate(make("softplus", z))
    if x.op in ("add", "multiply"):
        terms = exponents(x)
        if terms is not None:
            return log_sum_exp(terms)
    stable = stable_logarithm(Arrays(x.graph), x, positive)
    return make("log", x) if stable is None else stable


def _weighted_exponentials(x: Node) -> Node | None:
    """Return the logarithm of a sum of exponentials with positive weights, else None."""
    product = x.args[0] if x.op == "sum" else x
    if product.op not in (("multiply",) if x.op == "sum" else ("inner", "matmul")):
        return None
    for weights, terms in (product.args, product.args[::-1]):
        fits = terms.shape == (product.shape if x.op == "sum" else weights.shape)
        if terms.op != "exp" or not is_positive(weights) or not fits or (x.shape and x is product):
            continue
        axes, kept = x.params if x.op == "sum" else (tuple(range(terms.ndim)), False)
        shifted = add(terms.args[0], make("log", weights))
        return make("logsumexp", shifted, params=(one_or_all(axes), kept))
    return None
