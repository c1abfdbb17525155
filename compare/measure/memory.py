"""Memory of a process as the system counts it, and Python's own allocations."""

import contextlib
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

__all__ = ["PeakMemory", "allocated_bytes"]


class PeakMemory:
    """Largest resident memory from now on, above the present one, as the system counted it.

    Examples
    --------
    >>> memory = PeakMemory()
    >>> memory.above_start() in (None, 0) or memory.above_start() > 0
    True
    """

    def __init__(self) -> None:
        #: Resident memory at the start in bytes; None where the system does not tell it here.
        self.start_bytes = self._read("VmRSS")
        if self.start_bytes is not None:
            # Linux forgets the peak of the past on this request.
            with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as refs:
                refs.write("5")

    @staticmethod
    def _read(key: str) -> int | None:
        if not sys.platform.startswith("linux"):
            return None
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
        return None

    def above_start(self) -> int | None:
        """Return the bytes, or None where the system does not tell them."""
        peak = self._read("VmHWM")
        if peak is None or self.start_bytes is None:
            return None
        return max(0, peak - self.start_bytes)


def allocated_bytes(run: Callable[[], Any]) -> int:
    """Return the peak of Python's allocations during one call, NumPy's arrays among them.

    Examples
    --------
    >>> 10**6 <= allocated_bytes(lambda: bytearray(10**6)) < 2 * 10**6
    True
    """
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run()
        return max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not was_tracing:
            tracemalloc.stop()
