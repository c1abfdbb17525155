"""The Python frames that a trace entered, and the functions in C that it called.

What a function reads from outside is found by these: the user's code names globals, cells and
attributes; the code of libraries that ran tells which attributes of their objects were read; and a
call into C tells of the environment, the working folder, a file or the clock.
"""

import builtins
import datetime
import functools
import gc
import importlib
import importlib.util
import io
import os
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.core.users import OWN_CODE, in_packages, is_own, is_users_code

__all__ = ["COMPUTED", "Visited", "paused_collector", "paused_visits"]

#: Names whose code reads attributes or globals that no name in the code tells.
COMPUTED = frozenset(
    {"getattr", "hasattr", "vars", "__dict__", "globals", "locals", "eval", "exec", "attrgetter"}
    | {"asdict", "astuple", "fields", "replace", "__getattribute__", "methodcaller", "__slots__"}
    | {"getmembers", "getattr_static"}
)
_NUMPY = os.path.dirname(os.path.realpath(np.__file__)) + os.sep


#: How many traces run, and whether the collector ran before the first of them.
_TRACES, _WITH_COLLECTOR, _LOCK = 0, True, threading.Lock()


@contextmanager
def paused_collector() -> Iterator[None]:
    """Let the garbage collector rest in a trace: what it calls back is no part of the function.

    Traces of several threads overlap; the last one that ends sets it going again.
    """
    global _TRACES, _WITH_COLLECTOR
    with _LOCK:
        if not _TRACES:
            _WITH_COLLECTOR = gc.isenabled()
            gc.disable()
        _TRACES += 1
    try:
        yield
    finally:
        with _LOCK:
            _TRACES -= 1
            if not _TRACES and _WITH_COLLECTOR:
                gc.enable()


@contextmanager
def paused_visits() -> Iterator[None]:
    """Let the profile hook of a trace rest while this package works, which takes it three times."""
    hook = sys.getprofile()
    if not isinstance(getattr(hook, "__self__", None), Visited):
        yield  # nobody's, or somebody else's
        return
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(hook)


def _in_child() -> None:
    """Set the collector going in a process that was forked within a trace of another thread."""
    global _TRACES, _LOCK
    _LOCK = threading.Lock()
    if _TRACES and _WITH_COLLECTOR:
        gc.enable()
    _TRACES = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _environment() -> frozenset[Any]:
    """Return the variables of the environment, for a guard."""
    # As they lie there: to decode all of them takes 20 µs.
    return frozenset(getattr(os.environ, "_data", os.environ).items())


def _print_options() -> tuple[Any, ...]:
    """Return how NumPy writes arrays, for a guard."""
    return tuple(sorted((k, repr(v)) for k, v in np.get_printoptions().items()))


def _thread() -> tuple[Any, ...]:
    """Return the thread that calls, and its name, for a guard."""
    return threading.get_ident(), threading.current_thread().name


def _error_state() -> tuple[Any, ...]:
    """Return how NumPy treats floating-point errors, for a guard."""
    return tuple(np.geterr().items())


#: By module and name of library code: what tells whether the state has changed that it reads.
_READERS: dict[tuple[str, str], Callable[[], Any]] = {
    **{
        (os._Environ.__getitem__.__code__.co_filename, name): _environment
        for name in ("__getitem__", "__iter__", "__len__", "copy")
    },
    (_NUMPY, "geterr"): _error_state,
    (_NUMPY, "geterrcall"): np.geterrcall,
    (threading.__file__, "active_count"): threading.active_count,
    (threading.__file__, "enumerate"): threading.active_count,
    (_NUMPY, "getbufsize"): np.getbufsize,
}
#: Functions in C: what tells of the state that each reads, or the words for what can't be watched.
_CALLS: dict[Any, Callable[[], Any] | str] = {
    **{f: f for f in (os.getcwd, os.getpid, gc.isenabled, sys.getswitchinterval)},
    os.umask: "the mask of new files (os.umask)",
    os.urandom: "random numbers of the system (os.urandom)",
    sys.getrecursionlimit: sys.getrecursionlimit,
    np.fromfile: "a file that the function reads",
    **dict.fromkeys((open, io.open_code, os.open), "a file that the function opens"),
    **{
        getattr(os, name): f"the file system (os.{name})"
        for name in ("stat", "lstat", "fstat", "listdir", "scandir", "access", "readlink", "read")
        if hasattr(os, name)
    },
}
_CLOCKS: dict[Any, str] = {
    **{
        getattr(time, name + unit): f"the clock (time.{name}{unit})"
        for name in (
            *("time", "monotonic", "perf_counter", "process_time", "thread_time", "localtime"),
            *("gmtime", "ctime", "strftime", "asctime"),
        )
        for unit in ("", "_ns")
        if hasattr(time, name + unit)
    },
    os.times: "the clock (os.times)",
    datetime.datetime.now: "the clock (datetime.now)",
    datetime.datetime.utcnow: "the clock (datetime.utcnow)",
    datetime.datetime.today: "the clock (datetime.today)",
    datetime.date.today: "the clock (date.today)",
}
_THREADS = (threading.get_ident, threading.get_native_id)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_HELD = ("locked", "_is_owned")
_COMPUTING = frozenset(
    getattr(builtins, name) for name in ("getattr", "hasattr", "vars", "globals", "eval", "exec")
)
#: Modules that look into files for their own purposes: to show a warning, to import.
_IMPORT = "<frozen importlib"
_ASIDE = ("linecache.py", "warnings.py", "traceback.py", "inspect.py", "tokenize.py")


