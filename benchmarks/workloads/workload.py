"""Workloads: functions to differentiate, with their gradient by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from compare.problems.problem import Gradients, Inputs

__all__ = ["Workload"]


@dataclass(frozen=True)
class Workload:
    """A function to differentiate, with its gradient by hand.

    It is no `Problem` of `compare`: its function is handed the array library, and a library may
    have the function as its users write it.
    """

    #: Unique name, as typed on the command line.
    name: str
    #: One line for a reader.
    meaning: str
    #: Operations that an engine records in one call of the function.
    operations: int
    #: ``function(xp, *inputs)`` returns a scalar, with the functions of the array library `xp`.
    function: Callable[..., Any]
    #: ``hand(*inputs)`` returns the value, and the gradients by name of argument or in the order
    #: of `wrt`, as a person writes it; None where nobody wrote it.
    hand: Callable[..., tuple[Any, Any]] | None
    #: ``draw(rng)`` returns the arguments by name: float64 arrays, or all of them floats.
    draw: Callable[[np.random.Generator], Inputs]
    #: Arguments that the gradient is taken with respect to.
    wrt: tuple[str, ...]
    #: The workloads that it is timed with: ``"tuned"``, which plans were made for and have goals;
    #: ``"general"``, kinds of code that nobody tuned for; or ``"gradbench"``, its evals.
    group: str = "tuned"
    #: ``"gradient"``; or ``"jacobian"`` or ``"hessian"``, of one argument: `hand` gives that in
    #: place of the gradient, and 0.0 as the value, which is not asked for.
    derivative: str = "gradient"
    #: Short name in the tables of the compiled benchmark, such as ``"W3a"``.
    label: str = ""
    #: ``best(*inputs)`` allocates buffers for arguments of these shapes, and returns a function
    #: called as `hand`: the fastest that a person wrote. Its gradients lie in the buffers, and
    #: the next call writes over them.
    best: Callable[..., Callable[..., tuple[Any, Any]]] | None = None
    #: The function as users of a library write it, where that is not `function`, by the name of
    #: the library.
    idioms: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    @cached_property
    def inputs(self) -> Inputs:
        """Arguments by name, drawn once: every candidate gets the same."""
        return self.draw(np.random.default_rng(0))

    @property
    def argnums(self) -> tuple[int, ...]:
        """Places of the arguments that the gradient is taken with respect to."""
        places = {name: place for place, name in enumerate(self.inputs)}
        return tuple(places[name] for name in self.wrt)

    @property
    def scalar(self) -> bool:
        """Whether numbers of Python's come in, and should come out."""
        return all(isinstance(x, float) for x in self.inputs.values())

    @property
    def title(self) -> str:
        """Its short name, if it has one, and its name."""
        return f"{self.label} {self.name}".strip()

    def idiom(self, library: str) -> Callable[..., Any]:
        """Return the function as users of a library write it."""
        return self.idioms.get(library, self.function)

    def by_name(self, gradients: Any) -> Gradients:
        """Return gradients by name of argument, also those that arrived in the order of `wrt`."""
        if isinstance(gradients, dict):
            return gradients
        return dict(zip(self.wrt, gradients, strict=True))
