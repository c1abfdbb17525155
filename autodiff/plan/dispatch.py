"""Compiling a function: one plan for each signature, and how a call finds its plan."""

import builtins
import functools
import hashlib
import importlib.util
import inspect
import math
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, Literal

import numpy as np

from autodiff.core.constants import fingerprint
from autodiff.core.libraries import adapted, elsewhere
from autodiff.core.pytrees import flatten
from autodiff.core.tensor import Tensor
from autodiff.core.users import OWN_CODE
from autodiff.errors import LostDerivative, PlanMismatch, Undifferentiable, UnwatchableState
from autodiff.plan.first_run import first_run
from autodiff.plan.make import has_weak_numbers, inputs_of, is_dynamic, make_plan, unrolled
from autodiff.plan.plan import Plan
from autodiff.plan.recipes import described, innermost, made
from autodiff.plan.tracing.guards import Guards
from autodiff.plan.tracing.identity import Distinct, distinct
from autodiff.plan.tracing.kinds import is_plain
from autodiff.plan.tracing.tracing import Trace, Unplanned

__all__ = ["compile"]

Backend = Literal["numpy", "numba"]
#: Plans that are kept for each function; the one that was not used for longest goes first.
_KEPT = 32
_VARIANTS = 8
#: Kinds of leaves that are tried in turn as none of the inputs, if a trace is refused; "w" has
#: numbers of Python's as what they are beside arrays of single precision.
_FIXED = ("", "w", "i", "n", "in", "ina")
_REFUSED = (LostDerivative, Undifferentiable, IndexError)
#: Errors after which arrays stay inputs: `f` asks for a float, or what is no tensor has no rule.
_ODD = (PlanMismatch, AttributeError, TypeError, ValueError)
#: End of the names of what the code of an entry has as constants.
_TAG = "_of_entry"
#: What the code of all entries may call: no plan's own, so that it never changes.
_SHARED = {name: f for name, f in vars(math).items() if callable(f)}
_SHARED |= {"ndarray": np.ndarray, "errstate": np.errstate, "__name__": __name__}
_SHARED |= {"np": np, "float64": np.float64}


