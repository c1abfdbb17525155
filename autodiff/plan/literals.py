"""Values as source: numbers, arrays, basic indices."""

import base64
import zlib
from typing import Any

import numpy as np

__all__ = ["LARGE", "UNPACKED", "UNPACKED_NUMBERS", "array_text", "index_text", "literal"]

#: Bytes from which a constant array is handed to a plan, not printed.
LARGE = 4096
UNPACKED = [
    "import base64, zlib",
    "",
    "",
    "def unpacked(text, dtype):",
    "    return np.frombuffer(zlib.decompress(base64.b85decode(text)), dtype)",
    "",
]
UNPACKED_NUMBERS = '''def unpacked_numbers(text):
    """Return the numbers of a list."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text))).tolist()'''


def index_text(index: Any) -> str:
    """Return a basic index as source."""
    if index == ():
        return "()"
    parts = index if isinstance(index, tuple) else (index,)
    texts = []
    for part in parts:
        if isinstance(part, slice):
            bounds = ["" if x is None else str(x) for x in (part.start, part.stop)]
            texts.append(":".join(bounds) + ("" if part.step is None else f":{part.step}"))
        else:
            texts.append("..." if part is Ellipsis else repr(None if part is None else int(part)))
    return ", ".join(texts) + ("," if len(texts) == 1 and isinstance(index, tuple) else "")


def literal(value: Any) -> str:
    """Return a number as source."""
    if type(value) is bool:
        return repr(value)
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic) and value.dtype != np.float64:
        return f"np.{value.dtype.name}({_text(number)})".replace("np.bool(", "np.bool_(")
    return f"({number!r})" if isinstance(number, int) and number < 0 else _text(number)


def _text(number: Any) -> str:
    """Return a number of Python's as source, those without a literal too."""
    if isinstance(number, complex):
        if np.isfinite(number):
            return repr(number) if number.real else f"({number!r})"
        return f"complex({_text(number.real)}, {_text(number.imag)})"
    if isinstance(number, float):
        if not np.isfinite(number):
            return f'float("{number}")'
        return f"({number!r})" if number < 0 else repr(number)
    return repr(number)


def array_text(value: np.ndarray[Any, Any]) -> str:
    """Return a constant array as source."""
    dtype = "" if value.dtype == np.float64 else f", {value.dtype.str!r}"
    if not value.size:
        return f"np.empty({value.shape}{dtype})"
    if value.size <= 16 and np.all(np.isfinite(value)):
        return f"np.array({value.tolist()!r}{dtype})"
    packed = base64.b85encode(zlib.compress(np.ascontiguousarray(value).tobytes())).decode()
    kind = dtype or ", float"
    return f'unpacked("{packed}"{kind}).reshape({value.shape})'


def has_text(value: Any) -> bool:
    """Return whether a parameter is arrays of places, not too large to be written."""
    arrays = isinstance(value, tuple) and all(isinstance(x, np.ndarray) for x in value)
    return arrays and all(x.dtype.kind in "bi" and x.nbytes <= LARGE for x in value)


def brief(value: Any) -> str:
    """Return the beginning of the text of a value."""
    return " ".join(repr(value).split())[:60]
