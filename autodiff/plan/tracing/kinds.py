"""Kinds of values: what never changes, what lies in memory of C's, what cannot be looked into."""

import datetime
import decimal
import enum
import fractions
import io
import pathlib
import random
import re
import threading
import types
import uuid
from typing import Any

import numpy as np

from autodiff.core.users import is_users_module
from autodiff.plan.tracing.visited import COMPUTED

__all__ = ["GENERATORS", "PLAIN", "is_ctypes", "is_opaque", "is_plain"]

#: Immutable values: watched by what they are bound to.
PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)
_IMMUTABLE = (
    *PLAIN,
    *(type(Ellipsis), type(NotImplemented), range, slice, types.CodeType, np.dtype, np.ufunc),
    *(types.BuiltinFunctionType, types.GenericAlias, types.UnionType, re.Pattern, enum.Enum),
    *(decimal.Decimal, fractions.Fraction, datetime.date, datetime.time, datetime.timedelta),
    *(datetime.tzinfo, pathlib.PurePath, uuid.UUID, types.MethodWrapperType),
    *(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType),
    *(type(threading.Lock()), type(threading.RLock())),
)
#: Types of them that are met often, and those that have attributes which nobody sets.
_EXACT = frozenset({*PLAIN[:-1], *_IMMUTABLE[len(PLAIN) :]} - {types.BuiltinFunctionType})


def is_plain(x: Any) -> bool:
    """Return whether a value never changes: it is watched by what it is bound to."""
    kind = type(x)
    if kind in _EXACT:
        return True
    if kind is types.BuiltinFunctionType:
        return isinstance(x.__self__, types.ModuleType | None) and x.__name__ not in COMPUTED
    if kind is types.MethodWrapperType or not issubclass(kind, _IMMUTABLE):
        return False
    if kind is np.void:
        return False  # a record of an array is a view of it
    return not (hasattr(x, "__dict__") and is_users_module(kind.__module__))


def is_ctypes(kind: type) -> bool:
    """Return whether the values of a type lie in memory of C's; raise where it is elsewhere."""
    bases = {base.__name__ for base in kind.__mro__ if base.__module__ == "_ctypes"}
    if "_Pointer" in bases or getattr(kind, "_type_", "") in ("z", "Z", "P", "O"):
        raise TypeError("it points to memory whose size is not known")
    return "_CData" in bases and "CFuncPtr" not in bases


def is_opaque(x: Any, kind: type) -> bool:
    """Return whether an instance holds what cannot be read: of C, a stream, an iterator."""
    root = kind.__module__.split(".")[0]
    if hasattr(kind, "__get__") or kind.__name__ == "SemLock":  # a descriptor, a lock
        return False
    if root in ("pandas", "polars", "torch", "h5py", "sqlite3"):
        return True
    if isinstance(x, (io.IOBase, *GENERATORS)):
        return True
    if isinstance(x, types.GeneratorType | types.CoroutineType):
        return True
    if hasattr(kind, "__next__") and not hasattr(x, "__dict__"):
        return True
    if hasattr(x, "__dict__") or any("__slots__" in vars(base) for base in kind.__mro__[:-1]):
        return False
    if callable(x) and not kind.__flags__ & (1 << 9):
        return hasattr(x, "__wrapped__")  # a cache hides what it wraps
    return not is_users_module(kind.__module__) or bool(kind.__flags__ & (1 << 9))
