"""LaTeX that KaTeX and MathJax accept, and formulas that say what is computed."""

import contextlib
import json
import keyword
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs_tools.cookbook import ENTRIES
from docs_tools.formulas import MODELS
from symdiff import STRATEGIES, ExpressionTooLarge, Untraceable, explain, gradient
from symdiff.printing.names import spell
from tests.fuzz.formulas import N, draw

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}^_&]|[^\\{}^_&]", re.DOTALL)
_ARGUMENTS = {r"\frac": 2, r"\mathrm": 1, r"\text": 1, r"\operatorname": 1, r"\bar": 1}
_ARGUMENTS |= {r"\begin": 1, r"\end": 1, r"\sqrt": 1, r"\mathbf": 1}


def check_latex(tex):
    """Fail where TeX, KaTeX or MathJax would: braces, scripts after scripts, missing arguments."""
    tokens = [t for t in _TOKEN.findall(tex) if t.strip()]
    at = 0

    def argument():
        nonlocal at
        assert at < len(tokens), f"an argument is missing at the end of {tex[-60:]!r}"
        token = tokens[at]
        at += 1
        if token == "{":
            group()
        elif token in _ARGUMENTS:
            for _ in range(_ARGUMENTS[token]):
                argument()
        else:
            assert token not in "}^_&", f"{token!r} stands where an argument should"

    def group():
        nonlocal at
        scripts = set()
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token == "}":
                return
            if token in "^_":
                assert token not in scripts, (
                    f"two {token!r} after one thing: {tokens[at - 6 : at + 6]}"
                )
                scripts.add(token)
                argument()
                continue
            scripts = set()
            if token == "{":
                group()
            elif token in (r"\left", r"\right"):
                at += 1
            elif token in _ARGUMENTS:
                for _ in range(_ARGUMENTS[token]):
                    argument()
        pytest.fail("a brace is never closed")

    tokens.append("}")
    group()
    assert at == len(tokens), "a brace is closed that was not opened"
    words = re.findall(r"\\(begin|end)\{(\w+)\}", tex)
    open_ones = []
    for word, name in words:
        if word == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    assert not open_ones
    for pair in ((r"\left", r"\right"),):
        counts = [len(re.findall(re.escape(p) + r"(?![a-zA-Z])", tex)) for p in pair]
        assert counts[0] == counts[1]


@pytest.mark.parametrize("tex", ["x_1_2", "x^2^3", "{x", "x}", r"\frac{1}", r"\left( x", "x_"])
def test_the_checker_finds_what_tex_refuses(tex):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_latex(tex)


def _documented():
    """Yield the formulas of the docs, and the derivations of their models."""
    for model in MODELS:
        shapes = model.shapes if model.strategy == "matrix" else model.concrete
        g = gradient(model.f, wrt=model.wrt, strategy=model.strategy, inputs=shapes)
        yield model.title, g.latex()
        yield model.title, explain(model.f, strategy=model.strategy, inputs=shapes).latex()
        if "linalg" not in model.f.__code__.co_names:  # which the entrywise strategies refuse
            yield model.title, gradient(model.f, strategy="adjoint", inputs=model.concrete).latex()
    for entry in ENTRIES:
        yield entry.code, entry.gradient.latex()


def _random():
    """Yield the formulas of random programs, and their derivations."""
    for seed in range(30):
        f = draw(seed).function
        for strategy in ("matrix", "adjoint"):
            given = {"strategy": strategy, "inputs": {"x": (N,), "A": (N, N), "s": ()}}
            for derive in (gradient, explain):
                with contextlib.suppress(ExpressionTooLarge, Untraceable, ValueError):
                    yield f"program {seed}", derive(f, **given).latex()


def test_formulas_of_the_docs_and_of_random_programs(tmp_path):
    found = [*_documented(), *_random()]
    assert len(found) > 200
    for _, tex in found:
        check_latex(tex)
    node = shutil.which("node")
    script = (
        "const katex = require('katex');"
        "for (const [name, tex] of JSON.parse(require('fs').readFileSync(process.argv[1])))"
        "  katex.renderToString(tex, {displayMode: true, strict: 'error'});"
    )
    if node and subprocess.run([node, "-e", "require('katex')"], capture_output=True).returncode:
        return  # KaTeX's package is not there: NODE_PATH says where it is
    if node:
        listed = tmp_path / "formulas.json"
        listed.write_text(json.dumps(found), encoding="utf-8")
        subprocess.run([node, "-e", script, str(listed)], check=True)


def _pairs(R):
    return np.sum(np.exp(-np.sum((R[:, None, :] - R[None, :, :]) ** 2, axis=-1)))