def _is_free(lock: Any) -> bool:
    """Return whether this thread could have a lock that may be had several times."""
    free: bool = lock.acquire(blocking=False)
    if free:
        lock.release()
    return free


class Visited:
    """The frames of the user's that a trace entered: their code, globals and free variables."""

    def __init__(self) -> None:
        self.codes: dict[int, types.CodeType] = {}
        self.globals: dict[int, tuple[dict[str, Any], set[str]]] = {}
        #: Names in the code of libraries that ran.
        self.library_names: set[str] = set()
        #: What tells of state of the process: to be compared with what it gives now.
        self.states: dict[Callable[[], Any], Any] = {}
        #: Words for what was read and can't be watched.
        self.unwatchable: dict[str, None] = {}
        #: Compiled functions whose plans ran: what they watch is watched.
        self.compiled: list[Any] = []
        #: Whether frames will be known: not where somebody else profiles.
        self.known = sys.getprofile() is None
        #: Whether attributes were read by names that no code tells.
        self.computed = False
        #: Names of modules that the user's code had imported by them.
        self.imported: set[str] = set()
        self._skipped: set[int] = set()
        self._kept: list[types.CodeType] = []

    def on_event(self, frame: types.FrameType, event: str, arg: Any) -> None:
        """Note a frame that is entered or a function in C; for `sys.setprofile`."""
        if event == "call":
            key = id(frame.f_code)
            if key not in self._skipped:
                self._skipped.add(key)
                self._kept.append(frame.f_code)
                self._entered(frame)
        elif event == "c_call":
            if arg in _CALLS:
                self._called(frame, _CALLS[arg])
            elif id(frame.f_code) in self.codes:
                if arg in _CLOCKS and not in_packages(frame.f_code.co_filename):
                    self.unwatchable[_CLOCKS[arg]] = None
                elif arg in _COMPUTING:
                    self.computed = True
                elif arg in _THREADS or (
                    isinstance(arg.__self__, _LOCKS) and arg.__name__ in _HELD
                ):
                    self._watch(arg)
                elif isinstance(arg.__self__, _LOCKS) and arg.__name__ == "acquire":
                    # Whether it is had may decide a branch: acquire(blocking=False).
                    held = getattr(arg.__self__, "locked", None)
                    self._watch(held or functools.partial(_is_free, arg.__self__))

    def _entered(self, frame: types.FrameType) -> None:
        code = frame.f_code
        if is_users_code(code, frame.f_globals):
            if self._is_imported(frame.f_back):
                return
            self.codes[id(code)] = code
            self._words(code)
            _, names = self.globals.setdefault(id(frame.f_globals), (frame.f_globals, set()))
            names.update(code.co_names)
            return
        file = code.co_filename
        if file == OWN_CODE:
            if "general" in frame.f_globals:
                self.compiled.append(frame.f_globals["general"].__self__)
        elif not is_own(file):
            self.library_names.update(code.co_names)
            root = _NUMPY if file.startswith(_NUMPY) else file
            if (root, code.co_name) in _READERS:
                self._watch(_READERS[root, code.co_name])
            if root is _NUMPY and "format_options" in code.co_names:
                self._watch(_print_options)
            if code is threading.current_thread.__code__:
                caller = frame.f_back
                if caller is not None and is_users_code(caller.f_code, caller.f_globals):
                    self._watch(_thread)
                else:
                    self._skipped.discard(id(code))  # a log asks
            asks = frame.f_back is not None and id(frame.f_back.f_code) in self.codes
            if asks and code is importlib.import_module.__code__:
                name, package = frame.f_locals["name"], frame.f_locals["package"]
                self.imported.add(importlib.util.resolve_name(name, package))

    def _is_aside(self, frame: types.FrameType | None) -> bool:
        """Return whether a file is read for a warning, a log, an import or by this package."""
        while frame is not None and id(frame.f_code) not in self.codes:
            file = frame.f_code.co_filename
            aside = os.path.basename(file) in _ASIDE or "logging" in file
            if aside or is_own(file) or file.startswith(_IMPORT):
                return True
            frame = frame.f_back
        return frame is None

    def _is_imported(self, frame: types.FrameType | None) -> bool:
        """Return whether code runs because a module is imported, once or to look for it."""
        while frame is not None and id(frame.f_code) not in self.codes:
            if frame.f_code.co_filename.startswith(_IMPORT):
                return True
            if is_own(frame.f_code.co_filename):
                return False
            frame = frame.f_back
        return False

    def _words(self, code: types.CodeType) -> None:
        """Note what code does that no call into C tells, by its names and texts."""
        names = {x for x in (*code.co_names, *code.co_consts) if type(x) is str}
        raises = "raise" in names and names & {"errstate", "seterr"}
        if raises or "FloatingPointError" in names:
            self.unwatchable["floating-point errors, which a plan does not raise"] = None
        if names & {"simplefilter", "filterwarnings"} and "error" in names:
            self.unwatchable["warnings that become errors, which a plan does not raise"] = None
        if names & {"datetime64", "Timestamp", "to_datetime"} and names & {"now", "today"}:
            self.unwatchable["the clock (now)"] = None

    def _called(self, frame: types.FrameType, what: Callable[[], Any] | str) -> None:
        if self._is_aside(frame):
            return
        if isinstance(what, str):
            self.unwatchable[what] = None
        else:
            self._watch(what)

    def _watch(self, read: Callable[[], Any]) -> None:
        self.states.setdefault(read, read())
