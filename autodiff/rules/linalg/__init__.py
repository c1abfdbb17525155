"""Rules of linear algebra: matrices in the last two axes, stacks of them in the others.

Cotangents follow the convention of `Primitive`: no transpose is conjugated. Where a formula is
known for the conjugated one, as in most of the literature on complex matrices, it is stated so.
"""

from autodiff.rules.linalg import cholesky, determinants, eigen, inverses, lstsq, qr, svd

__all__ = ["cholesky", "determinants", "eigen", "inverses", "lstsq", "qr", "svd"]