CASES = {
    "index": (lambda W1: np.sum(W1[0:2] ** 2), {"W1": (4,)}),
    "rows": (lambda xs: np.sum(np.exp(xs[0] * xs[1])), {"xs": (2, 3)}),
    "pairs": (_pairs, {"R": (3, 2)}),
    "einsum": (
        lambda x1, W_a: np.sum(np.einsum("ijk,jl->ilk", x1, W_a) ** 2),
        {"x1": (2, 2, 2), "W_a": (2, 2)},
    ),
    "put": (lambda x_1: [x_1.__setitem__(0, 2.0), np.sum(x_1**3)][1], {"x_1": (3,)}),
    "powers of everything": (
        lambda a_1, theta_2: (
            np.abs(a_1) ** 3 * np.sign(theta_2) ** 2 + np.maximum(a_1, theta_2) ** 2
        ),
        {"a_1": (), "theta_2": ()},
    ),
    "choices": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), x**2) ** 2), {"x": (2,)}),
    "structures": (
        lambda p, q: np.sum(p["W"] @ q[0]) ** 2 * q[1] + np.sum(p["x y"] ** 2),
        {"p": {"W": (2, 2), "x y": (2,)}, "q": [(2,), ()]},
    ),
    "other letters": (
        lambda größe, θ, _x, lam, Alpha: größe * θ + np.exp(_x) * lam**2 * Alpha,
        dict.fromkeys(("größe", "θ", "_x", "lam", "Alpha"), ()),
    ),
    "names that look alike": (
        lambda w1, w_1, x, x_: w1 * w_1 + x * x_,
        dict.fromkeys(("w1", "w_1", "x", "x_"), ()),
    ),
    "constants": (
        lambda x: np.sum(np.array([[1.5, 2.0], [3.0, 0.1]]) @ x) * 1e-30 + 6.02214076e23 * x[0],
        {"x": (2,)},
    ),
    "three axes": (
        lambda A, v: np.sum(A / np.max(A, axis=1, keepdims=True) * v + np.transpose(A, (2, 0, 1))),
        {"A": (2, 2, 2), "v": (2,)},
    ),
}


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("name", CASES)
def test_latex_is_accepted(name, strategy):
    f, shapes = CASES[name]
    g = gradient(f, strategy=strategy, inputs=shapes)
    check_latex(g.latex(max_lines=None))
    if strategy == "adjoint":
        check_latex(g.hessian().latex())


def test_named_lengths_are_typeset():
    g = gradient(
        lambda X: np.mean(X**2) / X.shape[0], strategy="matrix", X=("n_obs_1", "batch_size")
    )
    check_latex(g.latex())


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True) | st.sampled_from(
    ["alpha", "Beta", "omicron", "lam", "lamda", "x_bar", "h_bar", "_", "__", "x__y", "w_1_2", "β1"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES.filter(lambda n: not keyword.iskeyword(n)), max_size=6, unique=True))
def test_every_name_is_typeset_and_no_two_alike(names):
    written = spell(names)
    for text in written.values():
        check_latex(f"{text}^2" if "^" not in text else text)
    assert len(set(written.values())) == len(names)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_typesetting_of_names(strategy):
    text = gradient(
        lambda w1, theta_1, a: np.exp(w1 * theta_1) * a, strategy=strategy, w1=(), theta_1=(), a=()
    ).latex()
    assert all(name in text for name in ("w_1", r"\theta_1"))


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("number", [8.314462618, 0.30000000000000004, 6.02214076e23, 1e-15, 2 / 3])
def test_constants_have_all_their_digits(number, strategy):
    g = gradient(lambda x: np.sin(number * x), strategy=strategy, x=())
    mantissa, _, exponent = repr(number).partition("e")
    if number == 2 / 3 and strategy == "matrix":
        mantissa = "2/3"
    assert mantissa in str(g)
    assert (mantissa if mantissa != "2/3" else r"\frac{2}{3}") in g.latex()
    assert not exponent or f"{int(exponent)}" in g.latex()


def test_repetition_over_three_axes_is_written():
    g = gradient(_pairs, strategy="matrix", R=("n", "d"))
    assert "R[:, None, :] − R[None, :, :]" in str(g)
    k = gradient(
        lambda X, C: np.sum(np.min(np.sum((X[:, None, :] - C[None, :, :]) ** 2, axis=2), axis=1)),
        strategy="matrix",
        X=("n", "d"),
        C=("k", "d"),
    )
    assert "X[:, None, :] − C[None, :, :]" in str(k)
    v = gradient(lambda A, v: np.sum(np.exp(A * v)), strategy="matrix", A=(2, 3, 4), v=(4,))
    assert "A ∘ v[None, None, :]" in str(v)
    kept = gradient(
        lambda A: np.sum(np.sqrt(A / np.sum(A, axis=2, keepdims=True))),
        strategy="matrix",
        A=(2, 3, 4),
    )
    assert "sum[2](A)[:, :, None]" in str(kept)


def test_what_is_put_reads_unlike_what_is_taken():
    g = gradient(lambda theta: theta[0] ** 2 * theta[1], strategy="matrix", theta=(2,))
    assert "put([0] ← 2 θ[0] θ[1], [1] ← s)" in str(g)
    assert "δ[0]" not in str(g)


def test_constant_arrays_are_written():
    g = gradient(
        lambda x, C1: np.sum(np.array([1.5, 2.0]) * x * C1), strategy="matrix", x=(2,), C1=()
    )
    assert str(g).splitlines()[0] == "K1 = [1.5, 2.0]"
    big = gradient(lambda x: np.sum(np.arange(20.0) * x), strategy="matrix", x=(20,))
    assert str(big).splitlines()[0] == "C1 = constants of shape (20,)"
    check_latex(big.latex())


def test_what_is_too_large_says_so_at_once():
    def attention(Q, K, V, G):
        s = Q @ K.T
        p = np.exp(s - np.max(s, axis=1, keepdims=True))
        return np.sum(G * ((p / np.sum(p, axis=1, keepdims=True)) @ V))

    n = 3
    g = gradient(
        attention, strategy="expanded", wrt="Q", Q=(n, 2), K=(n + 1, 2), V=(n + 1, 3), G=(n, 3)
    )
    for text in (g._repr_latex_(), str(g)):
        assert len(text) < 200_000
        assert "operations)" in text
    check_latex(g.latex())
