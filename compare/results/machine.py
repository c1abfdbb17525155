"""Where the measurements were taken: machine, system and versions."""

import hashlib
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

__all__ = [
    "blas",
    "description",
    "governor",
    "gradscale_version",
    "host",
    "machine",
    "machine_class",
    "moment",
    "system",
    "versions",
    "whole_description",
]

_LIBRARIES = ("numpy", "sympy", "scipy", "pandas")
#: Distributions that a machine.json lists where they are installed.
_LISTED = (
    "gradscale", "numpy", "sympy", "mpmath", "gmpy2", "scipy", "pandas", "pyarrow", "psutil",
    "threadpoolctl", "array-api-compat", "vl-convert-python", "numba", "llvmlite",
    "jax", "jaxlib", "torch", "autograd", "mygrad", "micrograd", "casadi", "symengine",
)  # fmt: skip
#: Digits of the digests that stand for a host and for a class of machines.
_DIGITS = 8
_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def gradscale_version() -> str:
    """Return the version of this distribution."""
    try:
        return version("gradscale")
    except PackageNotFoundError:
        return "unknown"


def machine() -> str:
    """Return processor, number of cores and memory in one line."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB"


def host() -> str:
    """Return a digest of the name of this machine, the same in each of its processes."""
    parts = (_read(Path("/etc/machine-id")), platform.node())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


def machine_class() -> str:
    """Return a digest of what makes two machines equally fast: processor, cores, BLAS."""
    parts = (_processor(), platform.machine(), str(os.cpu_count()), blas())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


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


def governor() -> str:
    """Return the frequency governor of the first core, or an empty string if nothing tells it."""
    return _read(_CPUFREQ / "scaling_governor")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def blas() -> str:
    """Return the linear algebra library that NumPy has loaded, with its version."""
    import numpy  # noqa: F401  (its library must be loaded before it can be asked)
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    named = [
        " ".join(
            filter(
                None,
                [
                    pool["internal_api"],
                    pool["version"],
                    f"({pool['architecture']})" if pool.get("architecture") else "",
                ],
            )
        )
        for pool in pools
    ]
    return ", ".join(dict.fromkeys(named))


def description() -> dict[str, str]:
    """Return the columns of results.csv that describe where it was measured."""
    return {
        "host": host(),
        "machine_class": machine_class(),
        "machine": machine(),
        "governor": governor(),
        "system": system(),
        "python": platform.python_version(),
        "blas": blas(),
        "versions": versions(),
    }


def whole_description() -> dict[str, Any]:
    """Return the metadata of machine.json, but for what changes while the machine works.

    Examples
    --------
    >>> metadata = whole_description()
    >>> metadata["cores"]["logical"] == os.cpu_count(), "numpy" in metadata["libraries"]
    (True, True)
    """
    import threadpoolctl

    frequency = _read(_CPUFREQ / "cpuinfo_max_freq")
    return {
        **description(),
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": {"physical": psutil.cpu_count(logical=False), "logical": os.cpu_count()},
        "usable_cores": sorted(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else None,
        "largest_mhz": float(frequency) / 1000 if frequency.isdecimal() else None,
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.version(),
        "python_implementation": platform.python_implementation(),
        "python_compiler": platform.python_compiler(),
        "libraries": {name: known for name in _LISTED if (known := _version(name))},
        "thread_pools": [
            {key: pool.get(key) for key in ("user_api", "internal_api", "version", "num_threads")}
            for pool in threadpoolctl.threadpool_info()
        ],
        "environment": {
            name: os.environ[name]
            for name in sorted(os.environ)
            if name.endswith("_NUM_THREADS") or name in ("XLA_FLAGS", "PYTHONHASHSEED")
        },
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def moment() -> dict[str, Any]:
    """Return the load of the machine now."""
    try:
        frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    except (OSError, NotImplementedError):
        frequency = None
    return {
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "available_bytes": psutil.virtual_memory().available,
        "mhz": round(frequency.current) if frequency else None,
    }
