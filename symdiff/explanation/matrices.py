"""Derivations of matrix formulas step by step: every operation a line, every line its rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from symdiff.explanation.lines import Explanation, Line, check_length, slope, title, used_again
from symdiff.matrix import construct
from symdiff.matrix.form import Typesetter
from symdiff.matrix.lets import LEAVES, VIEWS, name_lets
from symdiff.matrix.node import Node, depends, reachable
from symdiff.matrix.rewriting import as_written
from symdiff.matrix.shapes import shown
from symdiff.matrix.spelling import display_names
from symdiff.matrix.table import RULES
from symdiff.matrix.trace import MatrixTrace, trace_matrices

__all__ = ["REASONS", "MatrixLines", "explain_matrices"]

_NOTE = "In a rule, G is the derivative by the result of the operation."

# Why an operation passes its adjoint on as it does.
REASONS = {
    "add": "a sum passes the derivative on to every term; what was repeated collects it by a sum",
    "subtract": "a difference passes the derivative on, with a minus to what is subtracted",
    "negate": "a change of sign changes the sign of the derivative",
    "multiply": "of a product, entry by entry, the derivative is the other factor",
    "divide": "a quotient A/B has the derivatives G/B by A, and -(G/B)(A/B) by B, entry by entry",
    "power": "the power rule, entry by entry",
    "square": "the derivative of a square is twice what is squared",
    "sigmoid": "the derivative of s = σ(z) is s (1 - s), entry by entry, from the value alone",
    "tanh": "the derivative of t = tanh(z) is 1 - t², entry by entry, from the value alone",
    "relu": "what is positive passes the derivative on, the rest nothing",
    "exp": "the derivative of exp is exp itself, entry by entry",
    "log": "the derivative of log is one over its argument, entry by entry",
    "sqrt": "the derivative of a square root is one over twice the root, entry by entry",
    "absolute": "the derivative of |x| is the sign of x, entry by entry",
    "sin": "the derivative of sin is cos, entry by entry",
    "cos": "the derivative of cos is -sin, entry by entry",
    "softplus": "the derivative of log(1 + exp(z)) is σ(z), entry by entry",
    "max": "the largest entry takes the derivative; a tie shares it",
    "min": "the smallest entry takes the derivative; a tie shares it",
    "transpose": "a transpose passes the transpose on",
    "reshape": "what is only reshaped passes the derivative on in the shape that it had",
    "broadcast": "what is repeated collects the derivative by a sum",
    "index": "what is taken from an array passes the derivative back to its place",
    "diag": "a diagonal matrix passes on the diagonal of the derivative",
    "diagonal": "a diagonal passes the derivative back to its place",
    "concatenate": "what is joined passes each part its share of the derivative",
    "matmul": "a product C = A B passes G Bᵀ to A, and Aᵀ G to B",
    "outer": "an outer product a bᵀ passes G b to a, and Gᵀ a to b",
    "inner": "an inner product of a and b passes G b to a, and G a to b",
    "sum": "every entry has derivative 1 in the sum: G is repeated to the shape of what is summed",
    "sumsquares": "a sum of squares ‖A‖² has the derivative 2 A",
    "norm": "a norm ‖A‖ has the derivative A/‖A‖",
    "softmax": "p = softmax(z) passes on p ∘ (G - what G weighs on average under p)",
    "logsumexp": "the derivative of log Σ exp is the softmax",
    "trace": "a trace has the derivative I",
    "det": "a determinant |A| has the derivative |A| A⁻ᵀ",
    "logdet": "log |A| has the derivative A⁻ᵀ",
    "logabsdet": "log |A| has the derivative A⁻ᵀ",
    "inv": "an inverse B = A⁻¹ passes -Bᵀ G Bᵀ to A",
    "solve": "a solution X = A⁻¹ B passes A⁻ᵀ G to B, and minus that times Xᵀ to A",
    "where": "the branch that is chosen takes the derivative, the other none",
    "maximum": "the larger of two takes the derivative; a tie shares it",
    "minimum": "the smaller of two takes the derivative; a tie shares it",
}


def _is_written_in_place(node: Node) -> bool:
    """Return whether a node is only a view of its operand, or a multiple of it."""
    if node.op in LEAVES or node.op in VIEWS:
        return True
    number = {"multiply": 0, "divide": 1}.get(node.op)
    return number is not None and node.args[number].op in ("number", "length")


class MatrixLines:
    """The lines of one function of matrices."""

    def __init__(self, traced: MatrixTrace) -> None:
        self.graph = traced.graph
        self.value = traced.value
        self.inputs = traced.inputs
        self.order = reachable([traced.value])
        self.active = depends(self.order, traced.inputs.values())
        shapes = {n for node in traced.inputs.values() for n in node.shape if isinstance(n, str)}
        taken = [*traced.inputs, *shapes, "L", "f"]
        known = {node.index for node in traced.inputs.values()}
        named = {k: name for k, name in self.graph.names.items() if k not in known}
        lets = [
            node
            for node in self.order
            if node is not self.value
            and node.index not in known
            and node.index in self.active
            and (not _is_written_in_place(node) or node.index in named)
        ]
        names = name_lets(lets, named, {}, taken)
        self.names = display_names(traced.inputs, names, False)
        self.spelled = display_names(traced.inputs, names, True)
        self.result = next(n for n in ("L", "f", "value") if n not in self.names.values())
        self.names.setdefault(self.value.index, self.result)
        self.spelled.setdefault(self.value.index, self.result)
        self.lets = lets
        self.parts: dict[int, list[tuple[Node, Node]]] = {}
        self.totals: list[tuple[str, Node, Node]] = []  # left side, its symbol, what it is

    def write(self, node: Node, *, defined: bool = False, latex: bool = False) -> str:
        """Return the formula of a node, in terms of names."""
        names = self.spelled if latex else self.names
        if not defined and node.index in names:
            return names[node.index]
        return Typesetter(latex, names, RULES).write(node)

    def forward(self) -> list[Line]:
        """Return the lines of the forward pass."""
        lines = [(self.names[node.index], self._with_shape(node), node) for node in self.lets]
        lines.append((self.result, self.write(self.value, defined=True), self.value))
        return [
            Line(name, "", text, equation=(self._left(node), "", self._right(node)))
            for name, text, node in lines
        ]

    def _left(self, node: Node) -> str:
        """Return the name of a node as LaTeX."""
        return self.result if node is self.value else self.spelled[node.index]

    def _right(self, node: Node) -> str:
        """Return the definition of a node as LaTeX."""
        return self.write(node, defined=True, latex=True)

    def _with_shape(self, node: Node) -> str:
        """Return a formula and its shape."""
        text = self.write(node, defined=True)
        return f"{text}      {shown(node.shape)}" if node.shape else text

    def backward(self, wrt: Iterable[str]) -> list[Line]:
        """Return the lines of the backward pass."""
        lines = []
        sources = {self.inputs[name].index: name for name in wrt}
        inputs = {node.index for node in self.inputs.values()}
        for node in reversed(self.order):
            if node.index in inputs or node.index not in self.active:
                continue
            if node is self.value:
                self._pass_on(node, node, self.graph.number(1))
            elif node.index in self.names:
                if node.index in self.parts:
                    lines.append(self._line(node))
                    self._pass_on(node, node, self.adjoint)
            else:
                for user, bar in self.parts.pop(node.index, []):
                    self._pass_on(node, user, bar)
        return lines + [self._line(self.inputs[name]) for name in sources.values()]

    def _pass_on(self, node: Node, user: Node, bar: Node) -> None:
        """Give the operands of an operation their shares of its adjoint."""
        rule = RULES[node.op]
        if rule.adjoint is None:
            return
        for arg, part in zip(node.args, rule.adjoint(node, bar), strict=True):
            if part is not None and arg.index in self.active:
                self.parts.setdefault(arg.index, []).append((user, part))

    def _line(self, node: Node) -> Line:
        """Return the derivative by a node, and keep a symbol for it."""
        name, result = self.names[node.index], self.result
        left, symbol = f"∂{result}/∂{name}", slope(result, self.spelled[node.index])
        parts = self.parts.get(node.index, [])
        if node is self.value:
            return Line(left, "", "1", (f"{result} is {name} itself.",), None, (symbol, "", "1"))
        if not parts:
            reason = f"{result} does not depend on {name}."
            return Line(left, "", "0", (reason,), None, (symbol, "", "0"))
        total = parts[0][1]
        for _, part in parts[1:]:
            total = construct.add(total, part)
        [total], _ = as_written([total], self.value.index, self.names)
        text = self.write(total)
        equation = (symbol, "", self.write(total, latex=True))
        rules = [self._rule(user) for user, _ in parts]
        rules += used_again(name, len(parts))
        self.adjoint = self.graph.input(left, node.shape)
        self.names[self.adjoint.index] = f"({left})"
        self.spelled[self.adjoint.index] = symbol
        self.totals.append((left, self.adjoint, total))
        right = text[1:-1] if text.startswith("(∂") and text.find(")") == len(text) - 1 else text
        return Line(left, "", right, tuple(dict.fromkeys(rules)), None, equation)

    def _rule(self, user: Node) -> str:
        """Return why an operation passes its derivative on as it does, and who says so."""
        reason = REASONS.get(user.op, f"the rule of {user.op}")
        left = self.names[user.index]
        definition = self.write(user, defined=True)
        return f"{left} = {definition}: {reason} ({RULES[user.op].cited})."


def explain_matrices(f: Callable[..., Any], given: Mapping[str, Any]) -> Explanation:
    """Return the derivation of a gradient with whole matrices."""
    traced = trace_matrices(f, given)
    derivation = MatrixLines(traced)
    check_length(2 * len(derivation.lets) + len(traced.inputs), "take fewer layers")
    forward = derivation.forward()
    backward = derivation.backward(traced.inputs)
    return Explanation(title(derivation.result, traced.inputs), forward, backward, _NOTE)
