"""A row of the table of operations."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from autodiff.plan.program import Node

__all__ = ["Kind", "Operation", "Takes"]


class Kind(Enum):
    """How an operation gets its memory."""

    LEAF = "an input or a constant"
    ELEMENTWISE = "each element of the result from those at the same place"
    REDUCTION = "takes elements together, in memory that it is given"
    VIEW = "another look at the memory of its operand"
    CALL = "returns memory of its own, or an operand's"

    @property
    def owns_memory(self) -> bool:
        """Whether the result is written where the plan says."""
        return self in (Kind.ELEMENTWISE, Kind.REDUCTION)


class Takes(Enum):
    """The data types of operands that a loop of Numba's takes."""

    REALS = "floats, of the type of the result"
    INTEGERS = "floats or integers, of the type of the result"
    COMPARED = "any, of the type that they have in common"
    LOGICAL = "any, as truth values"
    MASKS = "truth values only"
    CONVERTED = "any, converted to that of the result"
    CHOICE = "a mask, then any of the type of the result"


@dataclass(frozen=True)
class Operation:
    """One row: how an operation is computed, by each printer, and what the passes may do with it.

    Texts have fields: ``{0}`` and so on are the operands; those of `numpy` and `share` besides are
    listed in `autodiff.plan.to_numpy.printer`.
    """

    name: str
    kind: Kind
    #: Whether a node can be computed as the kind says: otherwise its function is called.
    fits: Callable[[Node], bool] = lambda node: True
    #: NumPy's statement: the first of the texts all of whose fields can be had.
    numpy: tuple[str, ...] = ()
    #: NumPy's expression, for comments too, where the result is new memory.
    operator: str = ""
    #: Public name of a function that is no universal function.
    function: str = ""
    #: What must stand above the last of these statements: the functions that it calls.
    helpers: tuple[str, ...] = ()
    #: Whether the statement fills an array that is there before.
    fills: bool = False
    #: Whether of its operands only the last may be written over: the result is that but in places.
    keeps: bool = False
    #: NumPy's expression of what one tile adds to the result, if tiles add up.
    share: str = ""
    #: Whether it can be applied to one tile at a time.
    tiles: bool = True
    #: Expression of Python numbers, and the function of the module math that it is, if one.
    python: str = ""
    math: str = ""
    #: Expression of one element in a loop of Numba's; the same for arguments beyond `HUGE`, and of
    #: complex numbers; none where it would not have NumPy's number.
    numba: str = ""
    far: str = ""
    complex: str = ""
    takes: Takes = Takes.REALS
    #: Of a call, what computes it of small matrices: of `autodiff.plan.to_numba.matrices`.
    matrix: str = ""
    #: Whether what a call returns is never memory of an operand.
    own: bool = False
    #: Whether an element takes as long as several sums.
    slow: bool = False
    #: Of a reduction in a loop of Numba's: what it starts from, and takes in one more element.
    start: str = "0.0"
    combine: str = ""
    #: The axis that a reduction goes along, where no parameter says so.
    axis: int | None = None
    #: Whether it can neither divide by zero nor leave its domain in a backward pass.
    calm: bool = False
    #: Whether operands may be exchanged without another rounding.
    commutes: bool = False
    #: Whether operands may be given without the axes along which they are repeated.
    broadcasts: bool = False

    @property
    def has_numbers(self) -> bool:
        """Whether plain Python can compute it of numbers."""
        return bool(self.python or self.math)
