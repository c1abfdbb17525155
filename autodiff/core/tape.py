"""The tape: the nodes of one trace, in the order in which they were computed."""

import re
from collections.abc import Callable, Sequence
from itertools import count, takewhile
from typing import Any, NoReturn, Protocol

from autodiff.core.constants import Constants
from autodiff.core.primitive import Primitive
from autodiff.core.scipy_names import SCIPY, refusing_function
from autodiff.errors import LostDerivative, TraceEnded, Undifferentiable

__all__ = ["Form", "PassObserver", "Tape"]

#: The form in which a node is differentiated: a primitive of the same value, and its operands.
Form = tuple[Primitive, tuple[Any, ...]]
#: A `Tensor`, whose module is above this one.
Node = Any

_levels = count(1)
#: Messages of functions that are given an array of objects, and the types of these errors.
_OBJECTS = re.compile(
    r"(?i)object|dtype\('O'\)|not support|data type|array of floats|numeric|read-only|unorderable"
    r"|array type|type not understood"
)
#: Those of functions that are given a tensor.
_NOT_TENSOR = re.compile(r"not '?Tensor")
_ADVICE = (
    " (a function that does not know tensors got one, or an array of them): build arrays of them "
    "with np.stack or np.concatenate, not np.array; use NumPy's functions instead of SciPy's "
    "(np.linalg, np.fft), autodiff.scipy where NumPy has none, or give the function a rule with "
    "autodiff.custom"
)
_FOREIGN = (AttributeError, NotImplementedError, RuntimeError, SystemError, TypeError, ValueError)


class PassObserver(Protocol):
    """Observer of the backward passes that a tape records: which rule asked for which node."""

    def before_passes(self, nodes: Sequence[Node]) -> dict[int, Form]:
        """Return other forms of some of the nodes that will be differentiated, by identity."""

    def before_function(self) -> None:
        """Note that a function that will be differentiated is called."""

    def after_function(self) -> None:
        """Note that it has returned."""

    def before_only_pass(self, nodes: Sequence[Node], kept: Sequence[Any]) -> Sequence[Any]:
        """Return the nodes of a call of which one pass is made, or others of the same values.

        They then stand in their place on the tape; `kept` is needed besides.
        """

    def before_rule(self, node: Node, primitive: Primitive, adjoint: Any) -> None:
        """Note the node whose rule is applied next, and its adjoint."""

    def after_pass(self) -> None:
        """Note the end of a pass."""


