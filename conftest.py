"""Modules that the collection of tests leaves out where an optional library is absent."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("numba") else ["autodiff/plan/to_numba/math.py"]
