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

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np

__all__ = [
    "FIRST",
    "FUNCTIONS",
    "NEGATIVE",
    "ONE",
    "PRIMITIVES",
    "REFUSED",
    "SECOND",
    "SHORTLY",
    "TUPLES",
    "UFUNCS",
    "UFUNC_METHODS",
    "UNARY",
    "Handler",
    "Primitive",
    "discrete",
    "elementwise",
    "general",
    "handles",
    "linear",
    "nothing_times",
    "refuses",
    "shortly",
    "unbroadcast",
]

_FLOAT = np.dtype(float)
Array = Any
Rule = Callable[..., Array]
Interval = tuple[float, float]
Shapes = tuple[tuple[int, ...], ...]
#: Operands for the tests: ``draw(rng, *shapes)``.
Draw = Callable[..., Sequence[Array]]

#: Partial derivatives that need no function: 1 and -1, and an operand as it is.
ONE: Literal["one"] = "one"
NEGATIVE: Literal["negative"] = "negative"
FIRST: Literal["first"] = "first"
SECOND: Literal["second"] = "second"


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
    plain: int = field(init=False)

    def __post_init__(self) -> None:
        own = not self.variadic and self.joint is None
        plain = -1 if self.kind == "discrete" else len(self.vjps) if own else 0
        object.__setattr__(self, "plain", plain)

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
#: Of those the elementwise ones of one argument, which tensors answer in a shorter way.
UNARY: dict[np.ufunc, Primitive] = {}
#: What answers each other NumPy function.
FUNCTIONS: dict[Callable[..., Any], Handler] = {}
#: Of those, shorter ways for a tensor and no other argument.
SHORTLY: dict[Callable[..., Any], Callable[[Any], Any]] = {}
#: What answers methods of universal functions, by function and name: ``np.add.reduce``.
UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
#: What answers universal functions of several results, each of which is an entry of its own.
TUPLES: dict[np.ufunc, Callable[..., tuple[Any, ...]]] = {}
#: Functions that cannot be differentiated, and what to use instead.
REFUSED: dict[Any, str] = {}

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def _primitive_named(name: str) -> Primitive:
    return PRIMITIVES[name]


def _register(primitive: Primitive) -> Primitive:
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name!r} is in the table twice")
    PRIMITIVES[primitive.name] = primitive
    if isinstance(primitive.function, np.ufunc):
        UFUNCS[primitive.function] = primitive
        if primitive.kind == "elementwise" and len(primitive.vjps) == 1:
            UNARY[primitive.function] = primitive
    return primitive


@functools.lru_cache(maxsize=64)
def _ones(length: int) -> Array:
    return np.ones(length)


def unbroadcast(x_bar: Array, shape: tuple[int, ...]) -> Array:
    """Return a cotangent summed over the axes along which its primal was broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> unbroadcast(np.ones((3, 2)), (1, 2))
    array([[3., 3.]])
    """
    if x_bar.shape == shape:
        return x_bar
    new_axes = x_bar.ndim - len(shape)
    if new_axes == 1 and x_bar.shape[1:] == shape:
        # A bias added to the rows of a matrix: ``np.sum`` would take four times as long.
        if type(x_bar) is np.ndarray and x_bar.ndim == 2 and x_bar.dtype is _FLOAT:
            return _ones(len(x_bar)).dot(x_bar)
        return np.add.reduce(x_bar, axis=0)
    axes = tuple(range(new_axes)) + tuple(
        new_axes + axis
        for axis, length in enumerate(shape)
        if length == 1 and x_bar.shape[new_axes + axis] != 1
    )
    return np.reshape(np.add.reduce(x_bar, axis=axes), shape) if axes else x_bar


def nothing_times(direction: Array, product: Array) -> Array:
    """Return a product with zero where the direction is zero, though the partial is infinite.

    What does not reach the result has no derivative: without this ``np.where(x > 0, np.sqrt(x),
    0)`` would give 0 times infinity at 0. NaN arises nowhere else from a finite direction.

    Examples
    --------
    >>> nothing_times(np.array([0.0, 1.0]), np.array([np.nan, 2.0]))
    array([0., 2.])
    """
    if type(product) is np.ndarray and product.dtype is _FLOAT and product.flags.c_contiguous:
        # A sum of squares is NaN only where a term is: a third of the time of the mask.
        flat = product.reshape(-1)
        squares = flat.dot(flat)
        if squares == squares:
            return product
    if any([hasattr(x, "tape") for x in (direction, product)]):
        from autodiff.core.tensor import record

        return record(PRIMITIVES["multiply_no_nan"], (direction, product))
    lost = np.isnan(product)
    if not np.count_nonzero(lost):
        return product
    return np.where(lost & (direction == 0), 0.0, product)