def compile(
    f: Callable[..., Any],
    *,
    backend: Backend = "numpy",
    fast_math: bool = False,
    donate: bool = False,
    check: bool = True,
    pure: bool = False,
) -> Callable[..., Any]:
    """Return a function that gives what `f` gives, by a plan made on the first call.

    The first call with arguments of new shapes and types traces `f`, derivatives included, and
    makes a `Plan`: straight-line NumPy without the steps that nobody needs, in memory that is
    allocated once. Later calls run the plan. Where `f` decides a branch by comparing values, or
    reads an array or number from outside its arguments that has changed, it is traced again.

    Parameters
    ----------
    f : callable
        A plain NumPy function, or any transform of one: ``compile(value_and_grad(loss))``. It must
        do the same for the same arguments: no random numbers, no counters.
    backend : {"numpy", "numba"}
        What runs the plan. Numba compiles it on the first call, which takes seconds, and is for
        many calls on small arrays and for long elementwise expressions. Functions that it cannot
        take, or that it would not make faster, get a plan for NumPy: ``plan.backend`` says which,
        ``plan.note`` why.
    fast_math : bool
        Whether sine and cosine may be computed together from the tangent of half their argument.
        It takes a third of the time, and near the zeros of the cosine relative digits are lost.
    donate : bool
        Whether results may lie in the plan's own memory, which the next call writes over: for
        those who are done with them by then, and want no new memory on each call.
    check : bool
        Whether the first run of each plan is compared with `f` itself, at the arguments and at
        second ones nearby: the first call takes two runs of `f` more.
    pure : bool
        Whether `f` reads nothing from outside its arguments that ever changes. Otherwise all that
        the code that ran has names for is watched.

    Returns
    -------
    callable
        Called as `f`, and differentiated as `f` is. Arrays that it returns are the caller's own,
        unless `donate`. ``compiled.plan(*args)`` returns the `Plan` for arguments,
        ``compiled.plans()`` all that there are, by signature.

    Raises
    ------
    PlanMismatch
        On the first call of a signature, if plan and function differ: `f` is not the same function
        on every call, or the plan is wrong.
    ModuleNotFoundError
        If Numba is asked for and not installed.
    UnwatchableState
        On the first call of a signature, if `f` reads a file, a stream, an iterator, a generator
        of random numbers or the like: pass it as an argument, or say ``pure=True``.
    TypeError, ValueError
        On a call, as `f` would.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(x @ w) ** 2)
    >>> step = autodiff.compile(autodiff.value_and_grad(loss))
    >>> value, w_bar = step(np.array([0.5, -0.25]), np.ones((3, 2)))
    >>> w_bar.round(4)
    array([1.3814, 1.3814])
    >>> step.plan(np.array([0.5, -0.25]), np.ones((3, 2))).peak_bytes
    48
    """
    if not callable(f):
        raise TypeError(f"compile: a {type(f).__name__} arrived; a function is needed")
    if backend not in ("numpy", "numba"):
        raise ValueError(f"compile: backend={backend!r}; 'numpy' or 'numba' is needed")
    if backend == "numba" and importlib.util.find_spec("numba") is None:
        raise ModuleNotFoundError(
            "compile: backend='numba' needs Numba, which is not installed: "
            'pip install "gradscale[fast]"',
            name="numba",
        )
    options = {"backend": backend, "fast_math": fast_math, "donate": donate}
    compiled = _Compiled(f, check, pure, **options)
    run = FunctionType(_GENERAL, {**_SHARED, "general": compiled.call}, "run")
    compiled.entry = run
    functools.update_wrapper(run, f)
    run.__qualname__ = f"autodiff.compile({getattr(f, '__qualname__', type(f).__name__)})"
    run.plan = compiled.plan  # type: ignore[attr-defined]
    run.plans = compiled.all_plans  # type: ignore[attr-defined]
    given = {**options, "check": check, "pure": pure}
    texts = [f"{k}={v!r}" for k, v in given.items() if v != _DEFAULTS[k]]
    _register(run, f"compile({', '.join([described(f), *texts])})")
    return run


_DEFAULTS = {k: p.default for k, p in inspect.signature(compile).parameters.items()}
#: The code of an entry that goes the general way.
_GENERAL = builtins.compile(
    "def run(*args, **kwargs):\n    return general(args, kwargs)\n", OWN_CODE, "exec"
).co_consts[0]
#: Compiled functions by their names, which are how they were made and a number.
_ENTRIES: "weakref.WeakValueDictionary[str, FunctionType]" = weakref.WeakValueDictionary()
#: Those that came from elsewhere, so that the next one finds their plans.
_ARRIVED: dict[str, Any] = {}


def _register(run: FunctionType, text: str) -> None:
    """Name a compiled function after how it was made, for ``repr`` and for pickles."""
    name, number = text, 1
    while name in _ENTRIES:
        number += 1
        name = f"{text} #{number}"
    _ENTRIES[name] = run
    run.__module__, run.__qualname__ = __name__, name


def __getattr__(name: str) -> Any:
    """Return the compiled function of a name, made from it if need be: a pickle asks for it."""
    if not name.startswith("compile("):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    text = name.partition(" #")[0]
    run = _ENTRIES.get(name)
    if run is None:
        # To import its module may have made it.
        arrived = made(text, compile)
        return _ARRIVED.setdefault(name, _ENTRIES.get(name, arrived))
    f = innermost(run)
    by_value = getattr(f, "__module__", "") == "__main__" and _is_cloudpickle()
    try:
        by_value = by_value or innermost(made(text, lambda f, **_: f)) is not f
    except (AttributeError, KeyError):
        by_value = True
    if by_value:
        # cloudpickle takes its parts: of a plan's entry these could be anything.
        run.__code__ = _GENERAL
        raise AttributeError(f"{name} is of a function that no module holds by its name")
    return run


