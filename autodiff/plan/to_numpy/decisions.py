"""Printing the decisions of a trace: where one would fall otherwise, the plan ends."""

from collections.abc import Iterable

import numpy as np

from autodiff.plan.printed import unless_finite
from autodiff.plan.program import FINITE, Guard, constant
from autodiff.plan.to_numpy.printer import Printer
from autodiff.plan.to_python.scalars import value_test

__all__ = ["decide"]


def decide(printer: Printer, guards: Iterable[Guard]) -> None:
    """Write that the function ends if it would decide otherwise."""
    for guard in guards:
        node, name = guard.node, printer.name_of(guard.node)
        if guard.what == FINITE:
            for line in unless_finite(name):
                printer.say(line)
            continue
        if guard.what == "bool":
            printer.say(f"if bool({name}) is not {guard.outcome}:")
        elif guard.what == "index":
            printer.say(f"if int({name}) != {guard.outcome}:")
        elif guard.what == "value" and not node.shape:
            printer.say(f"if {value_test(guard, name)}:")
        elif guard.what == "value":
            array = np.frombuffer(guard.outcome, node.dtype).reshape(node.shape)
            printer.held.append(constant(array))
            printer.say(f"if not np.array_equal({name}, {printer.name_of(printer.held[-1])}):")
        else:
            printer.say(f"if {name}.shape != {guard.outcome}:")
        printer.say("    return changed")
