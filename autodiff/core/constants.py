"""Constants of a graph: operands that are no tensors, held as they were when they were used.

Were they to change before the backward pass, the gradient would be wrong in silence.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.libraries import adapted, own_copy, sized

__all__ = ["NUMBERS", "Constants", "fingerprint", "is_plain", "states"]

#: Types of operands that nothing changes and that need no check: real numbers.
NUMBERS = frozenset({float, int, bool, np.float64, np.float32, np.int64, np.bool_})
#: Bytes from which an array is watched rather than copied: fresh memory costs more than reading.
_LARGE = 1 << 16
#: A prime number, so that rows of matrices do not stand below each other.
_BLOCK = 509
#: Another one, and the words of a part of an array, fewer than the product of both.
_OTHER, _PART = 503, 256 * _BLOCK
_SAMPLE = 61
#: Bytes up to which `states` has all elements of an array, and the number that is of larger ones.
_WHOLE, _CHOSEN = 1 << 13, 128


class Constants:
    """The constant operands of one trace.

    If it is `brief`, one short call of function, backward pass and `check`, large arrays are
    watched instead of copied.
    """

    __slots__ = ("_brief", "_watched", "copied", "originals")

    def __init__(self, brief: bool) -> None:
        self._brief = brief
        self._watched: dict[int, tuple[Any, tuple[bytes, ...]]] = {}
        #: Of small arrays, by identity: the array, its bytes then, and the copy.
        self.copied: dict[int, tuple[Any, bytes, Any]] = {}
        #: The large arrays that were copied.
        self.originals: list[Any] = []

    def take(self, x: Any, name: str) -> Any:
        """Return a constant operand as it is now."""
        if type(x) is np.ndarray and x.nbytes < _LARGE and x.dtype.kind in "fiubc":
            known, octets = self.copied.get(id(x)), x.tobytes()
            # The same array used again, as weights in a loop are, needs no further copy.
            if known is None or known[1] != octets:
                copy = x.copy()
                # A rule may hand out an operand as it is; the user must not write into this one.
                copy.setflags(write=False)
                self.copied[id(x)] = known = (x, octets, copy)
            return known[2]
        if type(x) in NUMBERS or type(x) is complex:
            return x
        x = adapted(x)
        dtype = getattr(x, "dtype", None)
        if dtype is None or dtype.kind not in "fiubc" or not is_plain(x):
            what = type(x).__name__ if dtype is None else f"{type(x).__name__} of dtype {dtype}"
            raise TypeError(
                f"{name}: a tensor and a {what} arrived; only numbers and plain arrays of them "
                "work together with tensors: convert it with np.asarray(..., dtype=float)"
            )
        if not isinstance(x, np.ndarray | np.generic):
            return own_copy(sized(x))
        if not _may_change(x) or (self._brief and self._watch(x)):
            return x
        copy = np.array(x)
        copy.flags.writeable = False
        self.originals.append(x)
        return copy

    def _watch(self, x: Any) -> bool:
        """Return whether an array is watched, and still what it was when that began."""
        if x.nbytes < _LARGE or not x.flags.c_contiguous:
            return False
        now = fingerprint(x)
        return self._watched.setdefault(id(x), (x, now))[1] == now

    def check(self, what: str) -> None:
        """Raise if a watched array was written into since it was used."""
        for x, before in self._watched.values():
            if fingerprint(x) != before:
                raise ValueError(
                    f"{what}: an array of shape {x.shape} was written into after it had been used "
                    "together with a tensor, so the gradient would be wrong: write into a new array"
                )


def is_plain(x: Any) -> bool:
    """Return whether an array behaves as NumPy's own, which np.matrix and masked arrays do not."""
    if isinstance(x, np.ndarray):
        return type(x) is np.ndarray or isinstance(x, np.memmap)
    return isinstance(x, np.generic) or hasattr(x, "__array_function__")


def _may_change(x: Any) -> bool:
    """Return whether an array can be written into, if only through the one it is a view of."""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return False


def fingerprint(x: Any, thorough: bool = False) -> tuple[bytes, ...]:
    """Return bytes, few beside those of x, that change with any element, and with their order.

    It is read twice for each large constant of a gradient, so it takes one pass: sums of every
    509th word, which wrap around without loss, and every 61st word as it is, which tells rows,
    columns and parts that are exchanged. It misses the exchange of elements alone, at distances of
    multiples of 509, between the words that are taken as they are. If it is `thorough`, which takes
    1.6 times as long, two words are never exchanged unseen: parts of the array have sums of their
    own, of every 503rd word too, and no distance within a part is a multiple of both.
    """
    octets = x.reshape(-1).view(np.uint8)
    words = octets[: len(octets) // 8 * 8].view(np.uint64)
    rest = octets[len(words) // _BLOCK * _BLOCK * 8 :].tobytes()
    if not thorough:
        return _sums(words, _BLOCK), words[::_SAMPLE].tobytes(), rest
    parts = [words[i : i + _PART] for i in range(0, len(words), _PART)]
    return rest, *[_sums(part, block) for part in parts for block in (_BLOCK, _OTHER)]


def _sums(words: Any, block: int) -> bytes:
    blocks = words[: len(words) // block * block].reshape(-1, block)
    return bytes(np.add.reduce(blocks, 0))


def states(arrays: Sequence[Any]) -> list[bytes]:
    """Return the elements of arrays, by which to tell whether one was written into.

    Of a large array it is a sample: to read all of it twice would take longer than many a function.
    """
    return [x.tobytes() if x.nbytes <= _WHOLE else _sample(x) for x in arrays]


def _sample(value: Any) -> bytes:
    """Return the bytes of some elements of an array."""
    if value.ndim:
        count = _CHOSEN ** (1 / value.ndim)
        value = value[tuple([slice(None, None, int(n // count) or 1) for n in value.shape])]
    octets: bytes = value.tobytes()
    return octets
