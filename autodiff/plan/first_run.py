"""The first run of a plan: held against the function itself, on memory that holds nothing right.

It runs on the arguments that were given and on second ones: moved by a few percent, in another
layout. What differs by more than rounding may make of it is refused, and a plan that raises where
the function does not. It costs one more run of the function, two of the plan, and a few runs of the
program where rounding is in doubt; later calls cost nothing.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

import numpy as np

from autodiff.core.pytrees import flatten
from autodiff.errors import PlanMismatch
from autodiff.plan.operation import Kind
from autodiff.plan.operations import kind_of
from autodiff.plan.plan import Plan
from autodiff.plan.program import CONSTANT, Program
from autodiff.plan.tracing.tracing import Unplanned

__all__ = ["distance", "first_run"]

#: Units in the last place that two orders of computing may differ by without a closer look.
_UNITS = {np.dtype(float): 1e5, np.dtype(complex): 1e5}
_FEW_UNITS = 64.0
#: Runs with other roundings, and the multiple of what they change that is allowed.
_ROUNDINGS, _ALLOWED = 4, 16.0
#: Universal functions that do not round.
_EXACT = frozenset(
    [
        *("negative", "positive", "absolute", "fabs", "maximum", "minimum", "fmax", "fmin"),
        *("sign", "floor", "ceil", "trunc", "rint", "copysign", "conjugate"),
    ]
)
_SUMS = frozenset(
    [
        *("sum", "mean", "var", "std", "prod", "cumsum", "cumprod", "matmul", "dot", "vdot"),
        *("einsum", "tensordot", "inner", "column_sums", "rowwise_dot", "scatter"),
    ]
)
#: Elements of the arguments beyond which a plan is held against the function once, not twice.
_LARGE = 1_000_000
_ADVICE = (
    "if the function draws random numbers, counts its calls or reads what changes between "
    "them, give these as arguments or leave it uncompiled; if it does not, please report it, "
    "and use check=False or the function itself meanwhile"
)
_BUFFERS = re.compile(r"^(\w+) = np\.empty\(", re.MULTILINE)
_MANY_BUFFERS = re.compile(r"^\(\n([\w,\s]+)\n\) = \[np\.empty\(", re.MULTILINE)


def first_run(
    f: Callable[..., Any],
    plan: Plan,
    program_of: Callable[[], Program],
    leaves: Sequence[Any],
    expected: Any,
    again: Callable[[Sequence[Any]], Any],
) -> Any:
    """Return the result of a plan, or raise if the function gives another.

    `program_of` returns a program of the call, `again` the function's result for other leaves.
    """
    done, result = _poisoned(f, plan, leaves, expected)
    if not done and not plan.attempt(leaves)[0]:
        # What was 0 in the trace is not in the plan, which computes in another order.
        raise Unplanned
    _compare(f, result if done else None, expected, program_of, leaves)
    # With donate=True it lies in buffers that the second run writes over.
    if sum(np.size(x) for x in leaves) > _LARGE:
        return result
    parts, form = flatten(result)
    result = form.unflatten([x.copy() if isinstance(x, np.ndarray) else x for x in parts])
    # Zeros stay what they are where the function would be undefined or another for others.
    for zeros in (0.0,) if all(map(np.all, leaves)) else (0.03, 0.0):
        draw = np.random.default_rng(0)
        second = [_moved(x, draw, zeros) for x in leaves]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wanted = again(second)
            except Exception:
                continue  # the function is not defined there, which says nothing of the plan
            with np.errstate(all="ignore"):
                done, found = _poisoned(f, plan, second, wanted)
        if done and flatten(wanted)[1] == flatten(expected)[1]:
            _compare(f, found, wanted, program_of, second)
            break
    return result


def _poisoned(
    f: Callable[..., Any], plan: Plan, leaves: Sequence[Any], expected: Any
) -> tuple[bool, Any]:
    """Return the results of a plan with NaN in all of its memory, where the function has some."""
    try:
        return _on_poison(plan, leaves)
    except Exception as error:
        kinds = (ArithmeticError, ValueError) if plan.numbers else FloatingPointError
        if isinstance(error, kinds):
            # 1 / 0 raises in Python, 0 times infinity in all: the function itself is called.
            return True, expected
        raise PlanMismatch(
            f"compile: the plan of {_name(f)} raises {type(error).__name__} ({error}), which the "
            f"function does not: {_ADVICE}"
        ) from error


def _on_poison(plan: Plan, leaves: Sequence[Any]) -> tuple[bool, Any]:
    """Return the results of a plan with NaN in all of its memory, and in new memory."""
    if not plan.peak_bytes and "np.empty(" not in plan.source:
        return plan.attempt(leaves)
    names = plan.instance().__globals__
    if "make" in names:
        names["np"] = _PoisonedNumPy()
        try:
            plan.renew()
            return plan.attempt(leaves)
        finally:
            names["np"] = np
    many = " ".join(_MANY_BUFFERS.findall(plan.source)).replace(",", " ").split()
    for name in (*_BUFFERS.findall(plan.source), *many):
        poison(names[name])
    names["np"] = _PoisonedNumPy()
    try:
        return plan.attempt(leaves)
    finally:
        names["np"] = np


def poison(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Fill an array with NaN, -1 or True, and return it."""
    x.fill(np.nan if x.dtype.kind in "fc" else np.array(-1).astype(x.dtype))
    return x


