"""The table of derivatives: for each operation, its partials as formulas.

An entry takes the graph, the node itself and its arguments, so that a derivative can be written in
terms of the value (``tanh`` gives ``1 - tanh**2``), which is then shared instead of computed again
and is finite where the value is.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from symdiff.store.dag import ONE, ZERO, Dag

__all__ = ["PARTIALS", "Singular", "derivative_of", "partials", "scale"]

Partials = tuple[int, ...]


def _reciprocal(dag: Dag, x: int) -> int:
    """Return 1/x."""
    return dag.divide(ONE, x)


def _one_minus(dag: Dag, x: int) -> int:
    """Return 1 - x."""
    return dag.subtract(ONE, x)


def _root(dag: Dag, x: int) -> int:
    """Return sqrt(x)."""
    return dag.apply("sqrt", x)


def _products_of_others(dag: Dag, _: int, *factors: int) -> Partials:
    """Return, for each factor, the product of all others: running products from both ends."""
    if len(factors) == 2:
        return factors[1], factors[0]
    before, after = [ONE], [ONE]
    for left, right in zip(factors[:-1], reversed(factors[1:]), strict=True):
        before.append(dag.multiply(before[-1], left))
        after.append(dag.multiply(right, after[-1]))
    return tuple(dag.multiply(b, a) for b, a in zip(before, reversed(after), strict=True))


def _quotient(dag: Dag, n: int, x: int, y: int) -> Partials:
    """Return the partials of x/y."""
    return _reciprocal(dag, y), dag.negate(dag.divide(n, y))


def _power(dag: Dag, n: int, base: int, exponent: int) -> Partials:
    """Return the partials of base**exponent."""
    if dag.ops[exponent] == "number" and dag.data[exponent] < 1:
        by_base = dag.divide(exponent, dag.power(base, dag.subtract(ONE, exponent)))
    else:
        by_base = dag.multiply(exponent, dag.power(base, dag.subtract(exponent, ONE)))
    if dag.ops[exponent] == "number":
        return by_base, ZERO
    by_exponent = dag.multiply(n, dag.apply("log", base))
    if dag.ops[base] != "number":
        # 0**y stays 0 next to a positive y, and 0*log(0) is not a number.
        by_exponent = dag.choose(dag.compare("eq", n, ZERO), ZERO, by_exponent)
    return by_base, by_exponent


def _extreme(dag: Dag, n: int, *args: int) -> Partials:
    """Return the even share of each argument that ties for the largest or smallest."""
    ties = [dag.choose(dag.compare("eq", arg, n), ONE, ZERO) for arg in args]
    count = dag.add(*ties)
    return tuple(dag.divide(tie, count) for tie in ties)


def _larger(dag: Dag, n: int, *args: int) -> Partials:
    """Return the partials of a maximum."""
    if len(args) != 2:
        return _extreme(dag, n, *args)
    return dag.apply("step", *args), dag.apply("step", *args[::-1])


def _smaller(dag: Dag, n: int, *args: int) -> Partials:
    """Return the partials of a minimum."""
    return _extreme(dag, n, *args) if len(args) != 2 else _larger(dag, n, *args[::-1])


def _angle(dag: Dag, _: int, y: int, x: int) -> Partials:
    """Return the partials of the angle of (x, y)."""
    square = dag.add(dag.square(x), dag.square(y))
    return dag.divide(x, square), dag.negate(dag.divide(y, square))


def _of_log(base: int) -> Callable[[Dag, int, int], Partials]:
    """Return the rule of a logarithm."""

    def rule(dag: Dag, n: int, x: int) -> Partials:
        return (_reciprocal(dag, dag.multiply(x, dag.apply("log", dag.number(base)))),)

    return rule


def _of_arcsin(dag: Dag, n: int, x: int) -> int:
    """Return the derivative of the inverse sine."""
    return _reciprocal(dag, _root(dag, _one_minus(dag, dag.square(x))))


PARTIALS: dict[str, Callable[..., Partials]] = {
    "add": lambda dag, n, *args: (ONE,) * len(args),
    "mul": _products_of_others,
    "neg": lambda dag, n, x: (dag.number(-1),),
    "div": _quotient,
    "pow": _power,
    "sqrt": lambda dag, n, x: (_reciprocal(dag, dag.multiply(dag.number(2), n)),),
    "exp": lambda dag, n, x: (n,),
    "log": lambda dag, n, x: (_reciprocal(dag, x),),
    # 1 - s is sigmoid(-x), which keeps its digits where s is near 1.
    "sigmoid": lambda dag, n, x: (dag.multiply(n, dag.apply("sigmoid", dag.negate(x))),),
    "sin": lambda dag, n, x: (dag.apply("cos", x),),
    "cos": lambda dag, n, x: (dag.negate(dag.apply("sin", x)),),
    "tan": lambda dag, n, x: (dag.add(ONE, dag.square(n)),),
    "arcsin": lambda dag, n, x: (_of_arcsin(dag, n, x),),
    "arccos": lambda dag, n, x: (dag.negate(_of_arcsin(dag, n, x)),),
    "arctan": lambda dag, n, x: (_reciprocal(dag, dag.add(ONE, dag.square(x))),),
    "sinh": lambda dag, n, x: (dag.apply("cosh", x),),
    "cosh": lambda dag, n, x: (dag.apply("sinh", x),),
    "tanh": lambda dag, n, x: (_one_minus(dag, dag.square(n)),),
    "arcsinh": lambda dag, n, x: (_reciprocal(dag, dag.apply("hypot", ONE, x)),),
    "arccosh": lambda dag, n, x: (
        _reciprocal(
            dag,
            dag.multiply(_root(dag, dag.subtract(x, ONE)), _root(dag, dag.add(x, ONE))),
        ),
    ),
    "arctanh": lambda dag, n, x: (_reciprocal(dag, _one_minus(dag, dag.square(x))),),
    "absolute": lambda dag, n, x: (dag.apply("sign", x),),
    "sign": lambda dag, n, x: (ZERO,),
    "step": lambda dag, n, a, b: (ZERO, ZERO),
    "maximum": _larger,
    "minimum": _smaller,
    "fmaximum": _larger,
    "fminimum": _smaller,
    "cbrt": lambda dag, n, x: (_reciprocal(dag, dag.multiply(dag.number(3), dag.square(n))),),
    "exp2": lambda dag, n, x: (dag.multiply(n, dag.apply("log", dag.number(2))),),
    "expm1": lambda dag, n, x: (dag.apply("exp", x),),
    "log1p": lambda dag, n, x: (_reciprocal(dag, dag.add(ONE, x)),),
    "log2": _of_log(2),
    "log10": _of_log(10),
    "hypot": lambda dag, n, x, y: (dag.divide(x, n), dag.divide(y, n)),
    "arctan2": _angle,
    "logaddexp": lambda dag, n, x, y: (
        dag.apply("sigmoid", dag.subtract(x, y)),
        dag.apply("sigmoid", dag.subtract(y, x)),
    ),
    "where": lambda dag, n, c, a, b: (ZERO, dag.choose(c, ONE, ZERO), dag.choose(c, ZERO, ONE)),
}


def partials(dag: Dag, node: int) -> Partials:
    """Return the derivatives of a node with respect to each of its arguments.

    Examples
    --------
    >>> from symdiff.operations.sympy_conversion import to_sympy
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> to_sympy(dag, partials(dag, dag.apply("tanh", x)))
    [1 - tanh(x)**2]
    """
    rule = PARTIALS.get(dag.ops[node])
    if rule is None:
        raise NotImplementedError(
            f"no derivative is known for {dag.ops[node]}; the table has {', '.join(PARTIALS)}"
        )
    return rule(dag, node, *dag.args[node])


# Operations whose value may be infinite, or none, at finite arguments.
_SINGULAR_NAMES = (
    "div pow sqrt exp log tan arcsin arccos sinh cosh arccosh arctanh exp2 expm1 log1p log2 log10"
)
_SINGULAR = frozenset(_SINGULAR_NAMES.split())


class Singular:
    """Which nodes may be infinite, or not a number, at finite values of the symbols.

    Parameters
    ----------
    dag : Dag
        The graph, which may grow.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> singular = Singular(dag)
    >>> singular[dag.negate(dag.apply("log", x))], singular[dag.apply("sin", x)]
    (True, False)
    """

    def __init__(self, dag: Dag) -> None:
        self._dag = dag
        self._known = bytearray()

    def __getitem__(self, node: int) -> bool:
        known, dag = self._known, self._dag
        for new in range(len(known), node + 1):
            known.append(dag.ops[new] in _SINGULAR or any([known[arg] for arg in dag.args[new]]))
        return bool(known[node])


def scale(dag: Dag, partial: int, outer: int) -> int:
    """Return ``outer * partial``, a division where the partial is a reciprocal.

    Examples
    --------
    >>> dag = Dag()
    >>> x, y = dag.symbols("x", (2,)).tolist()
    >>> scale(dag, dag.divide(ONE, x), y) == dag.divide(y, x)
    True
    """
    if partial == ONE:
        return outer
    if outer == ONE:
        return partial
    op = dag.ops[partial]
    if op == "number":
        number = dag.data[partial]
        if isinstance(number, Fraction) and abs(number.numerator) == 1:
            return dag.divide(outer, dag.number(1 / number))
    elif op == "div":
        x, y = dag.args[partial]
        if x == ONE:
            return dag.divide(outer, y)
    elif op == "neg":
        return dag.negate(scale(dag, dag.args[partial][0], outer))
    return dag.multiply(outer, partial)


def derivative_of(application: Any, position: int) -> Any:
    """Return the derivative of a function of SymPy by one of its arguments, by our table.

    Examples
    --------
    >>> import sympy
    >>> from symdiff.operations.sympy_functions import Sigmoid
    >>> derivative_of(Sigmoid(sympy.Symbol("z", real=True)), 0)
    (1 - sigmoid(z))*sigmoid(z)
    """
    from symdiff.operations.sympy_conversion import FUNCTIONS, to_sympy

    [op] = [name for name, kind in FUNCTIONS.items() if kind is type(application)]
    dag = Dag()
    symbols = dag.symbols("arguments", (len(application.args),)).tolist()
    formulas = to_sympy(dag, [partials(dag, dag.apply(op, *symbols))[position], *symbols])
    return formulas[0].xreplace(dict(zip(formulas[1:], application.args, strict=True)))
