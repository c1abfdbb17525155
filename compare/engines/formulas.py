"""Arrays of scalar formulas, on which a plain NumPy function runs: for libraries of scalars.

CasADi and SymEngine know numbers and symbols, and no arrays of NumPy. A function that runs on an
array whose entries are their symbols, one by one, leaves its value as a formula of theirs.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["Formula", "Formulas", "composed", "symbols"]

#: Functions of formulas by the names that NumPy gives them.
Functions = Mapping[str, Callable[..., Any]]


class Formula:
    """A scalar formula of another library, as NumPy's functions take it."""

    __slots__ = ("functions", "value")
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, functions: Functions) -> None:
        self.value, self.functions = value, functions

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **words: Any) -> Any:
        return _computed(ufunc, method, inputs, words)

    def __bool__(self) -> bool:
        raise NotImplementedError("the function asks whether a formula is true: use np.where")

    def __float__(self) -> float:
        raise NotImplementedError("the function asks for the number that a formula stands for")

    def __neg__(self) -> "Formula":
        return Formula(-self.value, self.functions)

    def __abs__(self) -> Any:
        return _applied("absolute", self)

    def __getattr__(self, name: str) -> Any:
        # NumPy calls `x.exp()` of an entry `x` of an array of objects.
        if name.startswith("__") or name not in self.functions:
            raise AttributeError(f"a formula has no {name}")
        return lambda: _applied(name, self)


def _raw(value: Any) -> Any:
    if isinstance(value, Formula):
        return value.value
    return value.item() if isinstance(value, np.generic) else value


def _applied(name: str, *arguments: Any) -> Any:
    """Return a function of formulas, or of numbers alone."""
    formula = next((x for x in arguments if isinstance(x, Formula)), None)
    if formula is None:
        return getattr(np, name)(*arguments)
    if name not in formula.functions:
        raise NotImplementedError(f"numpy.{name} is not known for formulas")
    return Formula(formula.functions[name](*map(_raw, arguments)), formula.functions)


def _operator(symbol: Callable[..., Any], *, swapped: bool) -> Callable[..., Any]:
    def method(self: Formula, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        pair = (_raw(other), self.value) if swapped else (self.value, _raw(other))
        return Formula(symbol(*pair), self.functions)

    return method


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _symbol = getattr(operator, _name)
    setattr(Formula, f"__{_name}__", _operator(_symbol, swapped=False))
    setattr(Formula, f"__r{_name}__", _operator(_symbol, swapped=True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Formula, f"__{_name}__", _operator(getattr(operator, _name), swapped=False))

#: Functions of NumPy that its own loops over objects compute, by the operators above.
_BY_OPERATORS = {
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.negative,
    np.positive,
    np.power,
    np.square,
    np.matmul,
    np.vecdot,
    np.matvec,
    np.vecmat,
}


def _computed(ufunc: Any, method: str, inputs: Any, words: dict[str, Any]) -> Any:
    """Return a function of NumPy entry by entry."""
    arrays = [_objects(x) for x in inputs]
    defaults = {"where": True, "out": None, "dtype": None}
    words = {n: w for n, w in words.items() if n not in defaults or w is not defaults[n]}
    words.pop("dtype", None)
    if ufunc in _BY_OPERATORS:
        if "out" in words:
            words["out"] = tuple(_objects(x) for x in words["out"])
        return _formulas(getattr(ufunc, method)(*arrays, **words))
    name = ufunc.__name__
    if method == "reduce":
        return _reduced(name, arrays[0], **words)
    if method != "__call__" or words:
        raise NotImplementedError(f"numpy.{name}.{method} is not known for formulas")
    return _formulas(np.frompyfunc(lambda *x: _applied(name, *x), len(arrays), 1)(*arrays))


def _reduced(name: str, array: Any, axis: Any = 0, keepdims: bool = False, **words: Any) -> Any:
    """Return the maximum or minimum along axes."""
    if set(words) - {"out"}:
        raise NotImplementedError(f"numpy.{name}.reduce with {', '.join(words)}")
    if axis is None:
        axis = tuple(range(array.ndim))
    function = np.frompyfunc(lambda a, b: _applied(name, a, b), 2, 1)
    for one in sorted(np.atleast_1d(axis) % max(array.ndim, 1), reverse=True):
        array = _objects(function.reduce(array, axis=int(one), keepdims=keepdims))
    return _formulas(array)


def _objects(value: Any) -> Any:
    """Return an array of objects that holds a value."""
    if isinstance(value, np.ndarray):
        return np.asarray(value, dtype=object)
    made = np.empty((), dtype=object)
    made[()] = value
    return made if not isinstance(value, list | tuple) else np.asarray(value, dtype=object)


def _formulas(value: Any) -> Any:
    """Return an array as one of formulas, and the entry of one without axes."""
    if not isinstance(value, np.ndarray):
        return value
    return value.view(Formulas) if value.ndim else value[()]


class Formulas(np.ndarray):
    """An array of objects whose entries are formulas or numbers."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **words: Any) -> Any:
        """Return a function of NumPy entry by entry."""
        return _computed(ufunc, method, inputs, words)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Return the result of NumPy's function on arrays of objects."""
        if func is np.where and len(args) == 3:
            choose = np.frompyfunc(lambda *x: _applied("where", *x), 3, 1)
            return _formulas(choose(*map(_objects, args)))
        return super().__array_function__(func, types, args, kwargs)


def symbols(value: Any, made: Callable[[int], Any], functions: Functions) -> tuple[Any, Any]:
    """Return the array of symbols that stands for an argument, and the symbols in a list."""
    flat = list(made(int(np.size(value))))
    if not isinstance(value, np.ndarray):
        return Formula(flat[0], functions), flat
    array = np.empty(len(flat), dtype=object)
    array[:] = [Formula(symbol, functions) for symbol in flat]
    return array.reshape(value.shape).view(Formulas), flat


def composed(functions: dict[str, Callable[..., Any]]) -> Functions:
    """Return functions completed by those that can be composed of them."""
    exp, log, maximum = functions["exp"], functions["log"], functions["maximum"]
    minimum = functions["minimum"]
    made: dict[str, Callable[..., Any]] = {
        "log1p": lambda x: log(1 + x),
        "expm1": lambda x: exp(x) - 1,
        "exp2": lambda x: exp(math.log(2.0) * x),
        "log2": lambda x: log(x) / math.log(2.0),
        "log10": lambda x: log(x) / math.log(10.0),
        "reciprocal": lambda x: 1 / x,
        "hypot": lambda x, y: functions["sqrt"](x * x + y * y),
        "logaddexp": lambda x, y: (
            maximum(x, y) + log(exp(x - maximum(x, y)) + exp(y - maximum(x, y)))
        ),
        "clip": lambda x, low, high: minimum(maximum(x, low), high),
        "greater": operator.gt,
        "greater_equal": operator.ge,
        "less": operator.lt,
        "less_equal": operator.le,
    }
    made["fabs"] = functions["absolute"]
    return made | functions
