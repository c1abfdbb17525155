"""The command line where the system has less to give: a right run, or one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("limits and cores are set as Linux has them", allow_module_level=True)

import resource

ROOT = str(Path(__file__).parents[3])
#: A clock that steps back an hour at every look.
CLOCK = "import time\nstart = time.time()\nlooks = iter(range(10**9))\n"
CLOCK += "time.time = lambda: start - 3600.0 * next(looks)\n"


def verify(*, flags=(), limits=None, cores=None, clock=None, **environment):
    def restrict():
        for which, value in (limits or {}).items():
            resource.setrlimit(which, (value, value))
        if cores:
            os.sched_setaffinity(0, cores)

    command = [sys.executable, *flags, "-m", "compare", "verify", "--problem", "squared-norm"]
    command += ["--engine", "graph", "--engine", "hand-written"]
    path = os.pathsep.join(filter(None, [ROOT, clock]))
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path} | environment,
        preexec_fn=restrict,
        capture_output=True,
        timeout=300,
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode()


@pytest.mark.sampled(6)
@pytest.mark.parametrize(
    "condition",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"flags": ["-OO"]},
        {"limits": {resource.RLIMIT_AS: 10**9}},
        {"limits": {resource.RLIMIT_NOFILE: 30}},
        {"cores": {min(os.sched_getaffinity(0))}},
        {"clock": CLOCK},
    ],
    ids=["ascii", "-OO", "memory", "descriptors", "one core", "clock"],
)
def test_less_of_everything_is_enough(condition, tmp_path):
    if "clock" in condition:
        (tmp_path / "sitecustomize.py").write_text(condition["clock"])
        condition = {"clock": str(tmp_path)}
    code, text = verify(**condition)
    assert (code, "2 of 2 gradients agree with the true" in text) == (0, True), text


def test_descriptors_that_run_out_are_one_sentence():
    code, text = verify(limits={resource.RLIMIT_NOFILE: 12})
    assert code == 2
    assert "gradscale: " in text
    assert "Too many open files" in text
    assert "Traceback" not in text
