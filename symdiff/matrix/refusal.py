"""How the matrix strategy says no: what it has no rule for, and what to do instead."""

from __future__ import annotations

from typing import NoReturn

from symdiff.errors import Untraceable

__all__ = ["refuse"]


def refuse(what: str, instead: str = "write it with matrix products and sums") -> NoReturn:
    """Refuse a function or a way to call it."""
    raise Untraceable(f"{what}: strategy='matrix' has no rule for it; {instead}")
