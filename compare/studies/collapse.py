"""Why a network needs its nonlinearity: without it, formulas show that two layers are one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

import symdiff
from symdiff.printing.latex import symbol_names

__all__ = ["Collapse", "linear_layers_collapse"]


@dataclass(frozen=True)
class Collapse:
    """Two layers against one, as formulas."""

    #: Whether ``W2 (W1 x)`` is ``(W2 W1) x`` for all numbers.
    linear_equal: bool
    #: First entry of both, and of their difference where it is 0.
    linear_text: str
    linear_latex: str
    #: Whether ``W2 sigmoid(W1 x)`` is ``(W2 W1) x`` for all numbers.
    sigmoid_equal: bool
    #: Whether ``W2 sigmoid(W1 x)`` is a single layer of any other matrix and bias.
    sigmoid_affine: bool
    #: First entry of both, and of their difference where it is 0.
    sigmoid_text: str
    sigmoid_latex: str


def linear_layers_collapse(inputs: int = 2, hidden: int = 3, outputs: int = 2) -> Collapse:
    """Return the proof that two layers without a nonlinearity are one, and with it are not.

    Notes
    -----
    Equality is exact: every entry of ``W2 (W1 x) - (W2 W1) x`` expands to the polynomial 0, in the
    symbols of all weights and inputs. With a sigmoid the difference is not 0 where all
    weights and inputs are 1. No other single layer does, either: for ``f(x) = A x + b``, the
    second difference ``f(2 x) - 2 f(x) + f(0)`` is 0, and here it is not.
    """
    widths = {"inputs": inputs, "hidden": hidden, "outputs": outputs}
    for name, width in widths.items():
        if isinstance(width, bool) or not isinstance(width, int) or width < 1:
            raise ValueError(
                f"linear_layers_collapse: {name} is {width!r}, "
                "expected a whole number of at least 1."
            )
    shapes = {"W1": (hidden, inputs), "W2": (outputs, hidden), "x": (inputs,)}

    def formulas(f: Callable[..., Any]) -> symdiff.Expression:
        return symdiff.trace(f, inputs=shapes)

    single = formulas(_single_layer)
    linear, sigmoid = formulas(_linear_layers), formulas(_sigmoid_layers)
    second_difference = formulas(_second_difference)
    linear_shown = _shown("W2 (W1 x)", linear, single)
    sigmoid_shown = _shown("W2 sigmoid(W1 x)", sigmoid, single)
    return Collapse(
        linear_equal=_vanishes(linear.result - single.result),
        linear_text=linear_shown[0],
        linear_latex=linear_shown[1],
        sigmoid_equal=_vanishes(sigmoid.result - single.result),
        sigmoid_affine=_vanishes(second_difference.result),
        sigmoid_text=sigmoid_shown[0],
        sigmoid_latex=sigmoid_shown[1],
    )


def _single_layer(W1: Any, W2: Any, x: Any) -> Any:
    """Return one linear layer, of the product of the two matrices."""
    return (W2 @ W1) @ x


def _linear_layers(W1: Any, W2: Any, x: Any) -> Any:
    """Return two linear layers."""
    return W2 @ (W1 @ x)


def _sigmoid_layers(W1: Any, W2: Any, x: Any) -> Any:
    """Return two layers with a sigmoid between them."""
    return W2 @ (1.0 / (1.0 + np.exp(-(W1 @ x))))


def _second_difference(W1: Any, W2: Any, x: Any) -> Any:
    """Return a difference that is 0 for every affine function in place of the sigmoid layers."""
    at_0 = _sigmoid_layers(W1, W2, 0.0 * x)
    return _sigmoid_layers(W1, W2, 2.0 * x) - 2.0 * _sigmoid_layers(W1, W2, x) + at_0


def _vanishes(entries: Any) -> bool:
    """Whether every entry is 0 for all numbers."""
    for entry in np.ravel(entries):
        if sympy.expand(entry) == 0:
            continue
        value = sympy.sympify(entry).subs(dict.fromkeys(entry.free_symbols, sympy.Integer(1)))
        if sympy.Abs(value.evalf(50)) > sympy.Float("1e-20"):
            return False
        raise ValueError(
            f"linear_layers_collapse: {entry} neither expands to 0 nor differs from 0 at a point, "
            "so that it is not decided. Please report this as a bug."
        )
    return True


def _shown(words: str, layers: symdiff.Expression, single: symdiff.Expression) -> tuple[str, str]:
    """Return the first entry of two layers and of one, and that they are equal where they are."""
    two, one = layers.result[0], single.result[0]
    difference = sympy.expand(two - one)
    names = symbol_names(layers.symbols, [])
    rows = [
        (f"({words})[0]", r"f_1 &= ", two),
        ("((W2 W1) x)[0]", r"g_1 &= ", one),
    ]
    if difference == 0:
        rows.append(("difference, expanded", r"f_1 - g_1 &= ", difference))
    text = "\n".join(f"{left} = {formula}" for left, _, formula in rows)
    lines = [left + sympy.latex(formula, symbol_names=names) for _, left, formula in rows]
    latex = "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
    return text, latex