def _is_cloudpickle() -> bool:
    """Return whether cloudpickle asks, which sends the functions of a script as they are."""
    asks = sys._getframe(2)  # the module pickle's, for it
    names = [x.f_globals.get("__name__", "") for x in (asks, asks.f_back) if x is not None]
    return any(name.startswith("cloudpickle") for name in names)


def _rebuilt(f: Callable[..., Any], options: dict[str, Any]) -> "_Compiled":
    return _Compiled(f, options.pop("check"), options.pop("pure"), **options)


class _Variant:
    """One plan, and what it was made for beyond the signature."""

    __slots__ = ("code", "direct", "distinct", "guards", "plan")

    def __init__(self, plan: Plan, guards: Guards | None, seen: Distinct | None) -> None:
        self.plan = plan
        self.guards = guards
        # What tells whether it is for arguments, if they may be one object that the code knew.
        self.distinct = seen
        # Whether its arguments are such that calls can go straight to it, by which code.
        self.direct = True
        self.code: CodeType | None = None


class _Compiled:
    """The plans of one function."""

    def __init__(self, f: Callable[..., Any], check: bool, pure: bool, **options: Any) -> None:
        self.f = f
        self.entry: FunctionType | None = None
        self._options = options
        self._check = check
        self._pure = pure
        self._variants: OrderedDict[Any, list[_Variant]] = OrderedDict()
        # Which kinds of leaves are no inputs, so that each content is a plan: as of `is_dynamic`.
        self._fixed = ""
        # Of the latest trace, what tells whether there are plans for arguments at all.
        self._distinct: Distinct | None = None
        self._lock = threading.RLock()

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result for arguments, by a plan that is there or a new one."""
        fixed = self._fixed
        signature, leaves = _signature(args, kwargs, fixed)
        if signature is None:
            return self.f(*args, **kwargs)
        if self._distinct is not None and not self._distinct(args, kwargs):
            return self.f(*args, **kwargs)
        with self._lock:
            variants = self._variants.get(signature, [])
            if variants:
                self._variants.move_to_end(signature)
            current = [v for v in variants if v.guards is None or not v.guards.changed()]
            if len(current) < len(variants):
                self._variants[signature] = current
        for variant in current:
            if variant.distinct is not None and not variant.distinct(args, kwargs):
                return self.f(*args, **kwargs)
            try:
                done, result = variant.plan.attempt(leaves)
            except Exception:
                # What comes of it only the function knows: it raises, catches, has infinity.
                return self.f(*args, **kwargs)
            if done:
                self._enter(variant, args, kwargs)
                return result
        arrays = [x for x in flatten((args, kwargs))[0] if isinstance(x, np.ndarray)]
        before = [_fingerprint(x) for x in arrays]
        expected = self.f(*args, **kwargs)
        if [_fingerprint(x) for x in arrays] != before:
            raise self._writing()
        if any([elsewhere(adapted(x)) is not None for x in flatten((args, kwargs, expected))[0]]):
            return expected  # a plan is of NumPy's arrays alone
        refused: Exception | None = None
        weak = has_weak_numbers(flatten((args, kwargs))[0])
        for kinds in _FIXED[_FIXED.index(fixed) :]:
            if (kinds == "w" and not weak) or (
                "a" in kinds and isinstance(refused, _ODD) and not isinstance(refused, _REFUSED)
            ):
                continue
            if refused is not None:
                count = len(leaves)
                signature, leaves = _signature(args, kwargs, kinds)
                if len(leaves) == count and kinds != "w":
                    continue
            try:
                variant, result = self._new(args, kwargs, leaves, expected, kinds)
            except UnwatchableState:
                raise
            except Unplanned:
                return expected
            except (*_REFUSED, *_ODD) as error:
                # The function itself ran: something must be plain there, as in ``table[labels]``.
                refused = refused or error
                continue
            self._fixed = kinds
            break
        else:
            assert refused is not None
            raise refused
        with self._lock:
            kept = self._variants.setdefault(signature, [])
            kept.insert(0, variant)
            del kept[_VARIANTS:]
            while len(self._variants) > _KEPT:
                self._variants.popitem(last=False)
        self._enter(variant, args, kwargs)
        return result

    def _new(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        leaves: list[Any],
        expected: Any,
        fixed: str,
    ) -> tuple[_Variant, Any]:
        """Return a new plan, held against the function itself, and its result for the arguments."""
        watched: list[tuple[Guards | None, Distinct | None]] = []

        def accept(trace: Trace) -> None:
            if trace.writes:
                raise self._writing()
            guards, seen = self._watched(args, kwargs, trace, fixed)
            if seen is not None:
                self._distinct = seen
                if not seen(args, kwargs):
                    raise Unplanned
            watched.append((guards, seen))

        options = self._options
        plan = make_plan(self.f, args, kwargs, expected, accept, fixed=fixed, **options)
        variant = _Variant(plan, *watched[0])
        if not self._check:
            return variant, expected
        inputs, arguments, _ = inputs_of(self.f, args, kwargs, fixed)

        def again(given: Sequence[Any]) -> Any:
            positional, named = arguments(given)
            return self.f(*positional, **named)

        program_of = functools.partial(unrolled, self.f, args, kwargs, fixed)
        return variant, first_run(self.f, plan, program_of, inputs, expected, again)

    def _watched(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], trace: Trace, fixed: str
    ) -> tuple[Guards | None, Distinct | None]:
        """Return guards of the state that the trace read, or raise naming what has none.

        And what tells which arguments a plan is for, if they may be objects that the code knows.
        """
        leaves = flatten((args, kwargs))[0]
        others = [x for x in leaves if not is_dynamic(x, fixed)]

        def guards() -> Guards:
            return Guards(self.f, others, trace.outside, trace.visited)

        if self._pure:
            return None, distinct(trace.visited, lambda: guards().values())
        found = guards()
        if found.unwatched:
            name = getattr(self.f, "__name__", "the function")
            raise UnwatchableState(
                f"compile: {name} reads {', '.join(found.unwatched[:3])}: whether that has "
                "changed can't be seen, so the plan could go stale: pass it as an argument (its "
                "numbers as arrays), or say pure=True if it never changes"
            )
        return found, distinct(trace.visited, found.values)

    def _writing(self) -> PlanMismatch:
        """Return the error of a function that writes into its arguments."""
        return PlanMismatch(
            f"compile: {getattr(self.f, '__name__', 'the function')} writes into an array that "
            "it is given, which a plan would not: write into a copy, and return that"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        given = {**self._options, "check": self._check, "pure": self._pure}
        return _rebuilt, (self.f, given), {"entry": self.entry}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.entry = state["entry"]
        if self.entry is not None:
            self.entry.__globals__.update(_SHARED)

    def guards(self) -> list[Guards]:
        """Return the guards of its plans."""
        with self._lock:
            kept = [v for variants in self._variants.values() for v in variants]
        return [v.guards for v in kept if v.guards is not None]

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return the plan for arguments, which is made if it is not there."""
        signature, _ = _signature(args, kwargs, self._fixed)
        if signature is None:
            raise TypeError(
                "compile: there is no plan for tensors, arrays of subclasses and of another order "
                "of bytes, for which the function itself runs: plain arrays and numbers are needed"
            )
        if not self._variants.get(signature):
            self.call(args, kwargs)
            signature, _ = _signature(args, kwargs, self._fixed)
        if not self._variants.get(signature):
            raise TypeError(
                "compile: there is no plan for arguments for which an operation raises an error "
                "that the function catches, or that are one object, if it looks: there the "
                "function itself runs"
            )
        return self._variants[signature][0].plan

    def all_plans(self) -> dict[Any, Plan]:
        """Return the plans by signature, that of the latest arguments last."""
        with self._lock:
            return {s: variants[0].plan for s, variants in self._variants.items() if variants}

    def _enter(self, variant: _Variant, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Let the next call with like arguments go straight to a plan, past the general way.

        The code of the function that the user holds is exchanged for one that compares shapes and
        types and calls the plan: 0.1 µs an argument, where the general way takes 1.
        """
        entry = self.entry
        if kwargs or not variant.direct or entry is None:
            return
        if variant.code is None:
            outside = variant.guards.conditions(_TAG) if variant.guards else ([], {})
            source = variant.plan.entry(self.f, args, outside, _TAG, variant.distinct)
            if source is None:
                variant.direct = False
                return
            variant.code = _entry_code(*source).replace(co_name=entry.__name__)
        if _ENTRIES.get(entry.__qualname__) is not entry:  # it came as its parts
            _register(entry, entry.__qualname__.partition(" #")[0])
        entry.__code__ = variant.code


def _entry_code(text: str, names: dict[str, Any]) -> CodeType:
    """Return the code of an entry, which holds what it needs as constants.

    A thread that runs it keeps all that, whatever becomes of the plan; globals could be taken away.
    """
    own = {name: value for name, value in names.items() if name not in _SHARED}
    head, body = text.split("\n", 1)
    lines = [f'    {name} = "<{name}>"' for name in own]
    made: dict[str, Any] = {}
    exec(builtins.compile("\n".join([head, *lines, body]), OWN_CODE, "exec"), made)
    code: CodeType = made["run"].__code__
    values = {f"<{name}>": value for name, value in own.items()}
    constants = [values.get(x, x) if type(x) is str else x for x in code.co_consts]
    return code.replace(co_consts=tuple(constants))


def _signature(args: tuple[Any, ...], kwargs: dict[str, Any], fixed: str) -> tuple[Any, list[Any]]:
    """Return the signature that a plan is for, and the leaves that it takes."""
    leaves, structure = flatten((args, kwargs))
    parts: list[Any] = []
    dynamic: list[Any] = []
    for x in leaves:
        if type(x) is np.ndarray and x.dtype.kind in "fc" and not fixed and x.dtype.isnative:
            dynamic.append(x)
            parts.append((x.shape, x.dtype))
        elif type(x) is Tensor or _is_foreign(x):
            # Someone differentiates through the call: it is recorded as what it is.
            return None, []
        elif is_dynamic(x, fixed):
            dynamic.append(x)
            parts.append((type(x), x.shape, x.dtype) if isinstance(x, np.ndarray) else type(x))
        else:
            parts.append(_fixed(x))
    return (structure, structure.kinds(), tuple(parts)), dynamic


def _fingerprint(x: Any) -> Any:
    """Return a digest by which writing into an array is noticed."""
    if x.dtype.hasobject or x.dtype.itemsize == 0:
        return None
    return fingerprint(x if x.flags.c_contiguous else np.ascontiguousarray(x), True)


def _is_foreign(x: Any) -> bool:
    """Return whether an array is of a class of its own or of another machine's order of bytes."""
    return isinstance(x, np.ndarray) and (type(x) is not np.ndarray or not x.dtype.isnative)


def _fixed(x: Any) -> Any:
    """Return something hashable for a leaf that a plan takes as it is."""
    if isinstance(x, np.ndarray):
        octets = np.ascontiguousarray(x).tobytes()
        return ("array", x.shape, x.dtype.str, hashlib.blake2b(octets, digest_size=16).digest())
    if isinstance(x, slice):
        return (slice, *map(_fixed, (x.start, x.stop, x.step)))
    if isinstance(x, frozenset):
        return (type(x), frozenset(map(_fixed, x)))
    if not is_plain(x) and not isinstance(x, MethodType | BuiltinFunctionType):
        # What says that it is equal may still hold something else.
        return _Same(x)
    # 0.0 is not -0.0, NaN is itself, and equal moments have other hours.
    return (type(x), x if type(x) in (int, bool, str, bytes) else (x, repr(x)))


class _Same:
    """Equal to itself only: what an object is known by that cannot be compared."""

    __slots__ = ("_x",)

    def __init__(self, x: Any) -> None:
        self._x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._x is other._x

    def __hash__(self) -> int:
        return id(self._x)