def _pulls(partial: Rule | str, argnum: int, count: int, singular: bool | Rule) -> Rule:
    """Return the VJP of one argument of an elementwise function.

    One and two arguments have a function of their own, as calls cost more than small arrays.
    """
    if count == 1 and not singular:
        if partial is ONE:
            return lambda g, out, x: g
        if partial is NEGATIVE:
            return lambda g, out, x: -g
        assert callable(partial)
        return lambda g, out, x: g * partial(out, x)
    if count == 2 and not singular and partial is ONE:

        def passed_left(g: Array, out: Array, x: Array, y: Array) -> Array:
            return g if g.shape == x.shape else unbroadcast(g, x.shape)

        def passed_right(g: Array, out: Array, x: Array, y: Array) -> Array:
            return g if g.shape == y.shape else unbroadcast(g, y.shape)

        return passed_right if argnum else passed_left
    if partial is SECOND:

        def times_second(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * y
            return x_bar if x_bar.shape == x.shape else unbroadcast(x_bar, x.shape)

        return times_second
    if partial is FIRST:

        def times_first(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * x
            return x_bar if x_bar.shape == y.shape else unbroadcast(x_bar, y.shape)

        return times_first
    if count == 2 and not singular and callable(partial):

        def left(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * partial(out, x, y)
            return x_bar if x_bar.shape == x.shape else unbroadcast(x_bar, x.shape)

        def right(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * partial(out, x, y)
            return x_bar if x_bar.shape == y.shape else unbroadcast(x_bar, y.shape)

        return right if argnum else left
    product = _product(partial, singular)

    def pull_general(g: Array, out: Array, *xs: Array) -> Array:
        x_bar, shape = product(g, out, *xs), xs[argnum].shape
        return x_bar if x_bar.shape == shape else unbroadcast(x_bar, shape)

    return pull_general


def _product(partial: Rule | str, singular: bool | Rule) -> Rule:
    """Return the function that multiplies a direction by a partial derivative."""
    if partial is ONE:
        return lambda direction, out, *xs: direction
    if partial is NEGATIVE:
        return lambda direction, out, *xs: -direction
    if partial is FIRST or partial is SECOND:
        place = 0 if partial is FIRST else 1
        return lambda direction, out, *xs: direction * xs[place]
    assert callable(partial)
    if singular:

        def guarded(direction: Array, out: Array, *xs: Array) -> Array:
            product = direction * partial(out, *xs)
            harmless = callable(singular) and not singular(out, *xs)
            return product if harmless else nothing_times(direction, product)

        return guarded
    return lambda direction, out, *xs: direction * partial(out, *xs)


def _pushes(partial: Rule | str, singular: bool | Rule) -> Rule:
    """Return the JVP of one argument of an elementwise function."""
    product = _product(partial, singular)

    def push(x_dot: Array, out: Array, *xs: Array) -> Array:
        out_dot, shape = product(x_dot, out, *xs), np.shape(out)
        return out_dot if np.shape(out_dot) == shape else np.broadcast_to(out_dot, shape)

    return push


def elementwise(
    function: np.ufunc,
    *partials: Rule | str,
    domain: Sequence[Interval] = ((-2.0, 2.0),),
    complex: bool = False,
    singular: bool | Rule = False,
    name: str | None = None,
    vjps: Sequence[Rule] = (),
) -> Primitive:
    """Register a function that acts on each element, by its partial derivatives.

    Parameters
    ----------
    function : numpy.ufunc
        The function.
    *partials : callable, ONE, NEGATIVE, FIRST or SECOND
        For each argument ``partial(out, *operands)``, of a shape that broadcasts with the result.
    domain : sequence of (float, float)
        For each argument the interval that tests draw from; one interval serves all.
    complex : bool
        Whether the partial derivatives are those of a holomorphic function too.
    singular : bool or callable
        Whether a partial derivative can be infinite or NaN; then it is not multiplied by zero. A
        function ``singular(out, *operands)`` tells it of one call, where that is quick to see.
    name : str, optional
        Name in messages; the function's own by default.
    vjps : sequence of callable, optional
        VJPs that take less time than the products of cotangent and partial derivative.

    Returns
    -------
    Primitive
        The entry.
    """
    count = len(partials)
    return _register(
        Primitive(
            name=name or function.__name__,
            function=function,
            kind="elementwise",
            vjps=tuple(vjps)
            or tuple(_pulls(p, argnum, count, singular) for argnum, p in enumerate(partials)),
            jvps=tuple(_pushes(p, singular) for p in partials),
            domain=tuple(domain) * (count if len(domain) == 1 else 1),
            complex=complex,
        )
    )


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

    return _register(
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
    return _register(
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
    return _register(Primitive(name or function.__name__, function, "discrete"))


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


def shortly(function: Callable[..., Any]) -> Callable[[_Decorated], _Decorated]:
    """Return a decorator for a shorter way of a function that `handles` answers in general.

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
        SHORTLY[function] = answer
        return answer

    return register
