"""The message where gradients do not agree: the worst entries, and which is probably wrong."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compare.checks.diagnosis import diagnosis
from compare.checks.difference import Difference
from compare.checks.tolerance import Tolerance, widest
from compare.checks.ulp import ulps_text
from compare.problems.problem import Case
from compare.testing.gradients import NamedGradient

__all__ = ["kink", "message"]

Pairs = Mapping[tuple[str, str], Difference]

#: Pairs that are shown in full: the first ones are those of the caller's gradient.
_MOST_PAIRS = 6
#: Steps at which slopes to either side are taken, relative to the argument.
_STEPS = (1e-4, 1e-6)


def message(
    case: Case, gradients: Sequence[NamedGradient], pairs: Pairs, skipped: Mapping[str, str]
) -> str:
    """Return the text of the AssertionError."""
    by_name = {gradient.name: gradient for gradient in gradients}
    wrong = {names: d for names, d in pairs.items() if not d.agrees}
    lines = [
        f"the gradients of {case.problem.name} do not agree: {len(wrong)} of {len(pairs)} pairs "
        "differ"
    ]
    kinks: dict[str, str] = {}
    for (first, second), difference in list(wrong.items())[:_MOST_PAIRS]:
        lines += ["", *_pair(by_name[first], by_name[second], difference)]
        kinks[difference.at] = kink(case, difference.at)
    if len(wrong) > _MOST_PAIRS:
        lines += ["", f"and {len(wrong) - _MOST_PAIRS} more pairs"]
    at_kinks = [text for text in kinks.values() if text]
    lines += ["", *_agreeing(gradients, pairs, bool(at_kinks)), *at_kinks]
    lines += [f"skipped: {name}: {reason}" for name, reason in skipped.items()]
    shown = ", ".join(
        f"{name} {np.asarray(x).dtype} {np.shape(x)}" for name, x in case.inputs.items()
    )
    lines.append(f"arguments: {shown}; with respect to {', '.join(case.wrt)}; seed {case.seed}")
    return "\n".join(lines)


def _pair(a: NamedGradient, b: NamedGradient, difference: Difference) -> list[str]:
    """Return the lines on one pair: where it differs most, both values and how far apart."""
    name, entry = _place(difference.at)
    head = f"{a.name} against {b.name}: "
    if not name:
        return [head + difference.message]
    given, expected = (_values(gradient, name) for gradient in (a, b))
    tolerance = widest(a.tolerance, b.tolerance)
    off, known = _off(name, a, b, tolerance)
    where = f"{off} of {known} entries of {name} off, worst {difference.at}"
    if name == "value" and name not in b.by_argument:
        where = "the values of the function differ"
    x, y = (np.ma.getdata(array)[entry] for array in (given, expected))
    wide = max(len(a.name), len(b.name))
    allowed = f"{tolerance.relative:g} relative or {tolerance.of_largest:g} of the largest entry"
    distance = f", {ulps_text(x, y)}" if np.isfinite(x) and np.isfinite(y) else ""
    cause = (
        diagnosis(name, a.by_argument, b.by_argument) if name in b.by_argument and distance else ""
    )
    return [
        head + where,
        f"  {a.name:<{wide}}  {_full(x)}",
        f"  {b.name:<{wide}}  {_full(y)}",
        f"  relative error {_error(x, y):.3g}{distance}; the tolerance is {allowed}",
        *([f"  {cause}"] if cause and "differ" not in cause else []),
    ]


def _place(at: str) -> tuple[str, tuple[int, ...]]:
    """Return the argument and the index that `Difference.at` names; nothing if it names none."""
    found = re.fullmatch(r"([^\[]*)(?:\[([0-9, ]+)\])?", at)
    if not found or not found[1]:
        return "", ()
    return found[1], tuple(int(i) for i in (found[2] or "").split(",") if i.strip())


def _values(gradient: NamedGradient, name: str) -> Any:
    if name == "value" and name not in gradient.by_argument:
        return np.asarray(gradient.value)
    return np.ma.asarray(gradient.by_argument[name])


def _full(number: Any) -> str:
    """Return a number with all its digits."""
    text = repr(number.item() if number.dtype.itemsize >= 8 else float(str(number)))
    return text if text.startswith(("-", "n", "i")) else " " + text


def _error(a: Any, b: Any) -> float:
    x, y = float(a), float(b)
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    return abs(x - y) / max(abs(x), abs(y), 5e-324)


def _off(name: str, a: NamedGradient, b: NamedGradient, tolerance: Tolerance) -> tuple[int, int]:
    """Return the numbers of entries beyond the tolerance, and of those known to both."""
    x, y = (np.ma.asarray(_values(o, name)).astype(float) for o in (a, b))
    known = ~np.ma.getmaskarray(y)
    x, y = np.ma.getdata(x)[known], np.ma.getdata(y)[known]
    reference = [np.abs(np.ma.asarray(g).compressed()) for g in b.by_argument.values()]
    largest = max((float(np.max(g)) for g in reference if g.size), default=0.0)
    with np.errstate(all="ignore"):
        allowed = (
            tolerance.relative * np.maximum(np.abs(x), np.abs(y))
            + tolerance.of_largest * largest
            + tolerance.of_value * abs(float(b.value))
        )
        near = (x == y) | (np.abs(x - y) <= allowed)
    near &= np.isfinite(x) & np.isfinite(y)
    return max(1, int(np.sum(~near))), int(np.sum(known))


def _agreeing(gradients: Sequence[NamedGradient], pairs: Pairs, at_a_kink: bool) -> list[str]:
    """Return a line for each gradient: which others agree, and whether it is probably wrong."""
    agreed = {frozenset(names) for names, difference in pairs.items() if difference.agrees}
    friends = {g.name: [p for p in gradients if {g.name, p.name} in agreed] for g in gradients}
    support = {g.name: len({p.kind for p in friends[g.name]} - {g.kind}) for g in gradients}
    lines, doubted = [], False
    for gradient in gradients:
        # A rough gradient agrees with both sides: only those that contradict are weighed up.
        contradicting = [
            p for p in gradients if p is not gradient and {gradient.name, p.name} not in agreed
        ]
        outweighed = any(support[p.name] > support[gradient.name] for p in contradicting)
        doubted |= outweighed
        names = [p.name for p in friends[gradient.name]]
        listed = " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
        verdict = ": it is probably wrong" if outweighed and not at_a_kink else ""
        lines.append(f"{gradient.name} agrees with {listed or 'nobody'}{verdict}")
    if not doubted and not at_a_kink:
        lines.append("there is no majority: any of them may be wrong")
    return lines


def kink(case: Case, at: str) -> str:
    """Return a sentence on the kink of the function at an entry, or an empty string."""
    name, entry = _place(at)
    if name not in case.wrt:
        return ""
    gaps, slopes = [], (0.0, 0.0)
    for step in _STEPS:
        slopes = _slopes(case, name, entry, step)
        if not all(map(math.isfinite, slopes)):
            return ""
        gaps.append(abs(slopes[1] - slopes[0]))
    size = max(map(abs, slopes))
    if gaps[-1] <= 1e-3 * size or gaps[-1] < 0.5 * gaps[0]:
        return ""
    return (
        f"{at} lies at a kink or a tie: the slope is {slopes[0]:.6g} to its left and "
        f"{slopes[1]:.6g} to its right, so there is no derivative, and engines differ by "
        "convention: move the argument"
    )


def _slopes(case: Case, name: str, entry: tuple[int, ...], step: float) -> tuple[float, float]:
    """Return one-sided differences to the left and to the right of an entry."""
    f, x = case.problem.function, case.inputs[name]
    h = step * max(1.0, abs(float(np.asarray(x)[entry])))
    values = []
    with np.errstate(all="ignore"):
        for move in (-h, 0.0, h):
            moved = np.array(x, dtype=float)
            moved[entry] += move
            values.append(float(f(**{**case.inputs, name: moved if moved.ndim else moved[()]})))
    return (values[1] - values[0]) / h, (values[2] - values[1]) / h
