"""Formulas in LaTeX: what they are read as, and what is refused with its place."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdiff import Unparsable, gradient, parse

READ = {
    r"\frac{x^{2}}{2}": "x**2 / 2",
    r"\frac12 x^{2}": "1 / 2*x**2",
    r"\frac{1}{1+e^{-x}}": "1 / (1 + exp(-x))",
    r"\sin^2 x + \cos^{2} 2x": "sin(x)**2 + cos(2*x)**2",
    r"\sin x \cos y": "sin(x)*cos(y)",
    r"\sqrt[3]{x} \sqrt{y} + \sqrt[4]{z}": "cbrt(x)*sqrt(y) + z**(1 / 4)",
    r"\ln\left(1+e^{x}\right)": "log(1 + exp(x))",
    r"\theta_1 x_{12}^{2} + \lambda \beta": "theta_1*x_12**2 + lamda*beta_",
    r"\log_2 x + \log_{10}(x) + \log_{5} x": "log2(x) + log10(x) + log(x) / log(5)",
    r"|x|^2 + \left|x - y\right|": "abs(x)**2 + abs(x - y)",
    r"\exp(-\frac{(x-\mu)^2}{2\sigma^2})": "exp(-(x - mu)**2 / (2*sigma**2))",
    r"\max(x, 0) + \sigma\left(w x\right)": "max(x, 0) + sigmoid(w*x)",
    r"\operatorname{atan2}(y, x) + \mathrm{loss}": "atan2(y, x) + loss",
    r"$-x^{2} \cdot 2^{-x}$": "-x**2*2**(-x)",
    r"a - \left(b - c\right)/d": "a - (b - c) / d",
    r"e_1 + {e}": "e_1 + exp(1)",
    r"\frac{a}{b}^{2} / {c}": "(a / b)**2 / c",
}
REFUSED = {
    r"\frac{d}{dx} x^{2}": (1, "derivatives are what symdiff takes"),
    r"\frac{dy}{dx}": (1, "derivatives are what symdiff takes"),
    r"\frac{\partial f}{\partial x}": (7, "derivatives"),
    r"x^10 \pi": (3, r"write \{10\}"),
    r"1/2x + {y}": (4, r"\\frac"),
    r"f(x) + \pi": (1, r"a function or a factor"),
    r"x^{\top} A x": (4, r"transpose\(x\) @ A"),
    r"x^T y \pi": (3, r"transpose\(x\) @ A"),
    r"x = {2}": (3, "right-hand side only"),
    r"\sin^{-1} x": (1, "the inverse function or"),
    r"\text{os.system}": (9, "is refused"),
    r"\sum_{i} x": (1, "no loops"),
    r"x2 \cdot 3": (2, "x_2"),
    r"\left( x": (9, "is expected here"),
    r"\input{secret}": (1, "no command"),
    "{" * 50 + "x" + "}" * 50: (41, "levels deep"),
    "\\": (1, "is refused"),
}


def test_what_is_read_and_what_is_refused():
    for text, plain in READ.items():
        assert parse(text).__doc__ == f"{plain}  (read from LaTeX)"
    for text, (column, words) in REFUSED.items():
        with pytest.raises(Unparsable, match=rf"^column {column}: .*{words}") as caught:
            parse(text)
        assert caught.value.column == column


def test_gradients_of_what_is_read():
    found = gradient(r"\frac{x^{2}}{2} \sin y")(x=2.0, y=0.5)
    assert found == pytest.approx({"x": 2 * np.sin(0.5), "y": 2 * np.cos(0.5)})
    g = gradient(r"\lVert".replace("lVert", "alpha") + r" \ln\left(1+e^{x}\right)", x=(), alpha=())
    assert g(x=1000.0, alpha=2.0) == {"x": 2.0, "alpha": 1000.0}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="xyed129.+-*/^_{}()[]|,\\ fracsqtlnin", max_size=30))
def test_no_text_does_anything_else(text):
    with contextlib.suppress(Unparsable):
        assert callable(parse("\\" + text))
