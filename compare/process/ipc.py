"""Messages between processes: pickles behind a mark and their length."""

import io
import pickle
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import IO, Any

__all__ = ["NoMessage", "numbers_only", "read_message", "valid_unicode", "write_message"]

#: Begins every message, so that bytes that somebody else wrote into the pipe are not taken for one.
_MARK = b"gradscale message"
_LENGTH_BYTES = 8
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


def write_message(stream: IO[bytes], payload: bytes) -> None:
    """Write one message."""
    left = memoryview(_MARK + len(payload).to_bytes(_LENGTH_BYTES, "big") + payload)
    while left:  # a stream without a buffer may take a part only
        left = left[stream.write(left) :]
    stream.flush()


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


def numbers_only(payload: bytes) -> Any:
    """Return an object from its pickle, with nothing in it that would run code of others here.

    Examples
    --------
    >>> numbers_only(pickle.dumps({"x": 0.5}))
    {'x': 0.5}
    >>> numbers_only(pickle.dumps(print))
    Traceback (most recent call last):
    _pickle.UnpicklingError: builtins.print stands in it, which is no number
    """
    return _Numbers(io.BytesIO(payload)).load()


def read_message(stream: IO[bytes], loads: Callable[[bytes], Any] = pickle.loads) -> Any:
    """Return the next message, or None when the other process has closed the pipe."""
    try:
        header = stream.read(len(_MARK) + _LENGTH_BYTES)
        if not header.startswith(_MARK[: len(header)]):
            raise NoMessage("bytes that are no answer arrived in the pipe of its process")
        if len(header) < len(_MARK) + _LENGTH_BYTES:
            return None
        length = int.from_bytes(header[len(_MARK) :], "big")
        payload = stream.read(length)
    except (OSError, ValueError):
        return None
    return loads(payload) if len(payload) == length else None
