"""The normal form of matrix formulas: one table of rewriting, and what applies it."""

from symdiff.matrix.rewriting.normal import as_written
from symdiff.matrix.rewriting.table import REWRITINGS, Rewriting, measure, rewrite

__all__ = ["REWRITINGS", "Rewriting", "as_written", "measure", "rewrite"]
