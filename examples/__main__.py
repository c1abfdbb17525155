"""Run all examples: ``python -m examples``; exit code 1 if a gradient is wrong.

One line each: the largest error against central differences, relative to the largest derivative,
and the time that everything in the example takes.
"""

import contextlib
import importlib
import io
import sys
import time

from examples.differences import largest_error

#: The examples, by the names of their modules.
NAMES = (
    "logistic_regression",
    "gaussian_process",
    "kalman_filter",
    "ode_rk4",
    "lstm",
    "attention",
    "k_means",
    "spring_network",
    "black_scholes",
    "camera_reprojection",
)

#: Central differences are no better than this: truncation h² and rounding eps/h, each 4e-11 with
#: h = 6e-6, times what the higher derivatives and the value are larger than the derivative.
TOLERANCE = 1e-6


def run_all(names=NAMES):
    """Print a line for each example, and return the names of those that failed."""
    failed = []
    for name in names:
        example = importlib.import_module(f"examples.{name}")
        start = time.perf_counter()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                example.main()
            error = largest_error(*example.case())
        except (ArithmeticError, AssertionError, TypeError, ValueError) as problem:
            print(f"{name:20} failed: {type(problem).__name__}: {' '.join(str(problem).split())}")
            failed.append(name)
            continue
        seconds = time.perf_counter() - start
        right = error <= TOLERANCE
        print(f"{name:20} {error:.1e} {'' if right else 'WRONG '} {seconds:.1f} s", flush=True)
        if not right:
            failed.append(name)
    return failed


if __name__ == "__main__":
    sys.exit(1 if run_all() else 0)
