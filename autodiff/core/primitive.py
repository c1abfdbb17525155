"""The rule table: every primitive is one entry, with what it computes and how it differentiates.

There are three kinds, and each gives the backward rule (VJP) and the forward rule (JVP):

*elementwise*
    partial derivatives; a VJP multiplies the cotangent by them, a JVP the tangent.
*linear*
    the transpose for each argument; the JVP is the function itself.
*general*
    a VJP and a JVP for each argument.

A fourth, *discrete*, has no derivative: comparisons and rounding, whose derivative is zero
wherever it exists.

Rules compute with the NumPy functions that users call, so that a backward pass over tensors is
itself recorded: second and higher derivatives need no further rules.

The two registries say which entry answers a NumPy function: `UFUNCS` for universal functions,
`FUNCTIONS` for the others.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "FAST_PATHS",
    "FUNCTIONS",
    "LATE_RULES",
    "PRIMITIVES",
    "REFUSED",
    "TUPLES",
    "UFUNCS",
    "UFUNC_METHODS",
    "UNARY",
    "Handler",
    "Primitive",
    "discrete",
    "fast_path",
    "general",
    "handles",
    "linear",
    "refuses",
    "register",
]

Array = Any
Rule = Callable[..., Array]
Interval = tuple[float, float]
Shapes = tuple[tuple[int, ...], ...]
#: Operands for the tests: ``draw(rng, *shapes)``.
Draw = Callable[..., Sequence[Array]]


@dataclass(frozen=True, eq=False, slots=True)
class Primitive:
    """An operation the graph can record.

    Parameters
    ----------
    name : str
        Name in messages and drawings.
    function : callable
        Computes the value: ``function(*operands, **params)``.
    kind : str
        ``"elementwise"``, ``"linear"``, ``"general"`` or ``"discrete"``.
    vjps : tuple of callable
        For each argument ``vjp(x_bar_out, out, *operands, **params)``: the cotangent of that
        argument. Functions of any number of arguments have one rule, which gets the argument's
        number as ``argnum``. Empty for discrete primitives.
    jvps : tuple of callable
        For each argument ``jvp(x_dot, out, *operands, **params)``: the tangent of the result.
    domain : tuple of (float, float)
        For each argument the interval that random tests draw from.
    variadic : bool
        Whether the function takes any number of like arguments.
    examples : tuple
        Calls for the tests of functions that need shapes: ``(shapes, params)`` pairs.
    complex : bool
        Whether the rules hold for complex operands too; others are refused. The convention is
        that of JAX and of HIPS autograd: a VJP is gᵀJ without conjugation, so that
        Re(sum(x_bar * x_dot)) = Re(sum(g * out_dot)), and the derivative of a holomorphic
        function is its complex derivative.
    draw : callable, optional
        ``draw(rng, *shapes)`` gives the operands of a test where intervals do not say enough,
        such as positive definite matrices.
    joint : tuple of callable, optional
        Instead of rules for each argument one VJP and one JVP for all:
        ``vjp(x_bar_out, out, *operands, **params)`` gives the cotangents of all arguments,
        ``jvp(x_dots, out, *operands, **params)`` takes the tangents of all, None for zero.
    """

    name: str
    function: Callable[..., Array]
    kind: str
    vjps: tuple[Rule, ...] = ()
    jvps: tuple[Rule, ...] = ()
    domain: tuple[Interval, ...] = ()
    variadic: bool = False
    examples: tuple[tuple[Shapes, dict[str, Any]], ...] = field(default=())
    complex: bool = False
    draw: Draw | None = None
    joint: tuple[Rule, Rule] | None = None
    #: Number of arguments if each has a rule of its own, so that the passes may call it without
    #: looking further; 0 otherwise, -1 for discrete primitives.
    arity: int = field(init=False)

    def __post_init__(self) -> None:
        own = not self.variadic and self.joint is None
        arity = -1 if self.kind == "discrete" else len(self.vjps) if own else 0
        object.__setattr__(self, "arity", arity)

    @property
    def differentiable(self) -> bool:
        """Whether a derivative passes through."""
        return self.kind != "discrete"

    def vjp(self, argnum: int) -> Rule:
        """Return the backward rule of one argument."""
        if self.variadic:
            rule = self.vjps[0]
            return lambda g, out, *xs, **params: rule(g, out, *xs, argnum=argnum, **params)
        return self.vjps[argnum]

    def jvp(self, argnum: int) -> Rule:
        """Return the forward rule of one argument."""
        if self.variadic:
            rule = self.jvps[0]
            return lambda x_dot, out, *xs, **params: rule(x_dot, out, *xs, argnum=argnum, **params)
        return self.jvps[argnum]

    def __deepcopy__(self, memo: object) -> "Primitive":
        return self

    def __reduce__(self) -> tuple[Callable[[str], "Primitive"], tuple[str]]:
        return _primitive_named, (self.name,)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


@dataclass(frozen=True, slots=True)
class Handler:
    """What answers a NumPy function called on tensors, and the arguments it understands.

    Parameters
    ----------
    function : callable
        The answer.
    accepts : frozenset of str
        Its arguments by keyword.
    derivative : bool
        Whether derivatives pass through: not where the result is a shape, a mask or a position.
    """

    function: Callable[..., Any]
    accepts: frozenset[str]
    derivative: bool = True


#: Every primitive by name, in the order of registration.
PRIMITIVES: dict[str, Primitive] = {}
#: The primitive that answers each universal function.
UFUNCS: dict[np.ufunc, Primitive] = {}
#: Of those the elementwise ones of one argument, which tensors answer by a fast path.
UNARY: dict[np.ufunc, Primitive] = {}
#: What answers each other NumPy function.
FUNCTIONS: dict[Callable[..., Any], Handler] = {}
#: Of those, fast paths for a tensor and no other argument.
FAST_PATHS: dict[Callable[..., Any], Callable[[Any], Any]] = {}
#: What answers methods of universal functions, by function and name: ``np.add.reduce``.
UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
#: What answers universal functions of several results, each of which is an entry of its own.
TUPLES: dict[np.ufunc, Callable[..., tuple[Any, ...]]] = {}
#: Modules of rules that are imported when a function of a library first meets a tensor, by the
#: library: importing it takes longer than all of this package.
LATE_RULES: dict[str, str] = {}
#: Functions that cannot be differentiated, and what to use instead.
REFUSED: dict[Any, str] = {}

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def _primitive_named(name: str) -> Primitive:
    return PRIMITIVES[name]


def register(primitive: Primitive) -> Primitive:
    """Put a primitive into the registries, which refuse a name that they know."""
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name!r} is in the table twice")
    PRIMITIVES[primitive.name] = primitive
    if isinstance(primitive.function, np.ufunc):
        UFUNCS[primitive.function] = primitive
        if primitive.kind == "elementwise" and len(primitive.vjps) == 1:
            UNARY[primitive.function] = primitive
    return primitive


def linear(
    name: str,
    function: Callable[..., Array],
    transpose: Rule,
    *,
    variadic: bool = False,
    examples: Sequence[tuple[Shapes, dict[str, Any]]] = (),
    complex: bool = True,
) -> Primitive:
    """Register a function that is linear in its array argument, or in all its like arguments.

    Parameters
    ----------
    name : str
        Name in messages and drawings.
    function : callable
        ``function(x, **params)``, or ``function(*xs, **params)`` if `variadic`.
    transpose : callable
        ``transpose(x_bar_out, out, x, **params)``: the transposed map applied to a cotangent;
        a variadic one gets the argument's number as ``argnum``.
    variadic : bool
        Whether the function takes any number of like arguments.
    examples : sequence
        ``(shapes, params)`` pairs for the tests.
    complex : bool
        Whether the transpose holds for complex arguments too; it is not conjugated.

    Returns
    -------
    Primitive
        The entry.
    """

    def jvp(x_dot: Array, out: Array, *xs: Array, argnum: int = 0, **params: Any) -> Array:
        if not variadic:
            # What follows the first argument, such as a computed mask, is linear in nothing.
            return function(x_dot, *xs[1:], **params)
        return function(
            *(x_dot if i == argnum else np.zeros_like(x) for i, x in enumerate(xs)), **params
        )

    return register(
        Primitive(
            name,
            function,
            "linear",
            (transpose,),
            (jvp,),
            variadic=variadic,
            examples=tuple(examples),
            complex=complex,
        )
    )


def general(
    name: str,
    function: Callable[..., Array],
    vjps: Sequence[Rule],
    jvps: Sequence[Rule],
    *,
    domain: Sequence[Interval] = (),
    examples: Sequence[tuple[Shapes, dict[str, Any]]] = (),
    complex: bool = False,
    draw: Draw | None = None,
) -> Primitive:
    """Register a function by its VJP and its JVP for each argument.

    Parameters
    ----------
    name : str
        Name in messages and drawings.
    function : callable
        ``function(*operands, **params)``.
    vjps : sequence of callable
        For each argument ``vjp(x_bar_out, out, *operands, **params)``.
    jvps : sequence of callable
        For each argument ``jvp(x_dot, out, *operands, **params)``.
    domain : sequence of (float, float)
        For each argument the interval that tests draw from.
    examples : sequence
        ``(shapes, params)`` pairs for the tests.
    complex : bool
        Whether the rules hold for complex operands too.
    draw : callable, optional
        ``draw(rng, *shapes)`` gives the operands of a test.

    Returns
    -------
    Primitive
        The entry.
    """
    return register(
        Primitive(
            name,
            function,
            "general",
            tuple(vjps),
            tuple(jvps),
            tuple(domain),
            examples=tuple(examples),
            complex=complex,
            draw=draw,
        )
    )


def discrete(function: Callable[..., Array], name: str | None = None) -> Primitive:
    """Register a function whose derivative is zero wherever it exists.

    Parameters
    ----------
    function : callable
        The function, such as ``np.floor`` or ``np.greater``.
    name : str, optional
        Name in messages; the function's own by default.

    Returns
    -------
    Primitive
        The entry, without derivative rules.
    """
    return register(Primitive(name or function.__name__, function, "discrete"))


def refuses(advice: str, *functions: Callable[..., Any]) -> None:
    """Register functions that cannot be differentiated.

    Parameters
    ----------
    advice : str
        Why, and what to use instead; it ends the message that begins with the function's name.
    *functions : callable
        NumPy functions.
    """
    for function in functions:
        REFUSED[function] = advice


def handles(
    *functions: Callable[..., Any], derivative: bool = True
) -> Callable[[_Decorated], _Decorated]:
    """Return a decorator that makes a function answer NumPy functions called on tensors.

    Parameters
    ----------
    *functions : callable
        NumPy functions. The decorated function has the same leading parameters; what it leaves
        out of theirs is refused with a clear error.
    derivative : bool
        Whether derivatives pass through; not where the result is a shape, a mask or a position.

    Returns
    -------
    callable
        The decorator; it returns its argument unchanged.
    """

    def register(answer: _Decorated) -> _Decorated:
        parameters = inspect.signature(answer).parameters.values()
        accepts = frozenset(p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY)
        for function in functions:
            FUNCTIONS[function] = Handler(answer, accepts, derivative)
        return answer

    return register


def fast_path(function: Callable[..., Any]) -> Callable[[_Decorated], _Decorated]:
    """Return a decorator for the fast path of a function that `handles` answers in general.

    Parameters
    ----------
    function : callable
        A NumPy function; the decorated one is called where its one argument is a tensor.

    Returns
    -------
    callable
        The decorator; it returns its argument unchanged.
    """

    def register(answer: _Decorated) -> _Decorated:
        FAST_PATHS[function] = answer
        return answer

    return register
