"""Interpolation of `scipy.interpolate` for tensors: points, values and arguments may be tensors."""

from autodiff.scipy.interpolate.cubic import CubicHermiteSpline, CubicSpline, PchipInterpolator
from autodiff.scipy.interpolate.grids import RegularGridInterpolator, interpn
from autodiff.scipy.interpolate.lines import interp1d
from autodiff.scipy.interpolate.piecewise import PPoly
from autodiff.scipy.interpolate.splines import BSpline, make_interp_spline, splev

__all__ = ["BSpline", "CubicHermiteSpline", "CubicSpline", "PPoly", "PchipInterpolator"]
__all__ += ["RegularGridInterpolator", "interp1d", "interpn", "make_interp_spline", "splev"]
