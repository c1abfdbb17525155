"""Costs of importing: fresh processes, in turn."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.goals import EAGER_GOALS
from benchmarks.results import Entry, Result, judged, timed
from benchmarks.turns import Samples, take_turns
from compare.measure.timing import Sample
from compare.process.threads import THREAD_VARIABLES

__all__ = ["IMPORT", "import_result", "time_imports"]

#: Name of the workload that is no function: importing the engine.
IMPORT = "import"
#: The interpreter has started before the clock does. A folder in front of the path would have to be
#: searched by every import.
_CODE = """
import sys, time
sys.path.append(sys.argv[2])
start, processor_start = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print(time.perf_counter() - start, time.process_time() - processor_start)
"""


def import_result(rounds: int) -> Result:
    """Return the times of importing the engine, and NumPy alone."""
    entries = [Entry("numpy", "import numpy"), Entry("autodiff", "import autodiff")]
    goals = [judged(goal, IMPORT) for goal in EAGER_GOALS[IMPORT]]
    result = Result(IMPORT, "import in a fresh process", 0, goals, entries=entries)
    timed(result, time_imports([entry.candidate for entry in entries], rounds))
    return result


def time_imports(modules: Sequence[str], rounds: int) -> Samples:
    """Return the times of importing modules, each in a fresh process.

    Compiled modules are kept in a folder of their own and written before the first sample, as
    the installation of a package writes them.
    """
    with tempfile.TemporaryDirectory(prefix="gradscale-") as folder:
        samplers = {module: partial(_import, module, folder) for module in modules}
        for sampler in samplers.values():
            sampler()
        return take_turns(samplers, rounds)[0]


def _import(module: str, folder: str) -> Sample:
    """Return the time of importing a module in a fresh process."""
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
    return Sample(seconds, processor_s)


def _root(module: str) -> str:
    """Return the folder that a module is found in by this process."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise OSError(f"there is no module {module!r} to import")
    origin = Path(spec.origin)
    return str(origin.parent.parent if spec.submodule_search_locations else origin.parent)
