"""Methods that gradients of entries have and those of whole matrices refuse, with advice."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["Entrywise"]


def _refuse(what: str) -> NoReturn:
    """Refuse a method."""
    raise NotImplementedError(
        f"{what}: formulas of whole matrices have none; derive with strategy='adjoint' and numbers "
        "as lengths, and call it there"
    )


class Entrywise:
    """The methods of `symdiff.Gradient` that need formulas of entries."""

    source: Any

    def code(self, language: str = "python") -> str:
        """Return `source`, for ``python``.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import gradient
        >>> g = gradient(lambda w: np.sum(w**2), strategy="matrix", w=("n",))
        >>> g.code() == g.source
        True
        """
        if language == "c":
            _refuse("code(language='c')")
        if language != "python":
            raise ValueError(f"code: there is no language {language!r}; there are python, c")
        return str(self.source)

    def subs(self, *replacements: Any, **named: Any) -> NoReturn:
        """Refuse: arguments are replaced in formulas of entries only."""
        _refuse("subs")

    def simplify(self) -> NoReturn:
        """Refuse: a formula of whole matrices is short already."""
        _refuse("simplify")

    def compile(self, *, backend: str = "c") -> NoReturn:
        """Refuse: NumPy's matrix products are compiled already."""
        _refuse("compile")

    def save(self, path: Any) -> NoReturn:
        """Refuse: the format of files has formulas of entries only."""
        _refuse("save")
