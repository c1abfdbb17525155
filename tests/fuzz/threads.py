"""Compiled functions called by eight threads, with many shapes, at a short switch interval.

``python -m tests.fuzz.threads --calls 1000000``: threads call functions at random, whose plans are
made, found, exchanged and left out of the cache meanwhile. Each must give what the function gives.
"""

import argparse
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

import autodiff
from autodiff.core.pytrees import flatten

THREADS, SWITCH_S = 8, 1e-6
SCALE = [2.0]


def _network(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


def _branch(x):
    return np.sum(x) * 2.0 if x[0] > 0 else np.sum(x * x)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numbers": autodiff.grad(lambda x: x * x * x - 2.0 * x),
    "network": autodiff.value_and_grad(_network),
    # More shapes than there are plans.
    "vector": autodiff.grad(lambda x: np.sum(x * x * np.arange(len(x)))),
    "state": autodiff.grad(lambda x: np.sum(x) * SCALE[0]),
    "branch": autodiff.grad(_branch),
}
JOBS: list[tuple[str, tuple[Any, ...]]] = [
    *(("numbers", (float(i),)) for i in range(8)),
    *(("network", (np.ones(n) / 10, np.ones((m, n)))) for n in (1, 2, 3, 5) for m in (1, 2, 4)),
    *(("vector", (np.full(n, 1.5),)) for n in range(1, 20)),
    *(("state", (np.ones(n),)) for n in range(1, 6)),
    *(("branch", (sign * np.ones(n),)) for n in range(1, 5) for sign in (1.0, -1.0)),
]


def _bits(found: Any) -> list[tuple[type, bytes]]:
    return [(type(x), np.asarray(x).tobytes()) for x in flatten(found)[0]]


def _is_right(found: Any, wanted: Any) -> bool:
    (xs, form), (ys, other) = flatten(found), flatten(wanted)
    pairs = list(zip(xs, ys, strict=False))
    alike = form == other and all(type(x) is type(y) for x, y in pairs)
    return alike and all(np.allclose(x, y, rtol=1e-12, atol=0) for x, y in pairs)


def in_threads(work: Callable[[int], None]) -> None:
    """Do work in all threads at once, by number, with turns as short as can be."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)


def run(calls: int, seed: int = 0) -> tuple[int, list[Any]]:
    """Return the number of calls that were made, and what was wrong."""
    compiled = {name: autodiff.compile(f) for name, f in FUNCTIONS.items()}
    wanted = [FUNCTIONS[name](*args) for name, args in JOBS]
    wrong: list[Any] = []
    done = [0] * THREADS

    def work(thread: int) -> None:
        # What was right once is compared by its bits alone.
        right: dict[int, Any] = {}
        draw = np.random.default_rng([seed, thread])
        for job in draw.integers(len(JOBS), size=calls // THREADS).tolist():
            name, args = JOBS[job]
            try:
                found = compiled[name](*args)
                bits = _bits(found)
                if right.get(job) != bits:
                    if not _is_right(found, wanted[job]):
                        wrong.append((name, args, found))
                    right[job] = bits
            except Exception as error:
                wrong.append((name, args, repr(error)))
            done[thread] += 1

    in_threads(work)
    return sum(done), wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    count, wrong = run(options.calls, options.seed)
    for each in wrong[:10]:
        print(each)
    print(f"{THREADS} threads, {len(JOBS)} signatures: {count} calls, {len(wrong)} errors")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
