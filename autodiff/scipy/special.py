"""Functions of `scipy.special` for tensors; the universal functions there work as they are."""

from autodiff import special
from autodiff.scipy.entries import add
from autodiff.special import *  # noqa: F403 (the names of that module)

__all__ = list(special.__all__)

for _name in __all__:
    add(f"scipy.special.{_name}", getattr(special, _name))
