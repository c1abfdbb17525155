"""Messages between processes: pickles with their length in front."""

import pickle
from typing import IO, Any

__all__ = ["read_message", "write_message"]

_LENGTH_BYTES = 8


def write_message(stream: IO[bytes], payload: bytes) -> None:
    """Write one message."""
    stream.write(len(payload).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(payload)
    stream.flush()


def read_message(stream: IO[bytes]) -> Any:
    """Return the next message, or None when the other process has closed the pipe."""
    try:
        header = stream.read(_LENGTH_BYTES)
        if len(header) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(header, "big")
        payload = stream.read(length)
    except (OSError, ValueError):
        return None
    return pickle.loads(payload) if len(payload) == length else None