class _PoisonedNumPy:
    """The module, whose new memory holds NaN."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, *args: Any) -> Any:
        """Return new memory."""
        return poison(np.empty(*args))


def _moved(x: Any, draw: np.random.Generator, zeros: float) -> Any:
    """Return a leaf moved by a few percent, zeros to at most `zeros`, in another layout."""
    if not isinstance(x, np.ndarray):
        return type(x)(x * (1 + 0.03 * draw.uniform(-1, 1)) or zeros * draw.uniform())
    if x.dtype.kind not in "fc":
        return x.copy()
    values = x * (1 + 0.03 * draw.uniform(-1, 1, x.shape))
    values = np.where(x == 0, zeros * draw.uniform(size=x.shape), values).astype(x.dtype)
    if not x.ndim:
        return np.asarray(values)
    wide = np.empty((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)[..., ::2]
    wide[...] = values
    return wide


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", "the function")


def _compare(
    f: Callable[..., Any],
    result: Any,
    expected: Any,
    program_of: Callable[[], Program],
    leaves: Sequence[Any],
) -> None:
    """Raise if a plan and the function itself gave different results."""
    found, structure = flatten(result)
    wanted, form = flatten(expected)
    name = _name(f)
    if structure != form:
        raise PlanMismatch(f"compile: the plan of {name} gives other parts than it does: {_ADVICE}")
    allowed: list[float] | None = None
    for i, (x, y, path) in enumerate(zip(found, wanted, form.paths("result"), strict=True)):
        is_, wants = f"{_type(x)}{np.shape(x)}", f"{_type(y)}{np.shape(y)}"
        if isinstance(y, str | bytes):
            is_, wants = f"{x!r:.80}", f"{y!r:.80}"
        if is_ != wants:
            raise PlanMismatch(
                f"compile: {path} of the plan of {name} is {is_}, not {wants}: {_ADVICE}"
            )
        error = distance(x, y)
        if error <= 1.0:
            continue
        if allowed is None:
            program = program_of()
            allowed = roundings(program, leaves)
        if np.isinf(error) and np.asarray(y).dtype.kind in "fc":
            # Of 1 / (1 + exp(-x)) the trace has a derivative where the chain rule has 0·∞.
            exact = _run(program, leaves, None)[i]
            y = np.where(np.isnan(y), exact, y)
            if (error := distance(x, y)) <= 1.0:
                continue
        unit = _unit(np.asarray(y))
        if not error * unit <= _ALLOWED * allowed[i] + unit:
            raise PlanMismatch(
                f"compile: {path} of the plan of {name} differs from the function by "
                f"{error / (1 + _ALLOWED * allowed[i] / unit):.2g} times the tolerance: {_ADVICE}"
            )


def _type(x: Any) -> Any:
    return np.asarray(x).dtype if isinstance(x, np.ndarray | Number) else type(x).__name__


def distance(x: Any, y: Any) -> float:
    """Return the largest difference of two arrays, in units of what rounding may make of it."""
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind not in "fc":
        return 0.0 if np.array_equal(x, y) else np.inf
    if np.array_equal(x, y):
        return 0.0
    with np.errstate(all="ignore"):
        largest = _largest(np.subtract(x, y))
    if np.isfinite(largest):
        return largest / _unit(y)
    finite = np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return np.inf
    if not np.any(finite):
        return 0.0
    return float(np.max(np.abs(x[finite] - y[finite]))) / _unit(y)


def _largest(x: Any) -> float:
    """Return the largest absolute value, or NaN; of a large array without one of absolute ones."""
    if not x.size:
        return 0.0
    if x.dtype.kind == "c":
        return float(np.max(np.abs(x)))
    return float(np.maximum(np.max(x), -np.min(x)))


def _unit(y: np.ndarray[Any, Any]) -> float:
    """Return the difference from an array that needs no closer look."""
    if y.dtype.kind not in "fc":
        return 1.0
    scale = _largest(y)
    if not np.isfinite(scale):
        scale = _largest(y[np.isfinite(y)])
    units = _UNITS.get(y.dtype, _FEW_UNITS)
    return units * float(np.finfo(y.dtype).eps) * scale + float(np.finfo(y.dtype).tiny)


def roundings(program: Program, leaves: Sequence[Any]) -> list[float]:
    """Return how far the outputs of a program move if each operation rounds otherwise.

    Each result is moved by a unit in the last place at random, sums by as many as they have levels
    of pairs (stochastic arithmetic: Vignes 1993).
    """
    draw = np.random.default_rng(0)
    exact = _run(program, leaves, None)
    moved = [0.0] * len(exact)
    for _ in range(_ROUNDINGS):
        for i, (x, y) in enumerate(zip(_run(program, leaves, draw), exact, strict=True)):
            with np.errstate(all="ignore"):
                change = np.abs(np.subtract(x, y)) if np.asarray(y).dtype.kind in "fc" else 0.0
            finite = np.isfinite(y) if np.asarray(y).dtype.kind in "fc" else False
            if np.any(finite):
                # NaN allows nothing: it is no larger than any error.
                moved[i] = max(moved[i], float(np.nan_to_num(np.max(np.asarray(change)[finite]))))
    return moved


def _run(program: Program, leaves: Sequence[Any], draw: np.random.Generator | None) -> list[Any]:
    """Return the outputs of a program, computed as eager functions do, with random roundings."""
    known: dict[int, Any] = {}
    for node, x in zip(program.inputs, leaves, strict=True):
        known[id(node)] = np.float64(x) if type(x) is float else x

    def value_of(node: Any) -> Any:
        if node.op != CONSTANT:
            return known[id(node)]
        constant = node.function
        return constant if np.shape(constant) == node.shape else np.full(node.shape, constant)

    with np.errstate(all="ignore"):
        for node in program.nodes:
            args = [value_of(x) for x in node.args]
            value = node.function(*args, **node.params)
            if draw is not None and node.dtype.kind in "fc" and kind_of(node) is not Kind.VIEW:
                units = _units_of(node)
                if units:
                    eps = units * np.finfo(node.dtype).eps
                    noise = 1 + eps * draw.uniform(-1, 1, np.shape(value))
                    value = np.multiply(value, noise).astype(node.dtype)[()]
            known[id(node)] = value
    return [value_of(x) for x in program.outputs]


def _units_of(node: Any) -> float:
    """Return by how many units in the last place the result of an operation may round."""
    if node.op in _SUMS:
        return float(np.log2(2 + max(x.size for x in node.args)))
    return 1.0 if isinstance(node.function, np.ufunc) and node.op not in _EXACT else 0.0
