"""Functions that SymPy lacks, or has with other values, as opaque SymPy classes.

SymPy's `Max` flattens and reorders, its `Abs` and `sign` differentiate to generalised functions,
and its cube root of a negative number is complex. Ours are what NumPy computes, on real arguments,
and their derivatives and LaTeX stand in the table of operations, whose `sympy_conversion` makes
them known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import sympy

__all__ = [
    "Absolute",
    "ArcTan2",
    "Cbrt",
    "Choice",
    "Exp2",
    "Expm1",
    "FMaximum",
    "FMinimum",
    "Hypot",
    "Log1p",
    "Log2",
    "Log10",
    "LogAddExp",
    "LogCosh",
    "LogNormalCdf",
    "LogSumExp",
    "Maximum",
    "Minimum",
    "NormalQuantile",
    "Opaque",
    "PseudoInverse",
    "ReciprocalExpm1",
    "Remainder",
    "Rounded",
    "ScaledBesselI",
    "ScaledErfc",
    "Sigmoid",
    "Sign",
    "Smallest",
    "Step",
    "Ties",
    "Where",
    "XLog1PY",
    "XLogY",
]

Expr = Any


class Opaque(sympy.Function):  # type: ignore[misc]
    """A real function which evaluates on numbers, and otherwise stays as written."""

    is_real = True
    numeric: Any = None  # in terms of SymPy's functions, for arguments that are numbers
    latex_name = ""  # registered, from the table of operations
    derivative_of: ClassVar[Callable[..., Expr]]  # registered, likewise

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the derivative with respect to an argument (counted from 1)."""
        return self.derivative_of(argindex - 1)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        """Typeset the application, raised to a power if `exp` is given."""
        name = self.latex_name or rf"\operatorname{{{type(self).__name__.lower()}}}"
        arguments = ", ".join(printer._print(arg) for arg in self.args)
        whole = f"{name}\\left({arguments}\\right)"
        if exp and name.count("\\") > 1:  # the square of log cosh is not log cosh²
            return rf"\left({whole}\right)^{{{exp}}}"
        return whole.replace(name, f"{name}^{{{exp}}}", 1) if exp else whole

    def _eval_evalf(self, prec: int) -> Expr:
        """Evaluate with `prec` bits; None, which SymPy understands, if an argument is no number."""
        values = [arg._eval_evalf(prec) for arg in self.args]
        if any(value is None or not value.is_Number for value in values):
            return None
        return type(self).numeric(*values)._evalf(prec)

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        """Evaluate where an argument is a float, as SymPy's functions do."""
        if all(arg.is_Number and arg.is_finite for arg in args) and any(a.is_Float for a in args):
            application = sympy.Basic.__new__(cls, *args)
            return cls._eval_evalf(application, max(a._prec for a in args if a.is_Float))
        return None


class Absolute(Opaque):
    """The absolute value; its derivative is 0 at 0."""

    numeric = sympy.Abs

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        """Typeset the application between bars, raised to a power if `exp` is given."""
        text = rf"\left|{{{printer._print(self.args[0])}}}\right|"
        return f"{text}^{{{exp}}}" if exp else text


class Sign(Opaque):
    """The sign: -1, 0 or 1; its derivative is 0 everywhere."""

    numeric = sympy.sign


class Step(Opaque):
    """``Step(a, b)`` is 1 where a > b, 1/2 where they tie and 0 elsewhere."""

    numeric = staticmethod(lambda a, b: (sympy.sign(a - b) + 1) / 2)


class Maximum(Opaque):
    """The largest argument; the k that tie for it share the derivative, 1/k each."""

    numeric = sympy.Max


class Minimum(Opaque):
    """The smallest argument; the k that tie for it share the derivative, 1/k each."""

    numeric = sympy.Min


class Ties(Opaque):
    """``Ties(n, x, y, ...)`` is how many of some values are n."""

    numeric = staticmethod(lambda n, *values: sympy.Integer(sum(value == n for value in values)))


class Smallest(Opaque):
    """``Smallest(k, x, y, ...)`` is the k-th smallest of some values, counted from 0."""

    numeric = staticmethod(lambda k, *values: sorted(values)[int(k)])


class Rounded(Opaque):
    """The nearest whole number, the even one of two."""

    numeric = staticmethod(lambda x: sympy.Integer(round(x)))


class Remainder(Opaque):
    """``x - y*floor(x/y)``, which has the sign of y."""

    numeric = staticmethod(lambda x, y: x - y * sympy.floor(x / y))


class ScaledErfc(Opaque):
    """``exp(x**2) erfc(x)`` without overflow."""

    numeric = staticmethod(lambda x: sympy.exp(x**2) * sympy.erfc(x))


class NormalQuantile(Opaque):
    """The inverse of the distribution function of the normal distribution."""

    numeric = staticmethod(lambda p: sympy.sqrt(2) * sympy.erfinv(2 * p - 1))


class LogNormalCdf(Opaque):
    """The logarithm of the distribution function of the normal distribution."""

    numeric = staticmethod(lambda x: sympy.log(sympy.erfc(-x / sympy.sqrt(2)) / 2))


