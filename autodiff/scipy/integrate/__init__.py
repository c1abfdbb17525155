"""Functions of `scipy.integrate` for tensors."""

from autodiff.scipy.integrate.ode import odeint, solve_ivp
from autodiff.scipy.integrate.quadrature import dblquad, quad
from autodiff.scipy.integrate.samples import cumulative_trapezoid, simpson, trapezoid

__all__ = ["cumulative_trapezoid", "dblquad", "odeint", "quad", "simpson", "solve_ivp"]
__all__ += ["trapezoid"]