class Tape:
    """The nodes of one trace, each after everything it was computed from.

    A `replayable` record serves for other inputs too: comparisons are nodes, and branches taken on
    them guards; otherwise both are plain. `brief` is as in `Constants`. Of a call that is `known`
    to work nothing is refused: what becomes a plain value is none that anybody differentiates, and
    a guard too.
    """

    __slots__ = (
        *("append", "batch", "careful", "constants", "copied", "ended", "guards", "known", "level"),
        *("limits", "lost", "marks", "nodes", "observer", "replayable", "scattered", "stores"),
        "written",
    )

    def __init__(self, replayable: bool = False, brief: bool = False, known: bool = False) -> None:
        self.nodes: list[Node] = []
        #: Puts a node on the tape.
        self.append = self.nodes.append
        #: Decisions of control flow: a node, how it was converted, and the outcome.
        self.guards: list[tuple[Node, str, Any]] = []
        #: For each buffer that plain NumPy would have changed in place (``a += b``) the number of
        #: nodes at that time.
        self.written: dict[int, int] = {}
        self.level = next(_levels)
        self.replayable = replayable
        self.known = known
        self.constants = Constants(brief)
        self.copied = self.constants.copied
        #: Whether the trace has ended; its tensors can be used no more.
        self.ended = False
        #: Whether operations may take no fast path: complex numbers are about, the trace ended, or
        #: its tensors stand for the elements of a batch.
        self.careful = False
        #: Of such tensors, what computes an operation for all elements at once.
        self.batch: Callable[..., Any] | None = None
        #: Whether NumPy has made an array of objects of tensors, as ``np.array([t, u])`` does.
        self.scattered = False
        #: The last refusal to turn a tensor into a plain value, which somebody may swallow.
        self.lost: LostDerivative | None = None
        #: What has happened: "masks" became plain ones, functions of "branches" were not called,
        #: the "classes" of tensors were asked for by code of other libraries, "text" was made,
        #: values led to "errors", which somebody may catch, "arguments" were written into.
        self.marks: tuple[str, ...] = ()
        #: What follows writes into arrays, in the second attempt of a call that was refused.
        self.stores: Any = None
        self.observer: PassObserver | None = None
        #: Nodes at which the chain rule alone gives no derivative, though there may be one: a kink
        #: whose slope is differentiated, repeated eigenvalues.
        self.limits: list[Node] = []

    def end(self) -> list[Node]:
        """End the trace and return its nodes; tensors of it can be used no more."""
        nodes = self.nodes
        # Nodes know their tape: were it to know them, only the garbage collector could free them.
        self.nodes, self.guards, self.ended, self.careful = [], [], True, True
        self.append = _refuse
        return nodes

    def mark(self, what: str) -> None:
        """Note once that something has happened."""
        if what not in self.marks:
            self.marks += (what,)

    def write(self, whole: Node) -> None:
        """Mark it if what is written into, as a whole, is an argument of a call that is `known`."""
        # Their nodes are the first ones, and have no primitive.
        leaves = takewhile(lambda x: getattr(x, "primitive", x) is None, self.nodes)
        if self.known and any(x is whole for x in leaves):
            self.mark("arguments")

    def refused(self, message: str) -> LostDerivative:
        """Return the error that a plain value is refused with, and keep it."""
        self.lost = LostDerivative(message)
        return self.lost

    def __enter__(self) -> "Tape":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """End the trace if it failed, and tell what NumPy puts into words of its own."""
        if error is not None:
            self.end()
        if not isinstance(error, Exception):
            return
        if "text" in self.marks and isinstance(error, ArithmeticError | ValueError | TypeError):
            error.add_note(
                "text of a tensor cannot become a number again, which would lose the derivative: "
                "use the tensor itself, np.round to round it"
            )
        lost = _lost(error)
        if lost is None and not isinstance(error, Undifferentiable):
            home = type(error).__module__
            foreign = type(error) in _FOREIGN or home.startswith(("numpy", "_minpack"))
            foreign = foreign and not isinstance(error, MemoryError)
            objects = self.scattered and bool(_OBJECTS.search(str(error)))
            objects = objects or bool(_NOT_TENSOR.search(str(error)))
            # MINPACK says that a function did not return floats, and not why.
            given = not objects and home != "_minpack"
            name = refusing_function(error, with_tensor=given) if foreign else None
            if name is not None or (foreign and objects):
                text = str(error).rstrip(".\n")
                text = text if name is None else f"{text} (in {name})"
                raise LostDerivative(
                    f"{text}{_ADVICE if objects else ''}{_stands(name)}"
                ) from error
            return
        told = lost or error
        name = refusing_function(error, with_tensor=False)
        if name is not None and _stands(name) not in str(told):
            told.args = (f"{told}{_stands(name)}",)
        if told is not error:
            # ``a[0] = tensor`` ends as "setting an array element with a sequence".
            raise told from None


def _lost(error: Exception) -> LostDerivative | None:
    """Return the error about a lost derivative that another one tells of in words of its own."""
    if isinstance(error, LostDerivative):
        return error
    cause = error.__cause__ if isinstance(error, ValueError | SystemError) else None
    if isinstance(cause, ValueError):
        # ``np.add.at(a, i, [tensor])``, where `trace` looks at returns.
        cause = cause.__cause__
    return cause if isinstance(cause, LostDerivative) else None


def _stands(name: str | None) -> str:
    """Return the sentence about what stands for a function of SciPy."""
    return "" if name is None else f". {SCIPY[name]} takes tensors in place of {name}"


def _refuse(node: Node) -> NoReturn:
    name = "input" if node.primitive is None else node.primitive.name
    raise TraceEnded(
        f"{name}: a tensor was used after the trace that it belongs to had ended; its derivative "
        "would be lost. Return what you need from the function instead of storing it elsewhere"
    )
