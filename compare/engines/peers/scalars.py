"""CasADi and SymEngine: scalar formulas, differentiated and compiled once a shape."""

import functools
import importlib
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compare.engines.calling import unsupported
from compare.engines.engine import Engine, Prepared
from compare.engines.formulas import Formula, composed, symbols
from compare.problems.problem import Case

__all__ = ["CASADI", "SYMENGINE"]

#: Functions that both libraries call as NumPy's ufuncs are called, or by a shorter name.
_SHARED = {
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "arctan2": "atan2",
}


def _traced(
    case: Case, made: Callable[[int], Any], functions: Mapping[str, Callable[..., Any]]
) -> tuple[Any, dict[str, list[Any]]]:
    """Return the value of the function as a formula, and the symbols of each argument."""
    arguments, flat = {}, {}
    for name, value in case.inputs.items():
        arguments[name], flat[name] = symbols(value, made, functions)
    out = case.problem.function(**arguments)
    if isinstance(out, np.ndarray) and out.ndim == 0:
        out = out[()]
    return out.value if isinstance(out, Formula) else float(out), flat


def _casadi_functions(casadi: Any) -> Mapping[str, Callable[..., Any]]:
    found = {name: getattr(casadi, theirs) for name, theirs in _SHARED.items()}
    return composed(
        found
        | {
            "log1p": casadi.log1p,
            "expm1": casadi.expm1,
            "absolute": casadi.fabs,
            "sign": casadi.sign,
            "maximum": casadi.fmax,
            "minimum": casadi.fmin,
            "where": casadi.if_else,
        }
    )


def _prepare_casadi(case: Case) -> Prepared:
    casadi: Any = importlib.import_module("casadi")

    with unsupported("CasADi"):
        out, flat = _traced(
            case, lambda n: casadi.SX.sym("x", n).elements(), _casadi_functions(casadi)
        )
        columns = {name: casadi.vertcat(*entries) for name, entries in flat.items()}
        wrt = casadi.vertcat(*(columns[name] for name in case.wrt))
        both = [casadi.SX(out), casadi.densify(casadi.gradient(casadi.SX(out), wrt))]
        function = casadi.Function("both", list(columns.values()), both)
    buffer, call = function.buffer()
    arguments = {name: np.empty(column.numel()) for name, column in columns.items()}
    value, x_bar = np.empty(1), np.empty(wrt.numel())
    for position, array in enumerate(arguments.values()):
        buffer.set_arg(position, array.data)
    for position, array in enumerate((value, x_bar)):
        buffer.set_res(position, array.data)
    split = _split(case)
    kept = (function, buffer)

    def run(inputs: Mapping[str, Any], kept: Any = kept) -> Any:
        # The call goes to memory of the function and its buffer, which must live as long.
        for name, array in arguments.items():
            array[:] = np.ravel(inputs[name])
        call()
        return float(value[0]), split(x_bar.copy())

    operations = function.n_instructions() - function.nnz_in() - function.nnz_out()
    return Prepared(run, operations)


def _split(case: Case) -> Callable[[Any], dict[str, Any]]:
    """Return the function that cuts one long gradient into those of the arguments."""
    places, start = [], 0
    for name in case.wrt:
        value = case.inputs[name]
        end = start + int(np.size(value))
        places.append((name, start, end, value.shape if isinstance(value, np.ndarray) else None))
        start = end

    def split(x_bar: Any) -> dict[str, Any]:
        return {
            name: float(x_bar[begin]) if shape is None else x_bar[begin:end].reshape(shape)
            for name, begin, end, shape in places
        }

    return split


def _symengine_functions(symengine: Any) -> Mapping[str, Callable[..., Any]]:
    found = {name: getattr(symengine, theirs) for name, theirs in _SHARED.items()}

    def where(condition: Any, one: Any, other: Any) -> Any:
        return symengine.Piecewise((one, condition), (other, True))

    # It has no derivative of Max, Min and Abs, but one of what they mean; two that tie share.
    return composed(
        found
        | {
            "absolute": lambda x: where(operator.ge(x, 0), x, -x),
            "maximum": lambda x, y: where(x > y, x, where(x < y, y, (x + y) / 2)),
            "minimum": lambda x, y: where(x < y, x, where(x > y, y, (x + y) / 2)),
            "where": where,
        }
    )


def _prepare_symengine(case: Case) -> Prepared:
    symengine: Any = importlib.import_module("symengine")

    count = iter(range(10**9))
    with unsupported("SymEngine"):
        out, flat = _traced(
            case,
            # Common subexpressions will be called x0, x1, ... by SymEngine.
            lambda n: [symengine.Symbol(f"entry{next(count)}") for _ in range(n)],
            _symengine_functions(symengine),
        )
        out = symengine.sympify(out)
        wrt = [symbol for name in case.wrt for symbol in flat[name]]
        formulas = [out, *(symengine.diff(out, symbol) for symbol in wrt)]
    arguments = [symbol for entries in flat.values() for symbol in entries]
    backend = "llvm" if getattr(symengine, "have_llvm", False) else "lambda"
    split = _split(case)

    @functools.cache
    def compiled() -> Any:
        with unsupported("SymEngine"):
            return symengine.Lambdify(arguments, formulas, backend=backend, cse=True)

    def run(inputs: Mapping[str, Any]) -> Any:
        numbers = compiled()(np.concatenate([np.ravel(inputs[name]) for name in flat]))
        return float(numbers[0]), split(numbers[1:])

    return Prepared(run, compile=compiled)


CASADI = Engine(
    name="casadi",
    meaning="CasADi: scalar formulas (SX), one pass back, run by its virtual machine",
    imports=("casadi",),
    prepare=_prepare_casadi,
)
SYMENGINE = Engine(
    name="symengine",
    meaning="SymEngine: diff of scalar formulas by each parameter, compiled by LLVM",
    imports=("symengine",),
    prepare=_prepare_symengine,
)
