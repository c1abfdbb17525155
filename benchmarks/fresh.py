"""Timing in fresh processes: what a gradient costs where no memory is at hand.

In a process that has run for a while the C library keeps the memory that it was given back, and
large intermediates cost no more than small ones. In a new one it returns them to the system, and
each call takes its pages anew. Here each sample is taken in a process of its own, which has loaded
one contender's library and nothing else: it prepares, calls once to warm up, and starts the clock.
The settings of the C library are those of the system; none is made worse on purpose.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.checking import checked, opened
from benchmarks.contenders import BASELINE, COMPILED, Contender
from benchmarks.goals import Goals
from benchmarks.results import Entry, Report, timed
from benchmarks.run import empty_result, installed
from benchmarks.timing import Samples
from benchmarks.workloads import WORKLOADS, Workload
from compare.measure.timing import calibrated, time_calls
from compare.process.threads import THREAD_VARIABLES

__all__ = ["answer", "ask", "run_fresh"]

#: Seconds that one process may take, compilation included.
_LONGEST_S = 300


def run_fresh(
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    *,
    goals: Goals,
    rounds: int,
    sample_s: float,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Report:
    """Return what a benchmark finds in fresh processes.

    The first process of a contender checks it and finds out how many calls make a sample.
    """
    field = [BASELINE, *(c for c in contenders if c.name != BASELINE.name)]
    report = Report([], installed(field), {}, rounds, sample_s, fresh=True)
    for workload in workloads:
        on_stage(f"checking {workload.name}")
        result = empty_result(workload, goals)
        report.results.append(result)
        samples = {}
        for contender in field:
            question = {"workload": workload.name, "contender": contender.name}
            found = ask(__name__, {**question, "sample_s": sample_s})
            result.entries.append(Entry(contender.name, contender.meaning, **found["entry"]))
            report.threads |= found["threads"]
            if found["loops"]:
                samples[contender.name] = Samples([], [], found["loops"])
        for round_ in range(rounds):
            on_stage(f"timing {workload.name}: round {round_ + 1} of {rounds}")
            for name, taken in samples.items():
                question = {"workload": workload.name, "contender": name}
                found = ask(__name__, {**question, "loops": taken.loops})
                taken.seconds.append(found["seconds"])
                taken.processor_s.append(found["processor_s"])
        if BASELINE.name in samples:
            timed(result, samples)
    return report


def ask(module: str, question: dict[str, Any]) -> Any:
    """Return the answer of a module that is run in a fresh process, on one thread.

    Examples
    --------
    >>> ask("benchmarks.derivation", {"tool": "symdiff-adjoint", "widths": [2, 1]})["operations"]
    9
    """
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_S,
        env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")},
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise OSError(f"{question}: the process failed: {words[-1] if words else done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return a sample, or first of all whether the contender is right and how many calls it takes.

    Examples
    --------
    >>> found = answer({"workload": "circuit", "contender": "by-hand", "loops": 3})
    >>> found["seconds"] > 0
    True
    """
    workload, contender = WORKLOADS[question["workload"]], COMPILED[question["contender"]]
    with opened([contender]) as ((library,), threads):
        if "loops" in question:
            run = contender.prepare(library.module, workload).run
            run()
            seconds, processor_s = time_calls(run, question["loops"])
            return {"seconds": seconds, "processor_s": processor_s}
        entry, prepared = checked(workload, library)
        loops = calibrated(prepared.run, question["sample_s"]) if prepared else 0
        known = ("status", "message", "prepare_s", "max_error")
        found = {name: value for name, value in asdict(entry).items() if name in known}
        return {"entry": found, "threads": threads, "loops": loops}


if __name__ == "__main__":
    print(json.dumps(answer(json.loads(sys.stdin.read()))))
