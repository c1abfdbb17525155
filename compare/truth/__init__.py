"""The truth: gradients to 50 digits, errors in ULPs, and the Taylor test where there is none."""

from compare.truth.errors import UlpErrors, ulp_errors
from compare.truth.gradient import Truth, true_gradient
from compare.truth.measure import cases_for_truth, measure_errors
from compare.truth.numbers import NoTruth
from compare.truth.taylor import TaylorTest, taylor_test

__all__ = [
    "NoTruth",
    "TaylorTest",
    "Truth",
    "UlpErrors",
    "cases_for_truth",
    "measure_errors",
    "taylor_test",
    "true_gradient",
    "ulp_errors",
]
