"""Plans: functions and their derivatives compiled to straight-line NumPy.

``tracing`` makes a program of a call, ``simplify`` shortens it, ``memory`` says where its values
lie, ``source`` prints it, ``plan`` runs it, ``compiled`` finds the plan for the arguments of a
call.
"""

from autodiff.plan.dispatch import compile
from autodiff.plan.plan import Plan

__all__ = ["Plan", "compile"]
