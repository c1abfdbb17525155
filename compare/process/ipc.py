"""Messages between processes: a mark, a pickle, and the large arrays of it, as they lie in memory.

Each part stands behind its length. An array that is copied into the pickle, and out of it again,
takes three times as long to arrive.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import IO, Any

__all__ = [
    "NoMessage",
    "Part",
    "numbers_only",
    "parts_of",
    "read_message",
    "valid_unicode",
    "write_message",
]

#: A part of a message: the pickle, or the memory of an array.
Part = bytes | memoryview

#: Begins every message, so that bytes that somebody else wrote into the pipe are not taken for one.
_MARK = b"gradscale message"
_LENGTH_BYTES = 8
#: Arrays that lie beside the pickle are of so many bytes; and what is read at a time, so that no
#: more memory is taken than has arrived.
_LARGE, _CHUNK = 1 << 16, 1 << 24
#: What arrays and numbers of NumPy are put together by.
_OF_ARRAYS = frozenset(
    ["ndarray", "dtype", "scalar", "_reconstruct", "_frombuffer", "MaskedArray", "_mareconstruct"]
)


class NoMessage(Exception):
    """Bytes in the pipe that are no message; nothing that follows can be read."""


def valid_unicode(text: str) -> str:
    r"""Return a text that can be encoded: what stands for no character is escaped.

    Examples
    --------
    >>> valid_unicode("caf" + chr(0xDCE9) + ".txt")
    'caf\\udce9.txt'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parts_of(message: Any, dumps: Callable[..., bytes] = pickle.dumps) -> list[Part]:
    """Return the pickle of an object, and the memory of the large arrays in it.

    Who changes one of the arrays before it is written changes the message.
    """
    arrays: list[Part] = []

    def beside(buffer: pickle.PickleBuffer) -> bool:
        memory = buffer.raw()
        if memory.nbytes < _LARGE:
            return True  # stays in the pickle
        arrays.append(memory)
        return False

    return [dumps(message, protocol=5, buffer_callback=beside), *arrays]


def write_message(stream: IO[bytes], parts: Sequence[Part]) -> None:
    """Write one message."""
    _write(stream, _MARK + _length(len(parts)))
    for part in parts:
        _write(stream, _length(len(part)))
        _write(stream, part)
    stream.flush()


def _length(count: int) -> bytes:
    return count.to_bytes(_LENGTH_BYTES, "big")


def _write(stream: IO[bytes], part: Part) -> None:
    left = memoryview(part)
    while left:  # a stream without a buffer may take a part only
        left = left[stream.write(left) :]


class _Numbers(pickle.Unpickler):
    """Reads numbers, texts, arrays, what holds them, and records of this package."""

    def find_class(self, module: str, name: str) -> Any:
        package = module.partition(".")[0]
        if package == "numpy" and name in _OF_ARRAYS:
            return super().find_class(module, name)
        if package == __name__.partition(".")[0]:
            found = super().find_class(module, name)
            if isinstance(found, type) and is_dataclass(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} stands in it, which is no number")


def numbers_only(payload: bytes, *, buffers: Sequence[Any] = ()) -> Any:
    """Return an object from its pickle, with nothing in it that would run code of others here.

    Examples
    --------
    >>> numbers_only(pickle.dumps({"x": 0.5}))
    {'x': 0.5}
    >>> numbers_only(pickle.dumps(print))
    Traceback (most recent call last):
    _pickle.UnpicklingError: builtins.print stands in it, which is no number
    """
    return _Numbers(io.BytesIO(payload), buffers=buffers).load()


def read_message(stream: IO[bytes], loads: Callable[..., Any] = pickle.loads) -> Any:
    """Return the next message, or None when the other process has closed the pipe."""
    try:
        header = stream.read(len(_MARK))
        if not header.startswith(_MARK[: len(header)]):
            raise NoMessage("bytes that are no answer arrived in the pipe of its process")
        parts = [_read_part(stream) for _ in range(_read_length(stream))]
    except (OSError, ValueError, EOFError):
        return None
    return loads(bytes(parts[0]), buffers=parts[1:])


def _read_part(stream: IO[bytes]) -> bytearray:
    length, part = _read_length(stream), bytearray()
    while len(part) < length:
        part += _read(stream, min(length - len(part), _CHUNK))
    return part


def _read_length(stream: IO[bytes]) -> int:
    return int.from_bytes(_read(stream, _LENGTH_BYTES), "big")


def _read(stream: IO[bytes], count: int) -> bytes:
    """Return so many bytes; `EOFError` where the pipe is closed before."""
    found = stream.read(count)
    if len(found) < count:
        raise EOFError
    return found
