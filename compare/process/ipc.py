"""Messages between processes: pickles behind a mark and their length."""

import pickle
from typing import IO, Any

__all__ = ["NoMessage", "read_message", "valid_unicode", "write_message"]

#: Begins every message, so that bytes that somebody else wrote into the pipe are not taken for one.
_MARK = b"gradscale message"
_LENGTH_BYTES = 8


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


def read_message(stream: IO[bytes]) -> Any:
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
    return pickle.loads(payload) if len(payload) == length else None
