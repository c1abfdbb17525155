"""The process that outlives its parent by a moment: ``python -m compare.process.guard PREFIX``.

A parent that is killed cannot end what it has started. The guard waits, without using the
processor, until its standard input ends, as it does when the parent is gone for whatever reason,
and ends every process that carries the parent's mark.
"""

import atexit
import itertools
import os
import secrets
import subprocess
import sys
import time

__all__ = ["new_mark", "package_environment"]

#: Looks for processes that are left; one that was just being started has no mark at the first.
_LOOKS = 20
_PAUSE_S = 0.05

_numbers = itertools.count()
#: Mark that the processes of each parent begin with, by its number; a fork gets one of its own.
_prefixes: dict[int, str] = {}


def new_mark() -> str:
    """Return the mark for a new process of this one; the first starts the guard."""
    parent = os.getpid()
    if parent not in _prefixes:
        _prefixes[parent] = f"{parent}-{secrets.token_hex(8)}."
        _start(_prefixes[parent])
    return f"{_prefixes[parent]}{next(_numbers)}."


def package_environment() -> dict[str, str]:
    """Return the environment in which a process finds the modules that this one does."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}


def _start(prefix: str) -> None:
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, prefix],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=package_environment(),
        # A signal to the group of the parent, such as Ctrl-C, must not reach the guard.
        start_new_session=True,
    )

    def end(parent: int = os.getpid()) -> None:
        if parent == os.getpid():
            assert guard.stdin
            guard.stdin.close()
            guard.wait()

    atexit.register(end)


def main() -> None:
    """Wait for the end of standard input, then end the processes marked with the argument."""
    sys.stdin.buffer.read()
    # late: psutil is not held in memory while it waits
    from compare.process.processes import end_marked

    # The keepers of its workers end what has no mark, while they live.
    time.sleep(_PAUSE_S)
    for _ in range(_LOOKS):
        if not end_marked(sys.argv[1]):
            break
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main()
