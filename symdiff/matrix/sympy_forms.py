"""Matrix formulas as SymPy matrix expressions, where SymPy can say them.

Vectors are columns. Nothing is evaluated: ``A * B`` would call ``doit`` on matrix expressions, so
`MatMul` and its kin are built directly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy.matrices.expressions import (
    HadamardPower,
    HadamardProduct,
    Identity,
    Inverse,
    MatAdd,
    MatMul,
    MatrixExpr,
    MatrixSymbol,
    OneMatrix,
    Trace,
    Transpose,
)
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.determinant import Determinant

from symdiff.errors import Untraceable
from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape, axes_of
from symdiff.matrix.size import symbolic_length
from symdiff.operations import sympy_functions
from symdiff.operations.table import OPERATIONS
from symdiff.printing.recursion import call_deep

__all__ = ["Converter"]

_X = sympy.Symbol("x", real=True)
_HALF = sympy.Rational(1, 2)


def _sides(shape: Shape) -> tuple[Any, Any]:
    """Return rows and columns; a vector is a column."""
    if len(shape) > 2:
        raise Untraceable(
            f"SymPy has no matrix expression with {len(shape)} axes; read str(), .latex() or "
            ".source of the gradient instead"
        )
    sizes = [sympy.sympify(symbolic_length(n)) for n in shape] + [sympy.S.One] * (2 - len(shape))
    return sizes[0], sizes[1]


def _product(*factors: Any) -> Any:
    """Return an unevaluated product of scalars and matrices."""
    if not any(isinstance(f, (MatrixExpr, sympy.MatrixBase)) for f in factors):
        return sympy.Mul(*factors)
    return MatMul(*factors, evaluate=False)


# SymPy's own functions are those of the table; others are written out.
_FUNCTIONS: dict[str, Any] = {
    row.name: row.sympy
    for row in OPERATIONS.values()
    if row.kind == "function" and row.sympy not in vars(sympy_functions).values()
} | {
    "expm1": lambda x: sympy.exp(x) - 1,
    "log1p": lambda x: sympy.log(1 + x),
    "absolute": sympy.Abs,
    "sign": sympy.sign,
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "logcosh": lambda x: sympy.log(sympy.cosh(x)),
    "rexpm1": lambda x: 1 / (sympy.exp(x) - 1),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "relu": lambda x: sympy.Max(x, 0),
    "step": lambda x: sympy.Heaviside(x, _HALF),
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x**2,
}


class Converter:
    """Turns nodes into SymPy expressions of inputs and named intermediates.

    Parameters
    ----------
    inputs : mapping of str to Node
        By name.
    lets : mapping of int to str
        The names of intermediates, by index of their node.
    """

    def __init__(self, inputs: Mapping[str, Node], lets: Mapping[int, str]) -> None:
        self._inputs = {node.index: self._symbol(name, node) for name, node in inputs.items()}
        self._lets = lets
        self._full: dict[int, Any] = dict(self._inputs)
        self._named: dict[int, Any] = dict(self._inputs)

    @staticmethod
    def _symbol(name: str, node: Node) -> Any:
        """Return the symbol of a value."""
        if node.shape == ():
            return sympy.Symbol(name, real=True)
        return MatrixSymbol(name, *_sides(node.shape))

    def full(self, node: Node) -> Any:
        """Return a node in terms of the inputs."""
        return call_deep(lambda: self._convert(node, self._full))

    def form(self, node: Node) -> Any:
        """Return a node in terms of inputs and intermediates."""
        if node.index in self._lets:
            return self._symbol(self._lets[node.index], node)
        for index, name in self._lets.items():
            if index not in self._named:
                self._named[index] = self._symbol(name, node.graph.nodes[index])
        return call_deep(lambda: self._convert(node, self._named))

    def definition(self, node: Node) -> tuple[Any, Any]:
        """Return the symbol of an intermediate and its definition."""
        symbol = self.form(node)
        for arg in node.args:
            self.form(arg)
        return symbol, call_deep(lambda: self._one(node, self._arguments(node)))

    def _arguments(self, node: Node) -> list[Any]:
        return [
            self._symbol(self._lets[arg.index], arg)
            if arg.index in self._lets
            else self._named[arg.index]
            for arg in node.args
        ]

    def _convert(self, node: Node, known: dict[int, Any]) -> Any:
        """Return a node in terms of what is known, operands first."""
        stack = [node]
        while stack:
            current = stack[-1]
            waiting = [arg for arg in current.args if arg.index not in known]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if current.index not in known:
                args = [known[arg.index] for arg in current.args]
                known[current.index] = self._one(current, args)
        return known[node.index]

    def _one(self, node: Node, args: list[Any]) -> Any:
        """Return the expression of one operation."""
        _sides(node.shape)
        if node.op in _FUNCTIONS:
            return _applied(_FUNCTIONS[node.op], args[0])
        rule = _FORMS.get(node.op)
        if rule is None:
            raise Untraceable(
                f"SymPy has no matrix expression for {node.op}; read str(), .latex() or .source "
                "of the gradient instead"
            )
        return rule(node, args)


def _applied(function: Any, x: Any) -> Any:
    """Return a function of a scalar, or of each entry."""
    if not isinstance(x, (MatrixExpr, sympy.MatrixBase)):
        return function(x)
    if function is _FUNCTIONS["square"]:
        return HadamardPower(x, 2)
    return ElementwiseApplyFunction(sympy.Lambda(_X, function(_X)), x)


def _lifted(x: Any, have: Shape, shape: Shape) -> Any:
    """Return an expression of one shape repeated to another by products with ones."""
    if have == shape or shape == ():
        return x
    rows, columns = _sides(shape)
    if have == ():
        return _product(x, OneMatrix(rows, columns))
    if len(have) == 1 and len(shape) == 2:
        x, have = Transpose(x), (1, have[0])
    full = (*have, 1)[:2]
    left = full[0] == 1 and shape[0] != 1
    right = full[1] == 1 and len(shape) == 2 and shape[1] != 1
    factors = [OneMatrix(rows, 1)] * left + [x] + [OneMatrix(1, columns)] * right
    return _product(*factors) if len(factors) > 1 else x


def _operands(node: Node, args: list[Any]) -> list[Any]:
    return [_lifted(x, arg.shape, node.shape) for x, arg in zip(args, node.args, strict=True)]


def _added(node: Node, args: list[Any]) -> Any:
    a, b = _operands(node, args)
    return a + b if node.shape == () else MatAdd(a, b, evaluate=False)


def _subtracted(node: Node, args: list[Any]) -> Any:
    a, b = _operands(node, args)
    return a - b if node.shape == () else MatAdd(a, _product(-1, b), evaluate=False)


def _multiplied(node: Node, args: list[Any]) -> Any:
    for k in (0, 1):
        if node.args[k].shape == ():
            return _product(args[k], args[1 - k])
    return HadamardProduct(*_operands(node, args), evaluate=False)


def _divided(node: Node, args: list[Any]) -> Any:
    if node.args[1].shape == ():
        return _product(1 / args[1], _lifted(args[0], node.args[0].shape, node.shape))
    a, b = _operands(node, args)
    if node.args[0].number == 1:
        return HadamardPower(b, -1)
    return HadamardProduct(a, HadamardPower(b, -1), evaluate=False)


def _powered(node: Node, args: list[Any]) -> Any:
    if node.shape == ():
        return args[0] ** args[1]
    if node.args[1].shape != ():
        raise Untraceable("SymPy has no power of a matrix with a matrix as exponent of each entry")
    return HadamardPower(_lifted(args[0], node.args[0].shape, node.shape), args[1])


def _matmul(node: Node, args: list[Any]) -> Any:
    a, b = node.args
    if a.ndim == 1 and b.ndim == 1:
        return Trace(_product(Transpose(args[0]), args[1]))
    if a.ndim == 1:
        return _product(Transpose(args[1]), args[0])
    return _product(*args)


def _summed(x: Any, shape: Shape, node: Node) -> Any:
    """Return the sum over the axes of a node."""
    axes = axes_of(node.params)
    kept = node.params[1]
    rows, columns = _sides(shape)
    if len(axes) == len(shape):
        factors = [OneMatrix(1, rows), x] + [OneMatrix(columns, 1)] * (len(shape) == 2)
        whole = _product(*factors)
        return whole if kept else Trace(whole)
    if axes == (1,):
        return _product(x, OneMatrix(columns, 1))
    row = _product(OneMatrix(1, rows), x)
    return row if kept else Transpose(row)


def _squares(node: Node, args: list[Any]) -> Any:
    (a,) = node.args
    if len(node.params[0]) == a.ndim and not node.params[1]:
        return Trace(_product(Transpose(args[0]), args[0]))
    return _summed(HadamardPower(args[0], 2), a.shape, node)


def _exponentials(node: Node, args: list[Any]) -> tuple[Any, Any]:
    """Return the exponentials of an operand, and the sums of them along an axis."""
    exponentials = _applied(sympy.exp, args[0])
    return exponentials, _summed(exponentials, node.args[0].shape, node)


def _softmax(node: Node, args: list[Any]) -> Any:
    shape = node.shape
    rows, columns = _sides(shape)
    e = _applied(sympy.exp, args[0])
    if len(shape) == 1:
        return _product(1 / Trace(_product(OneMatrix(1, rows), e)), e)
    if node.params[0] == 1:
        sums = _product(e, OneMatrix(columns, 1), OneMatrix(1, columns))
    else:
        sums = _product(OneMatrix(rows, 1), OneMatrix(1, rows), e)
    return HadamardProduct(e, HadamardPower(sums, -1), evaluate=False)


def _reshaped(node: Node, args: list[Any]) -> Any:
    before, after = _sides(node.args[0].shape), _sides(node.shape)
    if node.shape == ():
        return Trace(args[0])
    if node.args[0].shape == ():
        return _product(args[0], OneMatrix(1, 1))
    if before == after:
        return args[0]
    if before == after[::-1] and 1 in after:
        return Transpose(args[0])
    raise Untraceable("SymPy has no matrix expression for reshape; read str() of the gradient")


def _array(node: Node, args: list[Any]) -> Any:
    values = node.graph.arrays[node.params[0]]
    rows = values.reshape(-1, 1) if values.ndim == 1 else values
    return sympy.ImmutableDenseMatrix(*rows.shape, rows.ravel().tolist())


_FORMS: dict[str, Callable[[Node, list[Any]], Any]] = {
    "number": lambda node, args: sympy.sympify(node.params[0]),
    "array": _array,
    "length": lambda node, args: sympy.sympify(symbolic_length(node.params[0])),
    "eye": lambda node, args: Identity(sympy.sympify(symbolic_length(node.params[0]))),
    "add": _added,
    "subtract": _subtracted,
    "negate": lambda node, args: _product(-1, args[0]),
    "multiply": _multiplied,
    "divide": _divided,
    "power": _powered,
    "matmul": _matmul,
    "outer": lambda node, args: _product(args[0], Transpose(args[1])),
    "inner": lambda node, args: Trace(_product(Transpose(args[0]), args[1])),
    "sum": lambda node, args: _summed(args[0], node.args[0].shape, node),
    "sumsquares": _squares,
    "norm": lambda node, args: _applied(sympy.sqrt, _squares(node, args)),
    "logsumexp": lambda node, args: _applied(sympy.log, _exponentials(node, args)[1]),
    "softmax": _softmax,
    "transpose": lambda node, args: Transpose(args[0]),
    "reshape": _reshaped,
    "broadcast": lambda node, args: _lifted(args[0], node.args[0].shape, node.shape),
    "trace": lambda node, args: Trace(args[0]),
    "det": lambda node, args: Determinant(args[0]),
    "logdet": lambda node, args: sympy.log(Determinant(args[0])),
    "logabsdet": lambda node, args: sympy.log(sympy.Abs(Determinant(args[0]))),
    "signdet": lambda node, args: sympy.sign(Determinant(args[0])),
    "inv": lambda node, args: Inverse(args[0]),
    "solve": lambda node, args: _product(Inverse(args[0]), args[1]),
}
