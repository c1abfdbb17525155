"""Primitives, and the registries that say which one answers a NumPy function.

Of the three kinds each gives the backward rule (VJP) and the forward rule (JVP):

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
    "BatchRule",
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
#: ``rule(primitive, operands, which of them have the axis, params)``; see `core.batching`.
BatchRule = Callable[["Primitive", list[Array], list[bool], dict[str, Any]], Array]
#: Operands for the tests: ``draw(rng, *shapes)``.
Draw = Callable[..., Sequence[Array]]


@dataclass(frozen=True, eq=False, slots=True)
class Primitive:
    """An operation that the graph can record, with its rules.

    The convention of complex rules is that of JAX and of HIPS autograd: a VJP is gᵀJ without
    conjugation, so that Re(sum(x_bar * x_dot)) = Re(sum(g * out_dot)).
    """

    name: str
    #: ``function(*operands, **params)`` computes the value.
    function: Callable[..., Array]
    #: ``"elementwise"``, ``"linear"``, ``"general"`` or ``"discrete"``.
    kind: str
    #: For each argument ``vjp(x_bar_out, out, *operands, **params)``: its cotangent. Functions of
    #: any number of arguments have one rule, which gets the argument's number as ``argnum``.
    vjps: tuple[Rule, ...] = ()
    #: For each argument ``jvp(x_dot, out, *operands, **params)``: the tangent of the result.
    jvps: tuple[Rule, ...] = ()
    #: For each argument the interval that random tests draw from.
    domain: tuple[Interval, ...] = ()
    #: Whether the function takes any number of like arguments.
    variadic: bool = False
    #: Calls for the tests of functions that need shapes: ``(shapes, params)``.
    examples: tuple[tuple[Shapes, dict[str, Any]], ...] = ()
    #: Whether the rules hold for complex operands too; others are refused.
    complex: bool = False
    #: ``draw(rng, *shapes)``, the operands of a test where intervals do not say enough.
    draw: Draw | None = None
    #: Instead of rules for each argument one for all: ``vjp(x_bar_out, out, *operands, **params)``
    #: gives all cotangents, ``jvp(x_dots, ...)`` takes all tangents, None for zero.
    joint: tuple[Rule, Rule] | None = None
    #: How it acts on a batch, unless on each element or in a loop; see `core.batching`.
    batch: BatchRule | None = None
    #: Whether its rule sets cotangents to zero where operands may be infinite or NaN: it selects.
    masks: bool = False
    #: Number of arguments if each has a rule of its own, which the passes may call at once;
    #: 0 otherwise, -1 for discrete primitives.
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
    """The answer to a NumPy function that is called on tensors."""

    function: Callable[..., Any]
    #: Its arguments by keyword.
    accepts: frozenset[str]
    #: Whether derivatives pass through: not where the result is a shape, a mask or a position.
    derivative: bool = True


#: Every primitive by name, in the order of registration.
PRIMITIVES: dict[str, Primitive] = {}
#: The primitive that answers each universal function.
UFUNCS: dict[np.ufunc, Primitive] = {}
#: Of those the elementwise ones of one argument, which tensors answer by a fast path.
UNARY: dict[np.ufunc, Primitive] = {}
#: The answer to each other NumPy function.
FUNCTIONS: dict[Callable[..., Any], Handler] = {}
#: Of those, fast paths for a tensor and no other argument.
FAST_PATHS: dict[Callable[..., Any], Callable[[Any], Any]] = {}
#: The answers to methods of universal functions, by function and name: ``np.add.reduce``.
UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
#: The answers to universal functions of several results, each of which is a primitive.
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
    """Put a primitive into the registries, which refuse a name that they hold."""
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name!r} is registered twice")
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
    batch: BatchRule | None = None,
    masks: bool = False,
) -> Primitive:
    """Register a function that is linear in its first argument, or in all its like arguments.

    `transpose(x_bar_out, out, x, **params)` is the transposed map, not conjugated, of a cotangent;
    of like arguments it gives the list of all cotangents, since n calls of n arguments each would
    be quadratic.
    """

    def jvp(x_dot: Array, out: Array, *xs: Array, argnum: int = 0, **params: Any) -> Array:
        if not variadic:
            # What follows the first argument, such as a computed mask, is linear in nothing.
            return function(x_dot, *xs[1:], **params)
        return joint_jvp(
            [x_dot if i == argnum else None for i in range(len(xs))], out, *xs, **params
        )

    def joint_jvp(x_dots: list[Array], out: Array, *xs: Array, **params: Any) -> Array:
        filled = [
            np.zeros_like(x) if x_dot is None else x_dot
            for x, x_dot in zip(xs, x_dots, strict=True)
        ]
        return function(*filled, **params)

    def vjp(g: Array, out: Array, *xs: Array, argnum: int, **params: Any) -> Array:
        return transpose(g, out, *xs, **params)[argnum]

    return register(
        Primitive(
            name,
            function,
            "linear",
            (vjp if variadic else transpose,),
            (jvp,),
            variadic=variadic,
            examples=tuple(examples),
            complex=complex,
            batch=batch,
            masks=masks,
            joint=(transpose, joint_jvp) if variadic else None,
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
    batch: BatchRule | None = None,
    masks: bool = False,
) -> Primitive:
    """Register a function by its VJP and its JVP for each argument, as `Primitive` says."""
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
            batch=batch,
            masks=masks,
        )
    )


def discrete(
    function: Callable[..., Array], name: str | None = None, batch: BatchRule | None = None
) -> Primitive:
    """Register a function whose derivative is zero wherever it exists, such as ``np.floor``."""
    return register(Primitive(name or function.__name__, function, "discrete", batch=batch))


def refuses(advice: str, *functions: Callable[..., Any]) -> None:
    """Register functions without a derivative; the advice says why, and what to use instead."""
    for function in functions:
        REFUSED[function] = advice


def handles(
    *functions: Callable[..., Any], derivative: bool = True
) -> Callable[[_Decorated], _Decorated]:
    """Return a decorator that makes a function answer NumPy functions called on tensors.

    It has the same leading parameters; those of NumPy's that it leaves out are refused by name.
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

    It is taken where the one argument is a tensor.
    """

    def register(answer: _Decorated) -> _Decorated:
        FAST_PATHS[function] = answer
        return answer

    return register
