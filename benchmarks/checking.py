"""Before the clock: open the library of a contender, prepare it, hold it to the reference."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Prepared
from benchmarks.results import Entry
from benchmarks.threads import one_thread
from benchmarks.workloads import Workload
from compare.checks.difference import compare_gradients
from compare.checks.tolerance import TOLERANCES

__all__ = ["Library", "checked", "opened"]


@dataclass(frozen=True)
class Library:
    """The library of a contender, or why there is none.

    Parameters
    ----------
    contender : Contender
        Who needs it.
    module : module, optional
        The library.
    failed : Entry, optional
        Says why it could not be opened.
    """

    contender: Contender
    module: Any = None
    failed: Entry | None = None


@contextmanager
def opened(contenders: Sequence[Contender]) -> Iterator[tuple[list[Library], dict[str, int]]]:
    """Open the libraries of contenders, and keep them to one thread."""
    with ExitStack() as stack:
        libraries = [_open(contender, stack) for contender in contenders]
        # Last, so that it finds the libraries that were just loaded.
        yield libraries, stack.enter_context(one_thread())


def _open(contender: Contender, stack: ExitStack) -> Library:
    """Return the library of a contender, whose settings hold until the stack is closed."""
    entry = Entry(contender.name, contender.meaning)
    try:
        return Library(contender, stack.enter_context(contender.session(contender.module)))
    except ModuleNotFoundError as error:
        if error.name != contender.module:
            entry.status, entry.message = "error", _sentence(error)
        else:
            entry.status, entry.message = "absent", "not installed"
    except Exception as error:
        entry.status, entry.message = "error", _sentence(error)
    return Library(contender, failed=entry)


def checked(workload: Workload, library: Library) -> tuple[Entry, Prepared | None]:
    """Prepare a contender, call it twice, and hold both answers to the gradient by hand."""
    if library.failed is not None:
        return library.failed, None
    contender = library.contender
    entry = Entry(contender.name, contender.meaning)
    value, gradients = workload.hand(*workload.inputs.values())
    reference = value, workload.by_name(gradients)
    try:
        start = time.perf_counter()
        prepared = contender.prepare(library.module, workload)
        answer = prepared.run()
        entry.prepare_s = time.perf_counter() - start
        _check(prepared, answer, reference, entry)
        # Once more: a second call that differs from the first would be timed unchecked.
        _check(prepared, prepared.run(), reference, entry)
    except NotImplementedError as error:
        entry.status, entry.message = "unsupported", " ".join(str(error).split())
    except Exception as error:
        entry.status, entry.message = "error", _sentence(error)
    return entry, prepared if entry.status == "ok" else None


def _check(prepared: Prepared, answer: Any, reference: tuple[Any, Any], entry: Entry) -> None:
    """Hold value and gradients against the reference."""
    value, gradients = prepared.read(answer)
    if np.asarray(value).dtype != np.float64:
        entry.status = "mismatch"
        entry.message = f"the value has dtype {np.asarray(value).dtype}; expected float64"
        return
    difference = compare_gradients(value, gradients, *reference, TOLERANCES["exact"])
    entry.max_error = difference.max_error
    if not difference.agrees:
        entry.status, entry.message = "mismatch", difference.message


def _sentence(error: BaseException) -> str:
    """Return an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