class ScaledBesselI(Opaque):
    """``exp(-|x|)`` times the modified Bessel function of an order."""

    numeric = staticmethod(lambda v, x: sympy.exp(-sympy.Abs(x)) * sympy.besseli(v, x))


class XLogY(Opaque):
    """``x log(y)``, and 0 where x is 0."""

    numeric = staticmethod(lambda x, y: x * sympy.log(y) if x else sympy.S.Zero)


class XLog1PY(Opaque):
    """``x log(1 + y)``, and 0 where x is 0."""

    numeric = staticmethod(lambda x, y: x * sympy.log(1 + y) if x else sympy.S.Zero)


class FMaximum(Opaque):
    """The larger of two, and the other one where one is not a number."""

    numeric = sympy.Max


class FMinimum(Opaque):
    """The smaller of two, and the other one where one is not a number."""

    numeric = sympy.Min


class Sigmoid(Opaque):
    """The logistic function ``1/(1 + exp(-z))``; its derivative is ``s*(1 - s)``."""

    numeric = staticmethod(lambda z: 1 / (1 + sympy.exp(-z)))

    def _sympystr(self, printer: Any) -> str:
        """Write the application as people do."""
        return f"sigmoid({printer._print(self.args[0])})"


class Cbrt(Opaque):
    """The real cube root."""

    numeric = staticmethod(lambda x: sympy.sign(x) * sympy.Abs(x) ** sympy.Rational(1, 3))


class Exp2(Opaque):
    """Two to the power of the argument."""

    numeric = staticmethod(lambda x: sympy.Integer(2) ** x)


class Expm1(Opaque):
    """``exp(x) - 1`` without cancellation."""

    numeric = staticmethod(lambda x: sympy.exp(x) - 1)


class Log1p(Opaque):
    """``log(1 + x)`` without cancellation."""

    numeric = staticmethod(lambda x: sympy.log(1 + x))


class Log2(Opaque):
    """The logarithm to base 2."""

    numeric = staticmethod(lambda x: sympy.log(x) / sympy.log(2))


class Log10(Opaque):
    """The logarithm to base 10."""

    numeric = staticmethod(lambda x: sympy.log(x) / sympy.log(10))


class Hypot(Opaque):
    """``sqrt(x**2 + y**2)`` without overflow."""

    numeric = staticmethod(lambda x, y: sympy.sqrt(x**2 + y**2))


class ArcTan2(Opaque):
    """``ArcTan2(y, x)``, the angle of the point (x, y)."""

    numeric = staticmethod(sympy.atan2)


class LogAddExp(Opaque):
    """``log(exp(x) + exp(y))`` without overflow."""

    numeric = staticmethod(lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)))


class LogSumExp(Opaque):
    """``log(exp(x) + exp(y) + ...)`` without overflow."""

    numeric = staticmethod(lambda *xs: sympy.log(sympy.Add(*map(sympy.exp, xs))))


class LogCosh(Opaque):
    """``log(cosh(x))`` without overflow."""

    numeric = staticmethod(lambda x: sympy.log(sympy.cosh(x)))


class ReciprocalExpm1(Opaque):
    """``1/(exp(x) - 1)`` without overflow."""

    numeric = staticmethod(lambda x: 1 / (sympy.exp(x) - 1))


class PseudoInverse(Opaque):
    """``1/x``, and 0 at 0: how the derivative of a length is written."""

    numeric = staticmethod(lambda x: 1 / x if x else sympy.S.Zero)


class Where(sympy.Function):  # type: ignore[misc]
    """``Where(condition, a, b)`` is a where the condition holds, and b elsewhere."""

    @classmethod
    def eval(cls, condition: Expr, a: Expr, b: Expr) -> Expr | None:
        """Choose, once the condition is known."""
        if condition == sympy.true:
            return a
        return b if condition == sympy.false else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        """Typeset the choice by cases, raised to a power if `exp` is given."""
        condition, a, b = (printer._print(arg) for arg in self.args)
        cases = rf"{a} & \text{{if }} {condition} \\ {b} & \text{{otherwise}}"
        text = rf"\begin{{cases}} {cases} \end{{cases}}"
        return rf"\left({text}\right)^{{{exp}}}" if exp else text

    def _eval_derivative(self, symbol: Expr) -> Expr:
        """Differentiate both branches; the condition has no derivative."""
        condition, a, b = self.args
        return type(self)(condition, a.diff(symbol), b.diff(symbol))

    def _eval_evalf(self, prec: int) -> Expr:
        """Evaluate the branches and the condition with `prec` bits."""
        condition, a, b = (arg._eval_evalf(prec) or arg for arg in self.args)
        return type(self)(condition, a, b)

    def _eval_is_real(self) -> bool | None:
        """Return True for a choice between two real numbers."""
        return bool(self.args[1].is_real and self.args[2].is_real) or None


class Choice(Where):
    """A `Where` between conditions: how "and", "or" and "not" are written."""
