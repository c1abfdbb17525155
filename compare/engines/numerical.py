"""Engines that know nothing of the function: they evaluate it at neighbouring points."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compare.engines.engine import Engine, Prepared
from compare.engines.precision import in_types_of_arguments
from compare.problems.problem import Case

__all__ = ["COMPLEX_STEP", "FINITE_DIFFERENCES", "central_difference", "sampled_differences"]

#: Balances truncation (h**2) and rounding (eps/h) of a central difference: the cube root of eps.
_CENTRAL_STEP = float.fromhex("0x1p-52") ** (1 / 3)
#: The imaginary step is never subtracted, so it can be so small that its square vanishes.
_IMAGINARY_STEP = 1e-30


def _entries(value: Any) -> Iterator[tuple[int, ...]]:
    yield from np.ndindex(np.shape(value))


def _moved(value: Any, entry: tuple[int, ...], step: Any, dtype: type) -> Any:
    """Return a copy of a value with a step added to one entry."""
    moved: Any = np.array(value, dtype=dtype)
    moved[entry] += step
    return moved if moved.ndim else moved[()]


def central_difference(
    case: Case, name: str, entry: tuple[int, ...], inputs: Mapping[str, Any]
) -> float:
    """Return one partial derivative by a central difference."""
    f = case.problem.function
    x = float(np.asarray(inputs[name])[entry])
    step = _CENTRAL_STEP * max(1.0, abs(x))
    up, down = x + step, x - step
    upper = f(**{**inputs, name: _moved(inputs[name], entry, up - x, float)})
    lower = f(**{**inputs, name: _moved(inputs[name], entry, down - x, float)})
    return float((upper - lower) / (up - down))


def sampled_differences(case: Case, samples: int) -> dict[str, Any]:
    """Return central differences at some entries, shared out evenly; the others are masked."""
    rng = np.random.default_rng(case.seed)
    gradients: dict[str, Any] = {}
    share = max(1, samples // len(case.wrt))
    # Values at zero and infinity are compared, not warned of.
    with np.errstate(all="ignore"):
        for name in case.wrt:
            x_bar: Any = np.ma.MaskedArray(np.zeros(np.shape(case.inputs[name])), mask=True)
            for place in rng.choice(x_bar.size, min(share, x_bar.size), replace=False):
                entry = tuple(int(i) for i in np.unravel_index(place, x_bar.shape))
                x_bar[entry] = central_difference(case, name, entry, case.inputs)
            gradients[name] = x_bar
    return gradients


def _prepare_finite_differences(case: Case) -> Prepared:
    def run(inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        gradients = {}
        for name in case.wrt:
            x_bar = np.empty(np.shape(inputs[name]))
            for entry in _entries(inputs[name]):
                x_bar[entry] = central_difference(case, name, entry, inputs)
            gradients[name] = x_bar
        return case.problem.function(**inputs), gradients

    return Prepared(in_types_of_arguments(run, case))


def _prepare_complex_step(case: Case) -> Prepared:
    f = case.problem.function

    def run(inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        gradients = {}
        for name in case.wrt:
            x_bar = np.empty(np.shape(inputs[name]))
            for entry in _entries(inputs[name]):
                moved = _moved(inputs[name], entry, 1j * _IMAGINARY_STEP, complex)
                x_bar[entry] = np.imag(f(**{**inputs, name: moved})) / _IMAGINARY_STEP
            gradients[name] = x_bar
        return f(**inputs), gradients

    return Prepared(in_types_of_arguments(run, case))


def _refuses_complex(case: Case) -> str:
    if case.problem.analytic:
        return ""
    return "the function is not declared analytic, so a complex step need not give its derivative"


FINITE_DIFFERENCES = Engine(
    name="finite-differences",
    meaning="central differences: two evaluations of the loss per parameter",
    imports=("numpy",),
    prepare=_prepare_finite_differences,
    tolerance="finite-differences",
)
COMPLEX_STEP = Engine(
    name="complex-step",
    meaning="imaginary part at x + ih (Squire and Trapp 1998): one complex evaluation each",
    imports=("numpy",),
    prepare=_prepare_complex_step,
    refuses=_refuses_complex,
)
