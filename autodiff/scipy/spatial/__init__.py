"""Functions of `scipy.spatial` for tensors: those of its module `distance`."""

from autodiff.scipy.spatial import distance

__all__ = ["distance"]
