"""The program: operations on values of known shapes, in an order in which they can run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    *("CONSTANT", "FINITE", "INPUT", "LOOP", "PICK", "Body", "Guard", "Node", "Program", "body_of"),
    *("constant", "is_number", "loops_on_arrays", "operand", "reachable"),
]

_FLOAT = np.dtype(float)
INPUT, CONSTANT = "input", "constant"
#: The operations that are a loop, and one of its results.
LOOP, PICK = "loop", "loop_result"
#: What a guard says of a number for which the function itself is called unless it is finite.
FINITE = "finite"


class Node:
    """One value of a program: an input, a constant, or the result of an operation.

    `params` are arguments by keyword, which are no values of the program; `function` computes it,
    or is the value of a constant: a number where all elements are that number. `name` is that in
    the user's function, if any; `rule` the rule that asked for it, nothing in the forward part;
    `kind` is kept for `autodiff.plan.operations.kind_of`.
    """

    __slots__ = ("args", "dtype", "function", "kind", "name", "op", "params", "rule", "shape")

    def __init__(
        self,
        op: str,
        args: Sequence["Node"],
        params: dict[str, Any],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        function: Any = None,
    ) -> None:
        self.op = op
        self.args = tuple(args)
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.function = function
        self.name = ""
        self.rule = ""
        self.kind: Any = None

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        return self.size * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"<{self.op} {self.name} {self.dtype}{list(self.shape)}>"


def constant(value: Any, shape: tuple[int, ...] | None = None) -> Node:
    """Return the node of a constant.

    Examples
    --------
    >>> constant(np.ones((2, 3))).function, constant(np.ones((2, 3))).shape
    (1.0, (2, 3))
    """
    dtype = np.result_type(value)
    own = np.shape(value) if shape is None else shape
    if isinstance(value, np.ndarray) and value.size and dtype.kind in "fiub":
        first = value.reshape(-1)[0]
        # Bytes, since 0.0 is not -0.0 and NaN is NaN.
        if value.nbytes <= 1 << 20 and value.tobytes() == first.tobytes() * value.size:
            value = first
    if own and isinstance(value, np.generic) and value.dtype == np.float64:
        # Of no axes it stays NumPy's, whose type counts among others.
        value = float(value)
    return Node(CONSTANT, (), {}, own, dtype, value)


def operand(value: Any) -> Node:
    """Return the node of an operand from outside the program, as it came."""
    if type(value) is float:
        return Node(CONSTANT, (), {}, (), _FLOAT, value)
    return Node(CONSTANT, (), {}, np.shape(value), np.result_type(value), value)


def is_number(node: Node, *values: float) -> bool:
    """Return whether a node is a constant whose elements are all the same real number.

    Examples
    --------
    >>> is_number(constant(2.0)), is_number(constant(2.0), 1.0), is_number(constant(np.arange(2)))
    (True, False, False)
    """
    if node.op != CONSTANT or isinstance(node.function, np.ndarray | complex | np.complexfloating):
        return False
    return not values or node.function in values


@dataclass(frozen=True)
class Guard:
    """A decision of the user's control flow, and the outcome that the program is for.

    `what` says how the value was converted: ``"bool"``, ``"index"`` or ``"shape"``; or that all of
    it became plain: ``"value"``, whose outcome is its bytes. What must be `FINITE` has none.
    """

    node: Node
    what: str
    outcome: Any


@dataclass
class Program:
    """A function as operations in an order in which they can run.

    `inputs` and `outputs` are the leaves of arguments and result. `nodes` has all operations,
    operands before what uses them; inputs and constants are not among them.
    """

    inputs: list[Node]
    outputs: list[Node]
    guards: list[Guard]
    nodes: list[Node]

    @property
    def operations(self) -> int:
        """Number of operations, those of loops as often as they run."""
        return sum(
            body_of(node).count * len(body_of(node).needed()) if node.op == LOOP else 1
            for node in self.nodes
            if node.op != PICK
        )

    @property
    def roots(self) -> list[Node]:
        """The values that the operations are for: outputs and decisions."""
        return [*self.outputs, *(guard.node for guard in self.guards)]


def reachable(roots: Iterable[Node]) -> set[int]:
    """Return the identities of all nodes that roots need."""
    found: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found.add(id(node))
            stack += node.args
    return found


@dataclass(eq=False)
class Body:
    """The body of a loop."""

    #: Number of iterations.
    count: int
    #: Inputs that come from the iteration before, and their values in the next.
    carries: list[Node] = field(default_factory=list)
    following: list[Node] = field(default_factory=list)
    #: Inputs that come from lists, what identifies the list, and its numbers; if these are
    #: computed, operands of the loop stand for them.
    lists: list[tuple[Node, int, list[float] | None]] = field(default_factory=list)
    #: Inputs that come from the first axis of an array, an operand of the loop, and whether they
    #: start at its end; nothing for a loop on numbers, whose results are lists, not arrays.
    stacks: list[tuple[Node, bool]] | None = None
    #: Inputs that are the same for all iterations.
    shared: list[Node] = field(default_factory=list)
    #: Inputs that the other loop saved, whose last is the first, and their number there.
    saved: list[tuple[Node, int]] = field(default_factory=list)
    #: What each iteration saves, and what it gives.
    kept: list[Node] = field(default_factory=list)
    given: list[Node] = field(default_factory=list)
    #: Decisions that must be the same in each.
    guards: list[Guard] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    #: The body of the loop that saved what this one uses.
    other: "Body | None" = None
    #: Its operations as the steps of a loop that Numba compiles, if it does.
    fused: Any = None

    @property
    def roots(self) -> list[Node]:
        """The values that the operations are for."""
        return [*self.following, *self.given, *self.kept, *(guard.node for guard in self.guards)]

    @property
    def program(self) -> Program:
        """One iteration as a program."""
        given = [*(x for x, _, _ in self.lists), *(x for x, _ in self.stacks or ())]
        inputs = [*self.carries, *given, *(x for x, _ in self.saved), *self.shared]
        outputs = [*self.following, *self.given, *self.kept]
        return Program(inputs, outputs, self.guards, self.needed())

    def become(self, program: Program) -> None:
        """Take over a program of one iteration that gives the same."""
        outputs = iter(program.outputs)
        self.following = [next(outputs) for _ in self.following]
        self.given = [next(outputs) for _ in self.given]
        self.kept = [next(outputs) for _ in self.kept]
        self.guards, self.nodes = program.guards, program.nodes

    def needed(self) -> list[Node]:
        """Return the operations that are needed."""
        found = reachable(self.roots)
        return [node for node in self.nodes if id(node) in found]


def body_of(node: Node) -> Body:
    """Return the body of the loop that a node is."""
    body = node.params["body"]
    assert isinstance(body, Body)
    return body


def loops_on_arrays(nodes: Iterable[Any]) -> list[Body]:
    """Return the bodies of the loops on arrays among nodes, but of those that Numba compiles."""
    bodies = [body_of(x) for x in nodes if isinstance(x, Node) and x.op == LOOP]
    return [body for body in bodies if body.stacks is not None and body.fused is None]
