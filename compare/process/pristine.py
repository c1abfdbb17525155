"""A process that has imported some modules and does nothing else, but fork itself into workers.

``python -m compare.process.pristine SOCKET MODULE...``. Importing takes far longer than all else
that a short-lived worker does; a fork of one that nothing has run in is as good as a new one.
"""

import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Mapping, Sequence
from functools import partial
from typing import IO, Any

from compare.process.guard import new_mark, package_environment
from compare.process.processes import MARK
from compare.process.worker import main as work

__all__ = ["Fork", "Pristine"]

#: Where a process without threads can be forked, and hand descriptors over.
_FORKS = sys.platform == "linux" and hasattr(socket, "send_fds")
#: Time that the imports may take, and the pause between two questions whether a fork has ended.
_IMPORTING_S, _PAUSE_S = 120.0, 0.002
_LONGEST = 1 << 12
#: Advice of Linux 5.14 and later: have the pages of a mapping, as after a read or a write; and from
#: where on addresses are the system's own.
_POPULATE_READ, _POPULATE_WRITE, _OURS = 22, 23, 1 << 63


class Fork:
    """A worker that was forked, with the methods of `subprocess.Popen` that its parent calls."""

    def __init__(self, pristine: "Pristine", pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._pristine, self._code = pristine, None

    def poll(self) -> int | None:
        """Return the exit code, None while it lives."""
        if self._code is None:
            self._code = self._pristine.ask({"ended": self.pid})
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, or raise `subprocess.TimeoutExpired`."""
        begin = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() - begin > timeout:
                raise subprocess.TimeoutExpired("fork", timeout)
            time.sleep(_PAUSE_S)
        return code


class Pristine:
    """The parent's side: a process that forks workers.

    Parameters
    ----------
    environment : mapping of str to str
        The variables that its workers start with.
    modules : sequence of str
        Modules that they have imported.
    """

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str]) -> None:
        self._socket: socket.socket | None = None
        self._asking = threading.Lock()
        if not _FORKS:
            return
        ours, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env={**package_environment(), **environment, MARK: new_mark()},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        ours.settimeout(_IMPORTING_S)
        self._socket = ours

    def fork(self, mark: str, cores: Sequence[int], stderr: IO[bytes]) -> Fork | None:
        """Return a new worker; None where the system, or a module with threads, does not allow."""
        read_jobs, write_jobs = os.pipe()
        read_answers, write_answers = os.pipe()
        try:
            request = {"mark": mark, "cores": list(cores)}
            pid = self.ask(request, [read_jobs, write_answers, stderr.fileno()])
        finally:
            os.close(read_jobs)
            os.close(write_answers)
        stdin, stdout = os.fdopen(write_jobs, "wb", 0), os.fdopen(read_answers, "rb", 0)
        if pid is not None:
            return Fork(self, pid, stdin, stdout)
        stdin.close()
        stdout.close()
        return None

    def ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> Any:
        """Return the answer to a request; None where there is nobody to answer."""
        with self._asking:
            answer = b""
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    socket.send_fds(self._socket, [json.dumps(request).encode()], list(descriptors))
                    answer = self._socket.recv(_LONGEST)
            if answer:
                return json.loads(answer)
            self.close()
            # Whose parent is gone has ended with it.
            return -1 if "ended" in request else None

    def close(self) -> None:
        """End the process."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._process.kill()
            self._process.wait()


def _fork(
    requests: socket.socket,
    request: dict[str, Any],
    descriptors: Sequence[int],
    resident: Sequence[tuple[int, int, int]],
) -> int | None:
    """Return the number of a new worker; in that worker, return never."""
    if len(os.listdir("/proc/self/task")) > 1:
        return None  # a thread that holds a lock would hold it for ever in the fork
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    requests.close()
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ[MARK] = request["mark"]
    work(request["cores"], partial(_populate, resident))
    os._exit(0)


def _resident() -> list[tuple[int, int, int]]:
    """Return the address and the bytes of the pages that this process has, with how to have them.

    A fork shares the pages that can be written, and maps those of files anew: each would cost it a
    fault under a clock, where a new interpreter that has imported the same has none.
    """
    found: list[tuple[int, int, int]] = []
    page = os.sysconf("SC_PAGE_SIZE")
    with open("/proc/self/maps") as maps, open("/proc/self/pagemap", "rb") as pages:
        for line in maps.read().splitlines():
            ends, rights, *_ = line.split()
            low, high = (int(end, 16) for end in ends.split("-"))
            if low >= _OURS or not rights.endswith("p") or "r" not in rights:
                continue
            pages.seek(low // page * 8)
            entries = array("Q", pages.read((high - low) // page * 8))
            advice = _POPULATE_WRITE if "w" in rights else _POPULATE_READ
            begin = 0
            for there, run in itertools.groupby(entries, lambda entry: entry >> 63):
                count = sum(1 for _ in run)
                if there:
                    found.append((low + begin * page, count * page, advice))
                begin += count
    return found


def _populate(resident: Sequence[tuple[int, int, int]]) -> None:
    """Have the pages that the parent had, as far as the system knows how."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for address, length, advice in resident:
        madvise(address, length, advice)


def main() -> None:
    """Import the modules, then fork and tell who has ended, until nobody asks any more."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    resident = _resident()
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, _LONGEST, 3)
        if not message:
            return
        request = json.loads(message)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = _fork(requests, request, descriptors, resident)
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(BrokenPipeError):
            requests.send(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
