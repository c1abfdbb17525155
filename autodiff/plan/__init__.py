"""Plans: functions and their derivatives compiled to straight-line NumPy.

``tracing`` makes a program of a call, ``passes`` shorten it, ``to_numpy``, ``to_python`` and
``to_numba`` print it; ``make`` is that recipe. ``operations`` is the table that all of them read,
``check`` says what a program is, ``Plan`` runs one, ``dispatch`` finds the plan for a call.
"""

from autodiff.plan.dispatch import compile
from autodiff.plan.plan import Plan

__all__ = ["Plan", "compile"]
