"""The columns of every table that is written: name, type, unit and meaning, each once.

The reader, the report and ``docs/columns.md`` are made from these tables.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AGREEMENT_COLUMNS",
    "COMPARISON_COLUMNS",
    "CROSSOVER_COLUMNS",
    "RESULT_COLUMNS",
    "RETIRED",
    "SAMPLE_COLUMNS",
    "SCHEMA_VERSION",
    "STATUSES",
    "SUMMARY_COLUMNS",
    "SWELL_COLUMNS",
    "TABLES",
    "TRAINING_COLUMNS",
    "TRUTH_COLUMNS",
    "Cell",
    "Column",
    "Status",
]

SCHEMA_VERSION = 6

#: A row of results.csv: names of problem and engine, and the size between them.
Cell = tuple[str, int, str]

Status = Literal["ok", "mismatch", "timeout", "memory", "crashed", "unsupported", "error"]

#: The ends of a cell, and their meaning.
STATUSES: dict[Status, str] = {
    "ok": "the gradient agreed with the reference and was timed",
    "mismatch": "the gradient differed from the reference; it was not timed",
    "timeout": "the time budget ended first; times are at least the budget",
    "memory": "the memory budget was exceeded",
    "crashed": "its process died; the message names the signal or the exit code",
    "unsupported": "the engine cannot do this problem, and says why",
    "error": "the engine raised an exception",
}


#: Columns of results.csv in earlier versions: what they are called now, or None if they are gone.
RETIRED: dict[int, dict[str, str | None]] = {
    1: {"threads": "threads_read", "samples_s": None, "definition": "fingerprint"},
    2: {"definition": "fingerprint"},
    3: {},
    4: {},
    5: {},
}


@dataclass(frozen=True)
class Column:
    """One column of a CSV: its name, pandas dtype, unit and meaning."""

    name: str
    dtype: Literal["str", "int", "float"]
    unit: str
    meaning: str
    #: Whether a row without it says nothing.
    required: bool = False
    #: Whether its numbers are finite and not negative, as seconds, bytes and counts always are.
    amount: bool = False
    #: Whether its texts have several lines.
    multiline: bool = False

    @property
    def is_amount(self) -> bool:
        """Whether its numbers are finite and not negative."""
        counts = self.dtype == "int" and self.unit == "1"
        return self.amount or counts or self.unit in ("s", "B")


#: One row of ``results.csv`` is one cell: a problem at one size under one engine.
RESULT_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("family", "str", "", "group of problems that grow the same way, or `notes`"),
    Column("problem", "str", "", "name of the problem", required=True),
    Column(
        "size",
        "int",
        "",
        "the problem's own measure of size: width, depth, iterations",
        amount=True,
    ),
    Column("label", "str", "", "the size in words, such as `8-8-1`"),
    Column("engine", "str", "", "what computed the gradient", required=True),
    Column("device", "str", "", "where it did: `cpu`, or `cuda`, a GPU"),
    Column("parameters", "int", "", "number of scalars the gradient is taken with respect to"),
    Column("status", "str", "", "how the cell ended: " + ", ".join(f"`{s}`" for s in STATUSES)),
    Column("message", "str", "", "why the cell did not end as `ok`"),
    Column("stage", "str", "", "stage under way when the cell ended early: import, build, ..."),
    Column("import_s", "float", "s", "importing the engine in a fresh process, once a run"),
    Column("build_s", "float", "s", "deriving or tracing one gradient function"),
    Column("compile_s", "float", "s", "making a program of it, where that is a step of its own"),
    Column(
        "first_run_s", "float", "s", "first value and gradient; who compiles lazily does so here"
    ),
    Column("run_s", "float", "s", "median time of one value and gradient"),
    Column("run_spread_s", "float", "s", "median absolute deviation of the samples of run_s"),
    Column("run_low_s", "float", "s", "lower end of the 95 % interval of run_s"),
    Column("run_high_s", "float", "s", "upper end of the 95 % interval of run_s"),
    Column("run_min_s", "float", "s", "smallest sample"),
    Column("calibration_s", "float", "s", "median time of the calibration workload beside it"),
    Column("primal_s", "float", "s", "median time of one evaluation of the loss on plain NumPy"),
    Column(
        "ratio",
        "float",
        "1",
        "median of the ratios run to primal, each within one round",
        amount=True,
    ),
    Column("ratio_low", "float", "1", "lower end of the 95 % interval of the ratio", amount=True),
    Column("ratio_high", "float", "1", "upper end of the 95 % interval of the ratio", amount=True),
    Column("noisy", "int", "", "1 if the interval of ratio (run_s without one) is over 10 %"),
    Column("samples", "int", "1", "samples of run_s that count; samples.parquet holds all"),
    Column("processes", "int", "1", "processes at different times that these samples are from"),
    Column("loops", "int", "1", "gradients computed in each sample"),
    Column("repeated", "int", "1", "rounds in which the machine changed its speed, repeated"),
    Column(
        "cores_busy",
        "float",
        "1",
        "processor time of the samples divided by their wall time",
        amount=True,
    ),
    Column("peak_bytes", "int", "B", "peak resident memory of build and run above that before"),
    Column("allocated_bytes", "int", "B", "peak of Python's allocations during one gradient"),
    Column("operations", "int", "1", "operations of the formula or nodes of the graph"),
    Column("max_error", "float", "1", "largest error of an entry relative to the reference"),
    Column("max_error_at", "str", "", "the entry with that error, such as `w1[0, 2]`"),
    Column("reference", "str", "", "engine whose gradient was the reference"),
    Column("mode", "str", "", "`warm`, or `fresh`: each sample in a process of its own"),
    Column("seed", "int", "", "seed of the inputs"),
    Column("threads", "int", "1", "threads requested"),
    Column("threads_read", "int", "1", "most threads that a library reported inside the cell"),
    Column("pinned", "str", "", "processor cores that the cell was pinned to; empty if to none"),
    Column("budget_s", "float", "s", "time budget of the cell"),
    Column("budget_bytes", "int", "B", "memory budget of the cell"),
    Column("fingerprint", "str", "", "digest of the problem's source and the engine's version"),
    Column("ended", "str", "", "when the cell ended, in UTC"),
    Column("attempt", "int", "1", "attempt to measure its batch; more than 1: a worker was lost"),
    Column("host", "str", "", "digest of the name of the machine"),
    Column(
        "machine_class",
        "str",
        "",
        "digest of processor, cores and linear algebra: laws are fitted within a class",
    ),
    Column("machine", "str", "", "processor, number of cores and memory"),
    Column("governor", "str", "", "frequency governor of the processor, if the system tells"),
    Column("system", "str", "", "operating system and its release"),
    Column("python", "str", "", "version of Python"),
    Column("blas", "str", "", "linear algebra library of NumPy"),
    Column("versions", "str", "", "versions of gradscale, what it runs on, and the engine"),
)

#: One row of ``samples.parquet`` is one sample: several calls timed together, in one round.
SAMPLE_COLUMNS: tuple[Column, ...] = (
    Column("problem", "str", "", "name of the problem"),
    Column("size", "int", "", "the problem's own measure of size"),
    Column(
        "engine", "str", "", "what was timed: an engine, `primal`, or `control`: the calibration"
    ),
    Column("mode", "str", "", "`warm` or `fresh`"),
    Column("run", "int", "", "how often the run had been resumed then, from 0"),
    Column("process", "int", "", "number of the process that it was taken in, from 0"),
    Column("round", "int", "", "number of the round, from 0; candidates of one round took turns"),
    Column("counts", "int", "", "0 if the machine changed its speed and the round was repeated"),
    Column("seconds", "float", "s", "wall time of one call"),
    Column("processor_s", "float", "s", "processor time of one call, on all cores together"),
    Column("loops", "int", "1", "calls in the sample"),
)

#: One row of ``summary.csv`` is one engine on one family: how far it came and how its cost grows.
SUMMARY_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("family", "str", "", "group of problems that grow the same way"),
    Column("machine_class", "str", "", "class of machines that it was measured on"),
    Column("engine", "str", "", "what computed the gradient"),
    Column("quantity", "str", "", "what grows, as named in results.csv"),
    Column("against", "str", "", "what it grows with: parameters or size"),
    Column("points", "int", "1", "cells the law was fitted to, censored ones included"),
    Column("censored", "int", "1", "cells of these that only gave a lower bound"),
    Column("law", "str", "", "law that fits best: power, power-log, exponential or none"),
    Column(
        "exponent", "float", "1", "b of y = a n^b, or of y = a n^b log(1 + n) where that fits best"
    ),
    Column("exponent_low", "float", "1", "lower end of the 95 % profile-likelihood interval of b"),
    Column("exponent_high", "float", "1", "upper end of the 95 % profile-likelihood interval of b"),
    Column("rate", "float", "1", "c of the exponential law y = a exp(c n)"),
    Column("rate_low", "float", "1", "lower end of the 95 % profile-likelihood interval of c"),
    Column("rate_high", "float", "1", "upper end of the 95 % profile-likelihood interval of c"),
    Column("aic_power", "float", "1", "corrected Akaike criterion of the power law"),
    Column("aic_power_log", "float", "1", "the same of the power law with a logarithm"),
    Column("aic_exponential", "float", "1", "the same of the exponential law"),
    Column(
        "overhead",
        "float",
        "",
        "cost at any size by the law that fits best, in the quantity's unit",
    ),
    Column("predicted_at", "float", "1", "size beyond all that were measured"),
    Column(
        "predicted_log10", "float", "1", "extrapolated: decimal logarithm of the quantity there"
    ),
    Column("predicted_log10_low", "float", "1", "lower end of its 95 % prediction interval"),
    Column("predicted_log10_high", "float", "1", "upper end of its 95 % prediction interval"),
    Column("largest", "int", "1", "parameters (or size) of the largest cell that ended as ok"),
    Column("largest_label", "str", "", "that cell's size in words"),
    Column("largest_run_s", "float", "s", "run_s of that cell"),
    Column("largest_ratio", "float", "1", "ratio of that cell"),
    Column("stopped_at", "int", "1", "parameters (or size) of the smallest cell that failed"),
    Column("stopped_by", "str", "", "status of that cell; empty if every cell was ok"),
)

#: One row of ``crossovers.csv`` is one size from which on one engine is cheaper than another.
CROSSOVER_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("family", "str", "", "group of problems that grow the same way"),
    Column("machine_class", "str", "", "class of machines that it was measured on"),
    Column("quantity", "str", "", "what is cheaper, as named in results.csv"),
    Column("against", "str", "", "what the size counts: parameters or size"),
    Column("below", "str", "", "engine that is cheaper below"),
    Column("above", "str", "", "engine that is cheaper above"),
    Column("n", "float", "1", "the size at which they meet"),
    Column("n_low", "float", "1", "lower end of its 95 % bootstrap interval"),
    Column("n_high", "float", "1", "upper end of its 95 % bootstrap interval"),
    Column(
        "extrapolated", "int", "", "1 if the interval is not within the sizes measured for both"
    ),
)

#: One row of ``agreement.csv`` is one pair of engines on one problem, verified before timing.
AGREEMENT_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("problem", "str", "", "name of the problem"),
    Column("label", "str", "", "the size in words"),
    Column("engine", "str", "", "engine under test"),
    Column("against", "str", "", "engine it was compared with"),
    Column("status", "str", "", "how the comparison ended, as in results.csv"),
    Column("max_error", "float", "1", "largest error of an entry relative to the other engine"),
    Column("max_error_at", "str", "", "the entry with that error"),
    Column("tolerance", "float", "1", "largest error that still counts as agreement"),
    Column("message", "str", "", "why the status is not `ok`, or a remark"),
)

#: One row of ``truth.csv`` is one engine on one problem, held against the true gradient.
TRUTH_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("problem", "str", "", "name of the problem"),
    Column("size", "int", "", "the problem's own measure of size"),
    Column("label", "str", "", "the size in words"),
    Column("engine", "str", "", "what computed the gradient"),
    Column("precision", "str", "", "type of its gradients, and of the ULPs: float64 or float32"),
    Column("parameters", "int", "", "number of scalars the gradient is taken with respect to"),
    Column("certified", "str", "", "what shows that the truth is true; empty where there was none"),
    Column("entries", "int", "1", "entries compared with the truth; fewer are a random sample"),
    Column("value_ulp", "float", "ULP", "error of the value in ULPs of the true value"),
    Column("ulp_median", "float", "ULP", "median error of an entry in ULPs of the true entry"),
    Column("ulp_max", "float", "ULP", "largest error of an entry in ULPs of the true entry"),
    Column("ulp_max_at", "str", "", "the entry with that error"),
    Column(
        "ulp_of_largest", "float", "ULP", "largest error in ULPs of the largest entry of the truth"
    ),
    Column("against", "str", "", "engine compared with where there is no truth"),
    Column("max_error", "float", "1", "largest relative error against that engine"),
    Column(
        "taylor_slope", "float", "1", "slope of the Taylor remainder; taken where truth is partial"
    ),
    Column("status", "str", "", "how it ended, as in results.csv; `mismatch` if it is wrong"),
    Column("message", "str", "", "why the status is not `ok`, or why there is no truth"),
)

#: One row of ``swell.csv`` is one gradient in one form: how large it is, not how fast.
SWELL_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("family", "str", "", "group of problems that grow the same way"),
    Column("problem", "str", "", "name of the problem"),
    Column("size", "int", "", "the problem's own measure of size"),
    Column("label", "str", "", "the size in words"),
    Column("parameters", "int", "", "number of scalars the gradient is taken with respect to"),
    Column("form", "str", "", "how it is written: tree, dag, shared, adjoint or matrix"),
    Column("operations", "float", "1", "operations of the gradient, the value's parts included"),
)

#: One row of ``training.csv`` is one step of gradient descent on the two-layer sigmoid network.
TRAINING_COLUMNS: tuple[Column, ...] = (
    Column("step", "int", "1", "number of the step, from 0"),
    Column("loss_hand", "float", "1", "loss of the run with the hand-written gradient"),
    Column("loss_graph", "float", "1", "loss of the run with autodiff's gradient"),
    Column("loss_formula", "float", "1", "loss of the run with symdiff's matrix formula"),
)


#: One row of what ``gradscale compare OLD NEW --csv`` writes is one cell that is in both runs.
COMPARISON_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("problem", "str", "", "name of the problem"),
    Column("size", "int", "", "the problem's own measure of size"),
    Column("label", "str", "", "the size in words"),
    Column("engine", "str", "", "what computed the gradient"),
    Column("mode", "str", "", "`warm` or `fresh`"),
    Column(
        "verdict",
        "str",
        "",
        "slower, faster, same, noisy, untested, broken (was ok), mended or other",
    ),
    Column("status_old", "str", "", "how the cell ended in the old run"),
    Column("status_new", "str", "", "how it ended in the new run"),
    Column("measure", "str", "", "what is compared: run to primal, run to control, or seconds"),
    Column("old", "float", "s or 1", "median of the measure in the old run"),
    Column("new", "float", "s or 1", "median of the measure in the new run"),
    Column("change", "float", "1", "new to old: above 1 is slower"),
    Column("change_low", "float", "1", "lower end of the 95 % interval of the change"),
    Column("change_high", "float", "1", "upper end of the 95 % interval of the change"),
    Column("p", "float", "1", "p-value of the cell alone"),
    Column("p_corrected", "float", "1", "the same after Holm's correction for all cells"),
    Column("samples_old", "int", "1", "samples of the old run; 0 if only medians were compared"),
    Column("samples_new", "int", "1", "samples of the new run; 0 if only medians were compared"),
)


#: One row of ``conformance.csv`` is one library on one case of the suite.
CONFORMANCE_COLUMNS: tuple[Column, ...] = (
    Column("schema_version", "int", "", "version of this table of columns"),
    Column("family", "str", "", "group of cases that ask the same kind of question"),
    Column("case", "str", "", "name of the case within its family"),
    Column("library", "str", "", "the library, or one way to use it"),
    Column("version", "str", "", "its version"),
    Column(
        "verdict",
        "str",
        "",
        "right, convention, inexact, nan, refused, warned, wrong (in silence), crashed, timeout",
    ),
    Column("value", "str", "", "its answer, 17 digits, the first six entries of each argument"),
    Column("truth", "str", "", "the derivative to 50 digits, or exact floats; or `no derivative`"),
    Column("ulps", "float", "1", "largest error of an entry, in units in the last place"),
    Column("message", "str", "", "its own sentence, or what is wrong or conventional"),
    Column("why", "str", "", "the reason why the case is in the suite"),
    Column(
        "program",
        "str",
        "",
        "a program that repeats the answer without this project",
        multiline=True,
    ),
)


#: Every table that is written: its file, what one row is, and its columns.
TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "results.csv": ("a cell: a problem at one size under one engine", RESULT_COLUMNS),
    "samples.parquet": (
        "a sample: several calls timed together, in one round; median and interval are theirs",
        SAMPLE_COLUMNS,
    ),
    "summary.csv": (
        "an engine on a family: how far it came, and its law of growth",
        SUMMARY_COLUMNS,
    ),
    "crossovers.csv": ("a size from which on one engine is cheaper", CROSSOVER_COLUMNS),
    "agreement.csv": ("a pair of engines on a problem, before any clock starts", AGREEMENT_COLUMNS),
    "truth.csv": ("an engine on a problem, held against the true gradient", TRUTH_COLUMNS),
    "swell.csv": ("a gradient in one form: how large it is", SWELL_COLUMNS),
    "training.csv": ("a step of gradient descent on the two-layer network", TRAINING_COLUMNS),
    "conformance.csv": ("a library on a case of the conformance suite", CONFORMANCE_COLUMNS),
    "gradscale compare --csv FILE": ("a cell that is in both runs", COMPARISON_COLUMNS),
}
