"""Functions of scipy.special that SciPy does not let tensors into, written for tensors.

The universal functions of `scipy.special`, such as ``scipy.special.erf`` or ``gammaln``, and the
Python functions that do nothing but call them, such as ``lambertw`` or ``zeta``, work on tensors as
they are. The functions of this module are those that do not, under the same names and with the same
signatures; on plain arrays they are SciPy's. This module needs SciPy; `autodiff` alone does not.

Examples
--------
>>> import numpy as np, autodiff, autodiff.special
>>> def cross_entropy(logits):
...     return -autodiff.special.log_softmax(logits)[1]
>>> autodiff.grad(cross_entropy)(np.array([0.0, 0.0])).round(2)
array([ 0.5, -0.5])
"""

from autodiff.rules.special.functions import (
    log_softmax,
    logsumexp,
    multigammaln,
    polygamma,
    softmax,
    spherical_in,
    spherical_jn,
    spherical_kn,
    spherical_yn,
)

__all__ = [
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "polygamma",
    "softmax",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
]
