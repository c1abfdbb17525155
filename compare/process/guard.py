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
import sysconfig
import threading
import time
from pathlib import Path

__all__ = ["new_mark", "package_environment", "package_path"]

#: Looks for processes that are left; one that was just being started has no mark at the first.
_LOOKS = 20
_PAUSE_S = 0.05

_numbers = itertools.count()
#: Mark that the processes of each parent begin with, by its number; a fork gets one of its own.
_prefixes: dict[int, str] = {}
_starting = threading.Lock()


def new_mark() -> str:
    """Return the mark for a new process of this one; the first starts the guard."""
    parent = os.getpid()
    with _starting:
        if parent not in _prefixes:
            _prefixes[parent] = f"{parent}-{secrets.token_hex(8)}."
            _start(_prefixes[parent])
    return f"{_prefixes[parent]}{next(_numbers)}."


def package_path() -> list[str]:
    """Return the search path of a process: what is installed, then the folders of a user.

    A user's `compare.py`, `code.py` or `numpy.py` beside a model hides no module that this package
    needs, whatever the folder that the process starts in.
    """
    # An editable installation need not stand on the path.
    paths = [*sys.path, str(Path(__file__).parents[2])]
    folders = list(dict.fromkeys(os.path.abspath(p or os.getcwd()) for p in paths))
    return sorted(folders, key=lambda folder: not _is_installed(folder))


def _is_installed(folder: str) -> bool:
    """Return whether a folder holds Python's own modules, installed ones or this package."""
    inside = Path(folder) / __name__.partition(".")[0]
    own = inside.is_dir() and inside == Path(__file__).parents[1]
    ours = [str(Path(sysconfig.get_path(name))) for name in ("stdlib", "purelib", "platlib")]
    within = any(folder == place or folder.startswith(place + os.sep) for place in ours)
    return own or within or folder.endswith((".zip", "site-packages", "dist-packages"))


def package_environment() -> dict[str, str]:
    """Return the environment in which a process finds the modules that this one does."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(package_path()), "PYTHONSAFEPATH": "1"}


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
