"""What importing costs: fresh processes, in turn."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing import Samples
from compare.process.threads import THREAD_VARIABLES

__all__ = ["time_imports"]

#: The interpreter has started before the clock does. A folder in front of the path would have to be
#: searched by every import.
_CODE = """
import sys, time
sys.path.append(sys.argv[2])
start, processor_start = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print(time.perf_counter() - start, time.process_time() - processor_start)
"""


def time_imports(modules: Sequence[str], rounds: int) -> dict[str, Samples]:
    """Return the times of importing modules, each in a fresh process.

    Compiled modules are kept in a folder of their own and written before the first sample, as
    the installation of a package writes them.
    """
    found = {module: Samples([], [], 1) for module in modules}
    with tempfile.TemporaryDirectory(prefix="gradscale-") as folder:
        for round_ in range(rounds + 1):
            for module in modules:
                seconds, processor_s = _import(module, folder)
                if round_:
                    found[module].seconds.append(seconds)
                    found[module].processor_s.append(processor_s)
    return found


def _import(module: str, folder: str) -> tuple[float, float]:
    """Return the wall and processor time of importing a module in a fresh process."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    environment |= dict.fromkeys(THREAD_VARIABLES, "1")
    environment |= {"PYTHONPYCACHEPREFIX": folder}
    done = subprocess.run(
        [sys.executable, "-c", _CODE, module, _root(module)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=folder,
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise OSError(f"importing {module} failed: {words[-1] if words else done.returncode}")
    seconds, processor_s = map(float, done.stdout.split())
    return seconds, processor_s


def _root(module: str) -> str:
    """Return the folder that a module is found in by this process."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise OSError(f"there is no module {module!r} to import")
    origin = Path(spec.origin)
    return str(origin.parent.parent if spec.submodule_search_locations else origin.parent)
