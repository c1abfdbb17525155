"""Numbers and arrays in few characters: one number, a small array in full, a large one by its size.

A large array is shown by its shape and its norm: the norm of the gradients along a graph is what
shows whether they vanish or explode on their way back.
"""

from typing import Any

import numpy as np

__all__ = ["lines", "number"]

#: Arrays of at most this many rows and columns are shown in full, if their rows are short.
_ROWS, _COLUMNS, _LONGEST_ROW = 3, 4, 24
#: Whole numbers below this are written out.
_WRITTEN_OUT = 10_000
#: As wide as a digit.
_FIGURE_SPACE = "\u2007"


def number(x: Any, digits: int) -> str:
    """Return a number as text.

    Examples
    --------
    >>> number(-0.19661, 3), number(1234.0, 3), number(1.5e-7, 3), number(np.nan, 3)
    ('−0.197', '1234', '1.5e−7', 'nan')
    """
    if isinstance(x, bool | np.bool_):
        return str(bool(x))
    if isinstance(x, complex | np.complexfloating):
        real, imag = number(x.real, digits), number(x.imag, digits)
        return f"{real}{'' if imag[0] in '−' else '+'}{imag}j"
    x = float(x)
    if abs(x) < _WRITTEN_OUT and x == int(x):
        return str(int(x)).replace("-", "−")
    mantissa, e, exponent = f"{x:.{digits}g}".partition("e")
    return f"{mantissa}{e}{int(exponent) if e else ''}".replace("-", "−")


def lines(x: Any, digits: int) -> tuple[str, ...]:
    """Return the lines of a label: a number, the rows of a small array, or shape and norm.

    Examples
    --------
    >>> lines(np.array([1.5, -2.0]), 3)
    ('[1.5, −2]',)
    >>> lines(np.ones((64, 10)), 3)
    ('64×10', 'norm 25.3')
    """
    if x is None:
        return ()
    if not isinstance(x, np.ndarray | np.generic | int | float | complex):
        # Arrays of other libraries may lie on another device: their shape is at hand.
        return (_shape(np.shape(x)) or type(x).__name__,)
    x = np.asarray(x)
    if x.dtype.kind not in "fciub":
        return (_shape(x.shape) or str(x.dtype),)
    if x.ndim == 0:
        return (number(x[()], digits),)
    if x.size > 0 and x.ndim <= 2 and x.shape[-1] <= _COLUMNS and x.size <= _ROWS * x.shape[-1]:
        rows = _rows(np.atleast_2d(x), digits)
        if max(map(len, rows)) <= _LONGEST_ROW:
            return rows
    return _summary(x, digits)


def _rows(x: Any, digits: int) -> tuple[str, ...]:
    texts = [[number(item, digits) for item in row] for row in x]
    width = max(len(text) for row in texts for text in row) if len(texts) > 1 else 0
    gap = _FIGURE_SPACE if len(texts) > 1 else ", "
    return tuple(f"[{gap.join(t.rjust(width, _FIGURE_SPACE) for t in row)}]" for row in texts)


def _summary(x: Any, digits: int) -> tuple[str, ...]:
    shape = _shape(x.shape)
    if not x.size:
        return (shape, "empty")
    if x.dtype.kind == "b":
        return (shape, f"{np.count_nonzero(x)} true")
    if x.dtype.kind in "iu":
        return (shape, f"{number(x.min(), digits)} … {number(x.max(), digits)}")
    with np.errstate(over="ignore", invalid="ignore"):
        return (shape, f"norm {number(np.linalg.norm(x.ravel()), digits)}")


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {shape[0]}" if len(shape) == 1 else "×".join(map(str, shape))
