"""Small matrices in compiled loops: LAPACK's algorithms for a few rows, without its calls.

A call of LAPACK takes a microsecond to begin, by NumPy several: a filter with two states does eight
of them in each step. Each function takes a copy of the matrix, which it writes over, and the
result; it returns whether there is one. Elimination chooses the largest pivot in a column, as
LAPACK's getrf does, and fails at a pivot of exactly zero.
"""

from typing import Any

from autodiff.plan.to_numba.math import kernel

__all__ = ["cofactors", "determinant", "factorised", "inverted", "solved", "triangular"]

#: The condition number from which cofactors are not taken from the inverse (see the rule of det).
_ILL = (2.0**52) ** (1 / 3)


@kernel
def _eliminated(a: Any, b: Any, n: int, columns: int) -> Any:
    """Factorise a matrix in place and apply the same to right sides; return the determinant."""
    product = 1.0
    for j in range(n):
        pivot = j
        for i in range(j + 1, n):
            if abs(a[i * n + j]) > abs(a[pivot * n + j]):
                pivot = i
        if pivot != j:
            product = -product
            for k in range(j, n):
                a[j * n + k], a[pivot * n + k] = a[pivot * n + k], a[j * n + k]
            for k in range(columns):
                up, down = j * columns + k, pivot * columns + k
                b[up], b[down] = b[down], b[up]
        product *= a[j * n + j]
        if a[j * n + j] == 0.0:
            return product
        for i in range(j + 1, n):
            factor = a[i * n + j] / a[j * n + j]
            for k in range(j + 1, n):
                a[i * n + k] -= factor * a[j * n + k]
            for k in range(columns):
                b[i * columns + k] -= factor * b[j * columns + k]
    return product


@kernel
def determinant(a: Any, out: Any, n: int) -> bool:
    """Write the determinant of a matrix."""
    out[0] = _eliminated(a, out, n, 0)
    return True


@kernel
def _substituted(a: Any, b: Any, n: int, columns: int) -> bool:
    """Solve in place for right sides what elimination has left."""
    for j in range(n - 1, -1, -1):
        if a[j * n + j] == 0.0:
            return False
        for k in range(columns):
            total = b[j * columns + k]
            for i in range(j + 1, n):
                total -= a[j * n + i] * b[i * columns + k]
            b[j * columns + k] = total / a[j * n + j]
    return True


@kernel
def _identity(out: Any, n: int) -> None:
    for i in range(n * n):
        out[i] = 0.0
    for i in range(n):
        out[i * n + i] = 1.0


@kernel
def _largest_row(a: Any, n: int) -> float:
    """Return the largest sum of absolute values in a row."""
    largest = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += abs(a[i * n + j])
        largest = max(largest, total)
    return largest


@kernel
def solved(a: Any, out: Any, n: int) -> bool:
    """Write the solution for the right sides that stand where the result goes."""
    columns = out.size // n
    _eliminated(a, out, n, columns)
    return _substituted(a, out, n, columns)


@kernel
def inverted(a: Any, out: Any, n: int) -> bool:
    """Write the inverse."""
    _identity(out, n)
    return solved(a, out, n)


@kernel
def cofactors(a: Any, out: Any, n: int) -> bool:
    """Write the cofactors: of more than two rows by the inverse, where that has enough digits."""
    if n == 2:
        out[0], out[1], out[2], out[3] = a[3], -a[2], -a[1], a[0]
        return True
    largest = _largest_row(a, n)
    _identity(out, n)
    product = _eliminated(a, out, n, n)
    if not _substituted(a, out, n, n) or not largest * _largest_row(out, n) < _ILL:
        return False
    for i in range(n):
        out[i * n + i] *= product
        for j in range(i):
            up, down = out[j * n + i], out[i * n + j]
            out[j * n + i], out[i * n + j] = product * down, product * up
    return True


@kernel
def triangular(a: Any, out: Any, n: int, lower: bool) -> bool:
    """Write the solution for a triangle, for the right sides that stand where it goes."""
    columns = out.size // n
    for turn in range(n):
        i = turn if lower else n - 1 - turn
        if a[i * n + i] == 0.0:
            return False
        for k in range(columns):
            total = out[i * columns + k]
            for j in range(turn):
                other = j if lower else n - 1 - j
                total -= a[i * n + other] * out[other * columns + k]
            out[i * columns + k] = total / a[i * n + i]
    return True


@kernel
def factorised(a: Any, out: Any, n: int, upper: bool) -> bool:
    """Write the Cholesky factor, of the triangle on its side."""
    down, right = (1, n) if upper else (n, 1)
    for i in range(n):
        for j in range(n):
            total = a[i * down + j * right]
            for k in range(min(i, j)):
                total -= out[i * down + k * right] * out[j * down + k * right]
            if j > i:
                out[i * down + j * right] = 0.0
            elif j < i:
                out[i * down + j * right] = total / out[j * down + j * right]
            elif total > 0.0:
                out[i * down + i * right] = total**0.5
            else:
                return False
    return True
