"""Operations as teachers write them: a sign where there is one, its name otherwise.

In a sign that holds the letter ``x``, such as ``x²`` or ``|x|``, that letter stands for the
operand.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["INFIX", "gate"]

#: Signs that stand between their two operands.
INFIX: Mapping[str, str] = {
    "add": "+",
    "subtract": "−",
    "multiply": "×",
    "divide": "÷",
    "matmul": "@",
    "equal": "=",
    "not_equal": "≠",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
    "logical_and": "∧",
    "bitwise_and": "∧",
    "logical_or": "∨",
    "bitwise_or": "∨",
    "logical_xor": "⊕",
    "bitwise_xor": "⊕",
}
_SIGNS: Mapping[str, str] = {
    "negative": "−x",
    "positive": "+x",
    "reciprocal": "1/x",
    "square": "x²",
    "sqrt": "√x",
    "cbrt": "∛x",
    "absolute": "|x|",
    "fabs": "|x|",
    "exp2": "2ˣ",
    "floor": "⌊x⌋",
    "ceil": "⌈x⌉",
    "logical_not": "¬x",
    "invert": "¬x",
    "transpose": "xᵀ",
    "maximum": "max",
    "minimum": "min",
    "remainder": "mod",
    "power": "^",
    "float_power": "^",
    "sum": "Σ",
    "prod": "Π",
    "expit": "σ",
    "sigmoid": "σ",
}
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
#: An index longer than this is drawn as dots.
_LONGEST_INDEX = 9


def gate(
    name: str, params: Mapping[str, Any] | None, constants: Sequence[Any]
) -> tuple[str, str, tuple[int, ...]]:
    """Return symbol and detail of a gate, and the operands that the symbol shows.

    Examples
    --------
    >>> gate("divide", None, [1.0, None])
    ('1/x', '', (0,))
    >>> gate("power", None, [None, 3])
    ('x³', '', (1,))
    >>> gate("sum", {"axis": 0, "keepdims": True}, [None])
    ('Σ', 'axis 0', ())
    """
    params = params or {}
    if name == "divide" and _number(constants[0]) == 1:
        return "1/x", "", (0,)
    if name in ("power", "float_power"):
        exponent = _number(constants[1])
        if exponent is not None:
            return f"x{_superscript(exponent)}", "", (1,)
    if name == "getitem" and "index" in params:
        return f"x[{_index(params['index'])}]", "", ()
    return INFIX.get(name) or _SIGNS.get(name, name), _detail(params), ()


def _number(x: Any) -> float | None:
    """Return a constant that is one real number, None otherwise."""
    if isinstance(x, bool | np.bool_) or not isinstance(x, int | float | np.generic | np.ndarray):
        return None
    return float(x) if np.ndim(x) == 0 and np.result_type(x).kind in "fiu" else None


def _superscript(exponent: float) -> str:
    if exponent == int(exponent) and abs(exponent) < 100:
        return str(int(exponent)).translate(_SUPERSCRIPTS)
    return f"^{exponent:.3g}".replace("-", "−")


def _detail(params: Mapping[str, Any]) -> str:
    axis = params.get("axis")
    if isinstance(axis, tuple | list):
        return f"axes {', '.join(map(str, axis))}"
    if axis is not None:
        return f"axis {axis}"
    subscripts = params.get("subscripts")
    return subscripts if isinstance(subscripts, str) else ""


def _index(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    text = ", ".join(map(_index_part, parts))
    return text if len(text) <= _LONGEST_INDEX else "…"


def _index_part(part: Any) -> str:
    if isinstance(part, slice):
        ends = f"{_end(part.start)}:{_end(part.stop)}"
        return ends if part.step is None else f"{ends}:{_end(part.step)}"
    if part is None or isinstance(part, int | np.integer):
        return str(part)
    return "…"


def _end(x: Any) -> str:
    return "" if x is None else str(x)
