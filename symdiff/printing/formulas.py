"""`Formulas`: what all results of a derivation share, text and LaTeX of a few lines at a time."""

from __future__ import annotations

from symdiff.printing.latex import aligned

__all__ = ["Formulas"]

_LINES = 60


class Formulas:
    """Equations that can be read and typeset: the base of gradients and Hessians.

    Attributes
    ----------
    strategy : str
        How they were derived.
    """

    strategy: str

    def _equations(self, latex: bool, most: int | None) -> tuple[list[tuple[str, str]], int]:
        """Return the sides of the first equations as text, and how many more there are."""
        raise NotImplementedError

    def __str__(self) -> str:
        equations, more = self._equations(False, _LINES)
        lines = [f"{left} = {right}" for left, right in equations]
        return "\n".join([*lines, f"… and {more} more lines"] if more else lines)

    def latex(self, max_lines: int | None = _LINES) -> str:
        r"""Return the formulas as LaTeX: intermediates, value and derivatives, aligned.

        Parameters
        ----------
        max_lines : int or None
            Lines to print; what is left out is counted in the last line. None for all.

        Returns
        -------
        str
            An ``aligned`` environment, without dollar signs.

        Raises
        ------
        ValueError
            If `max_lines` is below 1.

        Examples
        --------
        >>> from symdiff import gradient
        >>> g = gradient(lambda x: x**3, x=())
        >>> print(g.latex())
        \begin{aligned}
        f &= x^{3} \\
        \frac{\partial f}{\partial x} &= 3 x^{2}
        \end{aligned}
        >>> print(g.hessian().latex())
        \begin{aligned}
        \frac{\partial^2 f}{\partial x^2} &= 6 x
        \end{aligned}
        """
        if max_lines is not None and max_lines < 1:
            raise ValueError(f"latex: max_lines is {max_lines}; give at least 1, or None for all")
        return aligned(*self._equations(True, max_lines))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"
