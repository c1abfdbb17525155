"""Names of a printed program: none twice, none that Python or the program itself uses."""

import builtins
import keyword
import re

__all__ = ["Names"]

_TAKEN = frozenset({"np", "run", "changed", "general", "zero", "i", "j", "PRIMITIVES", "unpacked"})
_TAKEN |= frozenset(keyword.kwlist)
_TAKEN |= frozenset(dir(builtins))


class Names:
    """The names that a printed program uses; `taken` are more that it must not.

    Examples
    --------
    >>> names = Names("exp")
    >>> [names.fresh(wish) for wish in ("h", "h", "exp", "p['w']", "")]
    ['h', 'h_2', 'exp_2', 'p_w', 'v1']
    """

    def __init__(self, *taken: str) -> None:
        self._used = {*_TAKEN, *taken}
        self._count = 0
        self._numbers: dict[str, int] = {}

    def fresh(self, wish: str) -> str:
        """Return a name that is not in use: the wish, if it can be had."""
        if wish and not wish.isidentifier():
            wish = re.sub(r"\W+", "_", wish).strip("_")
        if not wish or wish[0].isdigit():
            self._count += 1
            wish = f"v{self._count}"
        name = wish
        if name in self._used:
            number = self._numbers.get(wish, 1)
            while name in self._used:
                number += 1
                name = f"{wish}_{number}"
            self._numbers[wish] = number
        self._used.add(name)
        return name
