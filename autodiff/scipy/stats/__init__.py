"""Distributions of `scipy.stats` for tensors: densities and distribution functions."""

from autodiff.scipy.stats.continuous import (
    beta,
    cauchy,
    chi2,
    expon,
    f,
    gamma,
    gumbel_r,
    halfnorm,
    invgamma,
    laplace,
    logistic,
    lognorm,
    norm,
    pareto,
    rayleigh,
    skewnorm,
    t,
    uniform,
    vonmises,
    weibull_min,
)
from autodiff.scipy.stats.counts import bernoulli, binom, geom, nbinom, poisson
from autodiff.scipy.stats.vectors import dirichlet, multivariate_normal

__all__ = ["bernoulli", "beta", "binom", "cauchy", "chi2", "dirichlet", "expon", "f", "gamma"]
__all__ += ["geom", "gumbel_r", "halfnorm", "invgamma", "laplace", "logistic", "lognorm"]
__all__ += ["multivariate_normal", "nbinom", "norm", "pareto", "poisson", "rayleigh", "skewnorm"]
__all__ += ["t", "uniform", "vonmises", "weibull_min"]
