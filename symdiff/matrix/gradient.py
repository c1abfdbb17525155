"""`MatrixGradient`: a value and its partial derivatives as matrix formulas."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self

from symdiff.errors import nearest
from symdiff.matrix.c_source import print_c
from symdiff.matrix.files import read_matrices, write_matrices
from symdiff.matrix.hessian import MatrixHessian
from symdiff.matrix.matrix_formulas import MatrixFormulas
from symdiff.matrix.rebuilding import substituted
from symdiff.matrix.reverse import accumulate
from symdiff.matrix.shapes import shown
from symdiff.matrix.trace import MatrixTrace, trace_matrices
from symdiff.tracing.structures import leaves

__all__ = ["MatrixGradient", "matrix_gradient"]


class MatrixGradient(MatrixFormulas):
    """A value and its partial derivatives as matrix formulas, made by `matrix_gradient`.

    Attributes
    ----------
    strategy : str
        ``matrix``.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(x, w1, w2, y):
    ...     h = 1 / (1 + np.exp(-(x @ w1)))
    ...     return np.sum((h @ w2 - y) ** 2)
    >>> shapes = {"x": ("N", "d"), "w1": ("d", "h"), "w2": ("h", "k"), "y": ("N", "k")}
    >>> print(matrix_gradient(loss, wrt=["w1", "w2"], inputs=shapes))
    h = σ(X W1)
    e = h W2 − Y
    δ = 2 e W2ᵀ ∘ h ∘ (1 − h)
    L = ‖e‖²
    ∂L/∂W1 = Xᵀ δ
    ∂L/∂W2 = 2 hᵀ e
    """

    def __init__(self, traced: MatrixTrace, wrt: Sequence[str]) -> None:
        paths = list(dict.fromkeys(path for name in wrt for path in _arrays_of(name, traced)))
        found, primals = accumulate(traced.value, [traced.inputs[path] for path in paths])
        super().__init__(traced, wrt, dict(zip(paths, found, strict=True)), primals)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}={shown(node.shape)}" for name, node in self._inputs.items())
        if len(shapes) > 200:
            shapes = f"{len(self._inputs)} arguments"
        return (
            f"MatrixGradient(strategy='matrix', wrt={tuple(self._wrt)}, {shapes}, "
            f"operation_count={self.operation_count})"
        )

    def hessian(self) -> MatrixHessian:
        """Return the second derivatives as matrix formulas.

        Examples
        --------
        >>> import numpy as np
        >>> g = matrix_gradient(lambda w, X: np.sum(np.log1p(np.exp(X @ w))), wrt="w",
        ...                     w=("d",), X=("N", "d"))
        >>> h = g.hessian()
        >>> h(w=[0, 0], X=np.eye(2))["w"]["w"]
        array([[0.25, 0.  ],
               [0.  , 0.25]])
        """
        return MatrixHessian(self)

    @property
    def _traced(self) -> MatrixTrace:
        """The function, without its derivatives."""
        return MatrixTrace(self._graph, self._inputs, self._value, self._structures, self._examples)

    def code(self, language: str = "python") -> str:
        """Return source that computes value and gradient: `source`, or C with loops.

        In C, ``value_and_gradient`` takes the named lengths, then a pointer for each argument, for
        the value, and for the gradient by each argument; it returns 0, or 1 if memory is short.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> g = gradient(lambda w: np.sum(w**2), strategy="matrix", w=("n",))
        >>> g.code() == g.source
        True
        >>> "for (int i1 = 0; i1 < n; i1++) {" in g.code("c")
        True
        """
        if language == "c":
            return print_c(self._graph, self._inputs, self._value, self._gradients, self._title)
        if language != "python":
            raise ValueError(f"code: there is no language {language!r}; there are python, c")
        return str(self.source)

    def subs(self, replacements: Mapping[str, Any] | None = None, /, **named: Any) -> Self:
        """Return the gradient of the function with something put in for some arguments.

        Numbers and arrays become constants; lengths that only they have get numbers. Text for
        `symdiff.parse` and expressions of SymPy are differentiated by the chain rule.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> g = gradient(lambda x, A: x @ A @ x, strategy="matrix", x=("n",), A=("n", "n"))
        >>> print(g.subs(A=np.eye(2)))
        L = ‖x‖²
        ∂L/∂x = 2 x
        """
        put = {**(replacements or {}), **named}
        traced = substituted(self._traced, put)
        wrt = [name for name in self._wrt if name in traced.inputs or name in traced.structures]
        if any(name in self._gradients for name in put):
            wrt += [name for name in traced.inputs if name not in self._inputs]
        return type(self)(traced, wrt)

    def simplify(self) -> Self:
        """Return the gradient itself: formulas of whole matrices are in their normal form."""
        return self

    def compile(self, *, backend: str = "c") -> NoReturn:
        """Refuse: NumPy's matrix products are compiled already."""
        raise NotImplementedError(
            "compile: formulas of whole matrices run on NumPy's compiled products; "
            "code(language='c') prints C, and strategy='adjoint' with numbers as lengths compiles"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the gradient to a file of text, which `load` reads without running any of it."""
        text = write_matrices(self._traced, self._wrt)
        Path(path).write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the gradient that a file holds; the file may come from anywhere."""
        traced, wrt = read_matrices(Path(path).read_text(encoding="utf-8"))
        return cls(traced, wrt)


def _arrays_of(name: str, traced: MatrixTrace) -> list[str]:
    """Return the inputs of which an argument is made."""
    return leaves(traced.structures[name]) if name in traced.structures else [name]


def _selected(wrt: str | Iterable[str] | None, traced: MatrixTrace) -> list[str]:
    """Return the arguments to differentiate by, checked."""
    owner = {path: name for name in traced.structures for path in _arrays_of(name, traced)}
    known = [*traced.inputs, *traced.structures]
    if wrt is None:
        order = list(dict.fromkeys(owner.get(path, path) for path in traced.inputs))
        shapes = [
            name
            for name in order
            if not any(path in traced.examples for path in _arrays_of(name, traced))
        ]
        return shapes or order
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    for name in names:
        if name not in known:
            raise ValueError(
                f"wrt: the function has no symbolic argument {name!r}.{nearest(name, known)} "
                f"The symbolic arguments are {', '.join(known) or 'none'}"
            )
    return list(dict.fromkeys(names))


def matrix_gradient(
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> MatrixGradient:
    """Return the gradient of a plain NumPy function as matrix formulas.

    Examples
    --------
    >>> import numpy as np
    >>> g = matrix_gradient(lambda x, A: x @ A @ x, x=("n",), A=("n", "n"))
    >>> print(g)
    L = xᵀ A x
    ∂L/∂x = (A + Aᵀ) x
    ∂L/∂A = x xᵀ
    >>> g(x=[1, 2], A=np.eye(2))["x"]
    array([2., 4.])
    """
    traced = trace_matrices(f, {**(inputs or {}), **arguments})
    return MatrixGradient(traced, _selected(wrt, traced))
