"""The evals of GradBench, by name."""

from benchmarks.gradbench.evals.eval import Eval
from benchmarks.gradbench.evals.models import GMM, KMEANS, LSTM
from benchmarks.gradbench.evals.nested import PARTICLE, SADDLE
from benchmarks.gradbench.evals.vectors import DET, HELLO, LLSQ, LSE, ODE
from benchmarks.gradbench.evals.vision import BA, HT

__all__ = ["EVALS", "Eval"]

EVALS: dict[str, Eval] = {
    "hello": HELLO,
    "lse": LSE,
    "llsq": LLSQ,
    "gmm": GMM,
    "ode": ODE,
    "kmeans": KMEANS,
    "det": DET,
    "lstm": LSTM,
    "ba": BA,
    "ht": HT,
    "particle": PARTICLE,
    "saddle": SADDLE,
}
