"""The derivatives of two reference works beside ours: one table of functions and formulas.

The functions are typed as users of NumPy type them. A printed formula is that of the work, in our
notation; a matrix that the work takes as symmetric is made so in the first line of the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdiff.matrix import MatrixGradient, matrix_gradient
from symdiff.matrix.form import Typesetter
from symdiff.matrix.lets import source_lines
from symdiff.matrix.source import print_source
from symdiff.matrix.spelling import display_names
from symdiff.matrix.table import RULES

__all__ = ["ENTRIES", "Entry", "section", "source_of_the_written", "symbols"]

_HEAD = """\
## Beside the Matrix Cookbook

The numbered derivatives of K. B. Petersen and M. S. Pedersen, *The Matrix Cookbook* (2012), and
functions of the kind that [matrixcalculus.org](https://www.matrixcalculus.org) derives: what a user
of NumPy types, the formula in print, and ours, written out. Ours is checked on random matrices, and
has at most as many symbols as the one in print (names, numbers and operations; brackets do not
count). `S` and other matrices that the book takes as symmetric are made so in the first line.

| number | function | by | in print | ours |
|---|---|---|---|---|
"""


def symbols(text: str) -> int:
    """Return the length of a formula: its names, numbers and operations, but not its brackets.

    Examples
    --------
    >>> symbols("2 Aᵀ (A x − y)"), symbols("x/‖x‖"), symbols("X⁻ᵀ")
    (7, 4, 3)
    """
    raised = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ∘"
    pattern = rf"⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|⁻|ᵀ|∘|[^\W{raised}]+|[^\s\w()\[\],‖⟨⟩|]"
    return len(re.findall(pattern, text)) + text.count("‖") // 2 + text.count("⟨")


@dataclass(frozen=True)
class Entry:
    """One derivative that is printed elsewhere.

    Attributes
    ----------
    number : str
        Where it stands.
    code : str
        The function: statements, the last of them the result.
    wrt : str
        The argument to differentiate by.
    printed : str
        The formula that is printed there.
    shapes : str
        ``"A:m,n x:n c:"``: the arguments and their lengths.
    """

    number: str
    code: str
    wrt: str
    printed: str
    shapes: str

    @property
    def arguments(self) -> dict[str, tuple[str, ...]]:
        """The shape of each argument."""
        pairs = (word.split(":") for word in self.shapes.split())
        return {name: tuple(filter(None, lengths.split(","))) for name, lengths in pairs}

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The function that is typed."""
        *lines, last = self.code.split("; ")
        body = "\n    ".join([*lines, f"return {last}"])
        space: dict[str, Any] = {
            "np": np,
            "inv": np.linalg.inv,
            "det": np.linalg.det,
            "norm": np.linalg.norm,
            "trace": np.trace,
        }
        exec(f"def f({', '.join(self.arguments)}):\n    {body}", space)
        function: Callable[..., Any] = space["f"]
        return function

    @cached_property
    def gradient(self) -> MatrixGradient:
        """Its gradient."""
        return matrix_gradient(self.function, wrt=self.wrt, inputs=self.arguments)

    @cached_property
    def ours(self) -> str:
        """Our formula, written out: only what the function names has a name."""
        g = self.gradient
        names = display_names(g._inputs, g._named, False)
        return Typesetter(False, names, RULES).write(g._written[0][self.wrt])


def source_of_the_written(g: MatrixGradient) -> str:
    """Return the source of what the formulas of a gradient say, to the letter."""
    written = g._written[0]
    lines = source_lines([g._value, *written.values()], {}, {}, g._inputs)
    return print_source(g._graph, g._inputs, lines, g._value, written, "As it is written.")


#: Number, function, argument, formula in print, and the shapes of all arguments.
_TABLE = """
49       | det(X) | X | det(X) X⁻ᵀ | X:n,n
51       | det(A @ X @ B) | X | det(A X B) X⁻ᵀ | A:n,n X:n,n B:n,n
52       | det(X.T @ A @ X) | X | 2 det(Xᵀ A X) X⁻ᵀ | X:n,n A:n,n
53       | A = S + S.T; det(X.T @ A @ X) | X | 2 det(Xᵀ A X) A X (Xᵀ A X)⁻¹ | X:m,n S:m,m
54       | det(X.T @ A @ X) | X | det(Xᵀ A X) (A X (Xᵀ A X)⁻¹ + Aᵀ X (Xᵀ Aᵀ X)⁻¹) | X:m,n A:m,m
55       | np.log(det(X.T @ X)) | X | 2 X (Xᵀ X)⁻¹ | X:m,n
57       | np.log(abs(det(X))) | X | X⁻ᵀ | X:n,n
58       | det(X @ X @ X) | X | 3 det(X X X) X⁻ᵀ | X:n,n
61       | a @ inv(X) @ b | X | −X⁻ᵀ a bᵀ X⁻ᵀ | a:n X:n,n b:n
62       | det(inv(X)) | X | −det(X⁻¹) X⁻ᵀ | X:n,n
64       | trace(inv(X + A)) | X | −((X + A)⁻¹ (X + A)⁻¹)ᵀ | X:n,n A:n,n
69       | a @ x | x | a | a:n x:n
70       | a @ X @ b | X | a bᵀ | a:m X:m,n b:n
71       | a @ X.T @ b | X | b aᵀ | a:n X:m,n b:m
72       | a @ X @ a | X | a aᵀ | a:n X:n,n
76       | np.sum(X)**2 | X | 2 (1ᵀ X 1) 1 1ᵀ | X:m,n
77       | b @ X.T @ X @ c | X | X (b cᵀ + c bᵀ) | b:n X:m,n c:n
78       | (B @ x + b) @ C @ (D @ x + d) | x | Bᵀ C (D x + d) + Dᵀ Cᵀ (B x + b) | B:m,n x:n b:m C:m,k D:k,n d:k
81       | x @ B @ x | x | (B + Bᵀ) x | x:n B:n,n
82       | b @ X.T @ D @ X @ c | X | Dᵀ X b cᵀ + D X c bᵀ | b:n X:m,n D:m,m c:n
83       | (X @ b + c) @ D @ (X @ b + c) | X | (D + Dᵀ) (X b + c) bᵀ | X:m,n b:n c:m D:m,m
84       | W = S + S.T; (x - A @ s) @ W @ (x - A @ s) | s | −2 Aᵀ W (x − A s) | x:m A:m,n s:n S:m,m
85       | W = S + S.T; (x - s) @ W @ (x - s) | x | 2 W (x − s) | x:m s:m S:m,m
86       | W = S + S.T; (x - s) @ W @ (x - s) | s | −2 W (x − s) | x:m s:m S:m,m
87       | W = S + S.T; (x - A @ s) @ W @ (x - A @ s) | x | 2 W (x − A s) | x:m A:m,n s:n S:m,m
88       | W = S + S.T; (x - A @ s) @ W @ (x - A @ s) | A | −2 W (x − A s) sᵀ | x:m A:m,n s:n S:m,m
89       | (a - x @ b)**2 | x | −2 b (a − xᵀ b) | a: x:n b:n
91 n=2   | a @ X @ X @ b | X | a bᵀ Xᵀ + Xᵀ a bᵀ | a:n X:n,n b:n
91 n=3   | a @ X @ X @ X @ b | X | a bᵀ Xᵀ Xᵀ + Xᵀ a bᵀ Xᵀ + Xᵀ Xᵀ a bᵀ | a:n X:n,n b:n
95       | x @ A @ x + b @ x | x | (A + Aᵀ) x + b | x:n A:n,n b:n
99       | trace(X) | X | I | X:n,n
100      | trace(X @ A) | X | Aᵀ | X:m,n A:n,m
101      | trace(A @ X @ B) | X | Aᵀ Bᵀ | A:k,m X:m,n B:n,k
102      | trace(A @ X.T @ B) | X | B A | A:k,n X:m,n B:m,k
103      | trace(X.T @ A) | X | A | X:m,n A:m,n
104      | trace(A @ X.T) | X | A | X:m,n A:m,n
105      | trace(A) * trace(X) | X | tr(A) I | A:m,m X:n,n
106      | trace(X @ X) | X | 2 Xᵀ | X:n,n
107      | trace(X @ X @ B) | X | (X B + B X)ᵀ | X:n,n B:n,n
108      | trace(X.T @ B @ X) | X | B X + Bᵀ X | X:m,n B:m,m
109      | trace(B @ X @ X.T) | X | B X + Bᵀ X | X:m,n B:m,m
110      | trace(X @ X.T @ B) | X | B X + Bᵀ X | X:m,n B:m,m
111      | trace(X @ B @ X.T) | X | X Bᵀ + X B | X:m,n B:n,n
112      | trace(B @ X.T @ X) | X | X Bᵀ + X B | X:m,n B:n,n
113      | trace(X.T @ X @ B) | X | X Bᵀ + X B | X:m,n B:n,n
114      | trace(A @ X @ B @ X) | X | Aᵀ Xᵀ Bᵀ + Bᵀ Xᵀ Aᵀ | A:n,m X:m,n B:n,m
115      | trace(X.T @ X) | X | 2 X | X:m,n
116      | trace(B.T @ X.T @ C @ X @ B) | X | Cᵀ X B Bᵀ + C X B Bᵀ | B:n,k X:m,n C:m,m
117      | trace(X.T @ B @ X @ C) | X | B X C + Bᵀ X Cᵀ | X:m,n B:m,m C:n,n
118      | trace(A @ X @ B @ X.T @ C) | X | Aᵀ Cᵀ X Bᵀ + C A X B | A:k,m X:m,n B:n,n C:m,k
119      | trace((A @ X @ B + C) @ (A @ X @ B + C).T) | X | 2 Aᵀ (A X B + C) Bᵀ | A:k,m X:m,n B:n,l C:k,l
120      | trace(X)**2 | X | 2 tr(X) I | X:n,n
121 k=3  | trace(X @ X @ X) | X | 3 (X X)ᵀ | X:n,n
121 k=4  | trace(np.linalg.matrix_power(X, 4)) | X | 4 (X X X)ᵀ | X:n,n
122 k=3  | trace(A @ X @ X @ X) | X | (A X X + X A X + X X A)ᵀ | A:n,n X:n,n
123      | trace(B.T @ X.T @ C @ X @ X.T @ C @ X @ B) | X | C X Xᵀ C X B Bᵀ + Cᵀ X B Bᵀ Xᵀ Cᵀ X + C X B Bᵀ Xᵀ C X + Cᵀ X Xᵀ Cᵀ X B Bᵀ | B:n,k X:m,n C:m,m
124      | trace(A @ inv(X) @ B) | X | −X⁻ᵀ Aᵀ Bᵀ X⁻ᵀ | A:k,n X:n,n B:n,k
125      | C = S + S.T; trace(inv(X.T @ C @ X) @ A) | X | −(C X (Xᵀ C X)⁻¹) (A + Aᵀ) (Xᵀ C X)⁻¹ | X:m,n S:m,m A:n,n
126      | B = R + R.T; C = S + S.T; trace(inv(X.T @ C @ X) @ X.T @ B @ X) | X | −2 C X (Xᵀ C X)⁻¹ Xᵀ B X (Xᵀ C X)⁻¹ + 2 B X (Xᵀ C X)⁻¹ | X:m,n R:m,m S:m,m
127      | A = Q + Q.T; B = R + R.T; C = S + S.T; trace(inv(A + X.T @ C @ X) @ X.T @ B @ X) | X | −2 C X (A + Xᵀ C X)⁻¹ Xᵀ B X (A + Xᵀ C X)⁻¹ + 2 B X (A + Xᵀ C X)⁻¹ | X:m,n Q:n,n R:m,m S:m,m
129      | norm(x - a) | x | (x − a)/‖x − a‖ | x:n a:n
131      | norm(x)**2 | x | 2 x | x:n
132      | norm(X)**2 | X | 2 X | X:m,n
2.8.2    | trace(A @ (X + X.T - np.diag(np.diag(X)))) | X | A + Aᵀ − diag(diag(A)) | A:n,n X:n,n
2.8.3    | trace(A @ np.diag(x)) | x | diag(A) | A:n,n x:n
         | x @ A @ x + c * np.sin(y) @ x | x | (A + Aᵀ) x + c sin(y) | x:n A:n,n c: y:n
         | norm(A @ x - y)**2 + c * norm(x)**2 | x | 2 Aᵀ (A x − y) + 2 c x | A:m,n x:n y:m c:
         | np.sum(np.log(1 + np.exp(-y * (X @ w)))) | w | −Xᵀ (y ∘ σ(−y ∘ X w)) | X:m,n w:n y:m
         | norm(A - U @ V.T)**2 | U | −2 (A − U Vᵀ) V | A:m,n U:m,k V:n,k
         | np.log(det(inv(X))) | X | −X⁻ᵀ | X:n,n
         | S = C + C.T; np.exp(-0.5 * (x - m) @ inv(S) @ (x - m)) | m | exp(−(1/2) (x − m)ᵀ S⁻¹ (x − m)) S⁻¹ (x − m) | x:n m:n C:n,n
         | norm(A @ x - y) | x | Aᵀ (A x − y)/‖A x − y‖ | A:m,n x:n y:m
         | np.sum(np.abs(A @ x - y)) | x | Aᵀ sign(A x − y) | A:m,n x:n y:m
         | np.log(np.sum(np.exp(A @ x))) | x | Aᵀ (exp(A x) ⊘ sum(exp(A x))) | A:m,n x:n
         | np.sum(np.exp(A @ x - y)) | x | Aᵀ exp(A x − y) | A:m,n x:n y:m
         | trace(A @ X.T @ B @ X @ C) | X | B X C A + Bᵀ X Aᵀ Cᵀ | A:k,n X:m,n B:m,m C:n,k
         | x @ A @ x / (x @ x) | x | (A + Aᵀ) x/(xᵀ x) − 2 (xᵀ A x) x/(xᵀ x)² | x:n A:n,n
         | np.sum(x * np.log(x)) | x | log(x) + 1 | x:n
         | np.sum(p * np.log(p / q)) | q | −p ⊘ q | p:n q:n
         | np.sum(V * np.log(V / (W @ H)) - V + W @ H) | H | Wᵀ (1 − V ⊘ W H) | V:m,n W:m,k H:k,n
         | y @ inv(K) @ y + np.log(det(K)) | K | K⁻ᵀ − K⁻ᵀ y yᵀ K⁻ᵀ | K:n,n y:n
         | norm(W * (A - U @ V.T))**2 | U | −2 (W ∘ W ∘ (A − U Vᵀ)) V | W:m,n A:m,n U:m,k V:n,k
         | np.sum(np.tanh(W @ x + b)**2) | b | 2 tanh(W x + b) ∘ (1 − tanh(W x + b)∘²) | W:m,n x:n b:m
"""  # noqa: E501

ENTRIES = tuple(
    Entry(*(column.strip() for column in line.split(" | "))) for line in _TABLE.strip().splitlines()
)


def section() -> str:
    """Return the section of the page."""
    rows = []
    for entry in ENTRIES:
        columns = (entry.code, entry.wrt, entry.printed, entry.ours)
        rows.append(f"| {entry.number} | " + " | ".join(f"`{text}`" for text in columns) + " |")
    return _HEAD + "\n".join(rows)
