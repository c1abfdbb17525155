"""One thread: asked for, and read back."""

from collections.abc import Iterator
from contextlib import contextmanager

import threadpoolctl

__all__ = ["ThreadsNotPinned", "one_thread"]


class ThreadsNotPinned(OSError):
    """A library of this process does not keep to one thread."""


@contextmanager
def one_thread() -> Iterator[dict[str, int]]:
    """Keep the linear algebra libraries of this process to one thread, and check that they do.

    Examples
    --------
    >>> import numpy
    >>> with one_thread() as threads:
    ...     set(threads.values()) <= {1}
    True
    """
    with threadpoolctl.threadpool_limits(1):
        threads = {
            f"{pool['internal_api']} {pool['version'] or ''} ({pool['prefix']})": int(
                pool["num_threads"]
            )
            for pool in threadpoolctl.threadpool_info()
        }
        more = [f"{name} uses {count}" for name, count in threads.items() if count != 1]
        if more:
            raise ThreadsNotPinned(f"one thread was asked for; {', '.join(more)}")
        yield threads
