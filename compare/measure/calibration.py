"""The calibration workload: the same work in every round, which shows a slow minute.

Half of it is interpreted Python and half NumPy, because a busy machine slows the two differently:
the one by its clock, the other also by its memory.
"""

import numpy as np

__all__ = ["calibration_workload"]

#: Turns of the loop, and the shape of the matrix: about 1 ms each on a processor of 2020.
_TURNS = 25_000
_SIDE = 160
_REPEATS = 3


def calibration_workload() -> float:
    """Return a number that takes 2 ms or so to compute, always in the same way.

    Examples
    --------
    >>> calibration_workload() == calibration_workload()
    True
    """
    total = 0
    for turn in range(_TURNS):
        total += turn & 7
    matrix = np.linspace(-1.0, 1.0, _SIDE * _SIDE).reshape(_SIDE, _SIDE)
    for _ in range(_REPEATS):
        matrix = np.tanh(matrix @ matrix * 0.1 + np.exp(-matrix))
    return total + float(np.sum(matrix))
