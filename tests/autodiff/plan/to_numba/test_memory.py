"""Memory: plans write to none but their own, with an allocator that notices."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)

#: Runs plans between allocations: what is freed is taken at once, and must keep what it holds.
CHILD = """
import sys
from functools import partial
import numpy as np
import autodiff
from autodiff.core.pytrees import flatten


def held(f, args):
    mine = []
    for call in range(4):
        mine += [np.full(k, 7.0) for k in range(1, 1500, 1 + 40 * call)]
        if call == 0:
            compiled = autodiff.compile(f, backend="numba")
        found = compiled(*args)
        compiled.plan(*args)
        mine += [np.full(k, 7.0) for k in range(1, 1500, 1 + 40 * call)]
        for x, y in zip(flatten(found)[0], flatten(f(*args))[0], strict=True):
            scale = float(np.max(np.abs(y), initial=0.0))
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12 * (1.0 + scale))
        assert all((a == 7.0).all() for a in mine), "an array of the user's changed"
        args = [x + 0.001 * np.cos(x) for x in args]


def workloads():
    from benchmarks.workloads import WORKLOADS
    from benchmarks.workloads.networks import deep

    for workload in (*map(WORKLOADS.get, sys.argv[2:]), deep(15)):
        both = autodiff.value_and_grad(partial(workload.function, np), workload.argnums)
        yield both, list(workload.inputs.values())


def graphs():
    from tests.autodiff.test_random_graphs import function, program

    for number in range(int(sys.argv[2])):
        f = function(number)
        args = list(program(number)[0].values())
        yield autodiff.value_and_grad(f, (0, 1, 2)), args


for f, args in workloads() if sys.argv[1] == "workloads" else graphs():
    held(f, args)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "what",
    [("workloads", "mlp", "single", "elementwise", "chain", "mixture", "notes"), ("graphs", "3")],
    ids=lambda what: what[0],
)
def test_no_plan_writes_into_memory_of_others(what):
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, *what],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONMALLOC": "debug", "PYTHONFAULTHANDLER": "1"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
