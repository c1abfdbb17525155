"""What the measurements were taken on: machine, system and versions."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import psutil

__all__ = ["description", "gradscale_version", "machine", "system", "versions"]

_LIBRARIES = ("numpy", "sympy", "scipy", "pandas")


def gradscale_version() -> str:
    """Return the version of this distribution.

    Returns
    -------
    str
        As in its metadata; ``unknown`` where it is not installed.

    Examples
    --------
    >>> gradscale_version() != ""
    True
    """
    try:
        return version("gradscale")
    except PackageNotFoundError:
        return "unknown"


def machine() -> str:
    """Return processor, number of cores and memory in one line."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB"


def _processor() -> str:
    """Return the name of the processor."""
    if sys.platform.startswith("linux"):
        with open("/proc/cpuinfo") as info:
            for line in info:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def system() -> str:
    """Return the operating system and its release."""
    return f"{platform.system()} {platform.release()}"


def versions() -> str:
    """Return the versions of this distribution and the libraries it runs on, in one line."""
    return ", ".join(
        [f"gradscale {gradscale_version()}", *(f"{n} {version(n)}" for n in _LIBRARIES)]
    )


def description() -> dict[str, str]:
    """Return the columns of results.csv that describe where it was measured.

    Returns
    -------
    dict of str
        Columns ``machine``, ``system``, ``python`` and ``versions``.

    Examples
    --------
    >>> sorted(description())
    ['machine', 'python', 'system', 'versions']
    """
    return {
        "machine": machine(),
        "system": system(),
        "python": platform.python_version(),
        "versions": versions(),
    }
