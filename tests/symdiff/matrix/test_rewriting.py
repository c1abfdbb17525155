"""The table of rewriting: every law by numbers on random matrices, and that rewriting ends."""

import functools
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np

from docs_tools.cookbook import source_of_the_written
from symdiff.matrix import matrix_gradient
from symdiff.matrix.construct import make, transpose
from symdiff.matrix.node import Graph
from symdiff.matrix.rewriting import REWRITINGS, measure, rewrite
from symdiff.matrix.rewriting.table import sum_of
from symdiff.matrix.rewriting.terms import Factor, Term, flip, monomial
from symdiff.matrix.source import print_source

_spec = importlib.util.spec_from_file_location("problems", Path(__file__).parent / "problems.py")
problems = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(problems)

N = 3


class Sums:
    """Random sums of products of a few matrices and vectors, and their numbers."""

    def __init__(self, rng):
        self.rng = rng
        self.graph = graph = Graph()
        self.inputs = {k: graph.input(k, ("n", "n")) for k in "ABM"}
        self.inputs |= {k: graph.input(k, ("n",)) for k in "uv"}
        self.inputs |= {k: graph.input(k, ()) for k in "st"}
        self.point = {
            k: rng.normal(size=[N] * len(node.shape)) + (2 * np.eye(N) if k in "ABM" else 0)
            for k, node in self.inputs.items()
        }
        a, b, m, u, v, s, t = self.inputs.values()
        self.matrices = [a, a, b, b, make("add", m, transpose(m)), graph.eye("n")]
        self.matrices += [make("inv", a), make("inv", make("matmul", a, b))]
        self.vectors, self.scalars = [u, v], [s, t]

    def some(self, items, most, least=0):
        return [
            items[k] for k in self.rng.integers(len(items), size=self.rng.integers(least, most))
        ]

    def chain(self):
        """Return a product of matrices, flipped or not, sometimes with a scalar inside."""
        factors = [Factor(node) for node in self.some(self.matrices, 4, 1)]
        chain = [flip([f])[0] if self.rng.random() < 0.4 else f for f in factors]
        if self.rng.random() < 0.3:
            u, v = self.some(self.vectors, 3, 2)
            chain[1:1] = [Factor(u), Factor(v, True)]
        if self.rng.random() < 0.1:
            chain[:0] = [Factor(self.vectors[0], True), chain[0], Factor(self.vectors[1])]
        return tuple(chain)

    def draw(self):
        """Return a sum; often of terms that have much in common."""
        if self.rng.random() < 0.1:
            chains = [self.some(self.matrices[:4], 4, 2) for _ in range(2)]
            return [Term(1.0, (), tuple(Factor(f, True) for f in chain)) for chain in chains]
        chain, scalars = self.chain(), dict.fromkeys(self.some(self.scalars, 3), 1)
        terms = []
        for _ in range(self.rng.integers(1, 4)):
            kind = self.rng.integers(6)
            if kind == 0:
                chain = self.chain()
            elif kind == 1:
                chain = flip(chain)
            elif kind == 2 and len(chain) > 1:
                chain = (*chain[:-1], *flip(chain[-1:])) if chain[-1].node.ndim == 2 else chain
            elif kind == 3:
                scalars = dict.fromkeys(self.some(self.scalars, 3), 1)
            elif kind == 4 and chain[0].node.ndim == 2:
                chain = (chain[0], *self.chain())
            terms.append(Term(float(self.rng.choice([1, -1, 2])), monomial(scalars), chain))
        return terms

    def number(self, terms):
        """Return the value of a sum at the point, factor by factor."""
        total = np.zeros((N, N))
        for term in terms:
            product, chain = term.number, list(term.chain)
            for scalar, n in term.scalars:
                product = product * self.value(scalar) ** n
            rows = [k for k, f in enumerate(chain) if f.node.ndim == 1 and f.flipped]
            for k in reversed(rows):  # a row and the column that follows it are a number
                stop = next((j for j in range(k, len(chain)) if self.is_column(chain[j])), None)
                if stop is not None:
                    product = product * self.times(chain[k : stop + 1])
                    del chain[k : stop + 1]
            total = total + product * self.times(chain)
        return total

    @staticmethod
    def is_column(factor):
        return factor.node.ndim == 1 and not factor.flipped

    def times(self, chain):
        whole = None
        for factor in chain:
            matrix = self.value(factor.node).reshape(N, -1)
            matrix = matrix.T if factor.flipped else matrix
            whole = matrix if whole is None else whole @ matrix
        return np.eye(N) if whole is None else whole

    def value(self, node):
        if node.op == "eye":
            return np.eye(N)
        text = print_source(self.graph, self.inputs, {}, node, {}, "one value")
        space = {}
        exec(text, space)
        return np.asarray(space["value_and_gradient"](*self.point.values())[0])


def test_every_rule_keeps_the_numbers_and_makes_its_measure_less(rng):
    fired = Counter()
    sums = Sums(rng)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-7, atol=1e-7)
    for _ in range(250):
        terms = sums.draw()
        expected = sums.number(terms)
        whole = rewrite(terms, sums.inputs["A"])
        close(sums.value(sum_of(whole, sums.inputs["A"])), expected)
        while terms != whole:
            rule, found = next(
                (rule, found)
                for rule in REWRITINGS
                if (found := rule.apply(terms, sums.inputs["A"])) is not None
            )
            before, after = measure(terms), measure(found)
            assert next(k for k in before if before[k] != after[k]) == rule.measure, rule.name
            assert after[rule.measure] < before[rule.measure], rule.name
            if (fired := fired + Counter([rule.name]))[rule.name] < 25:
                close(sums.number(found), expected, err_msg=rule.name)
            terms = found
        assert all(rule.apply(whole, sums.inputs["A"]) is None for rule in REWRITINGS)
    assert min(fired[rule.name] for rule in REWRITINGS) >= 3, fired


def test_what_is_written_has_the_numbers_of_what_is_computed(error):
    """Of every problem, so of every operation: the normal form against the derived one."""
    for name, problem in problems.PROBLEMS.items():
        point = problems.point_of(problem, problems.SQUARE, np.random.default_rng(11))
        g = matrix_gradient(problem.function, wrt=problem.wrt, inputs=problem.shapes)
        space = {}
        exec(source_of_the_written(g), space)
        expected = g(**point)
        _, found = space["value_and_gradient"](*(point[key] for key in g._inputs))
        for key, entry in expected.items():
            whole = np.broadcast_to(found[key], np.shape(entry))  # a multiple of ones
            assert error(whole, entry) < 1e-9, (name, key)
