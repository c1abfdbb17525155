"""Rules of decompositions and of functions of a matrix: eigenvalues, singular values, QR, exp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from symdiff.matrix.construct import (
    add,
    divide,
    make,
    matmul,
    multiply,
    negate,
    reshape,
    subtract,
    swap,
)
from symdiff.matrix.emitter import Code, Emitter
from symdiff.matrix.form import ATOM, RAISED, Piece, Typesetter, function_form
from symdiff.matrix.node import Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.rewriting.terms import is_symmetric
from symdiff.matrix.rules.linalg import square_matrix
from symdiff.matrix.shapes import Length, Shape, shown
from symdiff.matrix.table import Adjoints, Rule, no_second, register


def _one_matrix(op: str, args: tuple[Node, ...]) -> Shape:
    """Return the shape of one matrix; refuse vectors and stacks."""
    if args[0].ndim != 2:
        refuse(f"np.linalg.{op} of an array of shape {shown(args[0].shape)}", "take one matrix")
    return args[0].shape


def _smaller(op: str, shape: Shape) -> Length:
    """Return the smaller of two lengths, which must be known."""
    rows, columns = shape
    if rows == columns:
        return rows
    if isinstance(rows, int) and isinstance(columns, int):
        return min(rows, columns)
    return refuse(f"np.linalg.{op} of a matrix of shape {shown(shape)}", "give numbers as lengths")


def _shared(call: str, place: int) -> Callable[[Emitter, Node], Code]:
    """Return the source of one of several results of a call, which is written once."""

    def source(emitter: Emitter, node: Node) -> Code:
        (a,) = node.args
        names = emitter.part(
            (call, a.index),
            lambda: emitter.assign("parts", call.format(emitter.text(a))),
        )
        return Code(f"{names}[{place}]")

    return source


_EIGH = "np.linalg.eigh({})"
_SVD = "np.linalg.svd({}, full_matrices=False)"
_QR = "np.linalg.qr({})"


def _row(vector: Node) -> Node:
    """Return a vector as a row, which scales the columns of a matrix."""
    return reshape(vector, (1, *vector.shape))


def _eigenvalues_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``V diag(bar) V'``, as the lower triangle that is read has it."""
    vectors = make("eigvecs", *node.args)
    return [_as_read(node.args[0], matmul(multiply(vectors, _row(bar)), swap(vectors)))]


def _as_read(a: Node, bar: Node) -> Node:
    """Return the adjoint of a matrix of which the lower triangle is read, from a symmetric one."""
    if is_symmetric(a):
        return bar
    lower = multiply(a.graph.number(2), make("tril", bar, params=(0,)))
    return subtract(lower, make("diag", make("diagonal", bar)))


def _eigenvectors_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``V (F o V' bar) V'`` with 1/(w_j - w_i) in F; infinite where eigenvalues tie."""
    (a,) = node.args
    w, identity = make("eigvalsh", a), node.graph.eye(a.shape[0])
    gaps = subtract(_row(w), reshape(w, (*w.shape, 1)))
    inverse_gaps = subtract(divide(node.graph.number(1), add(gaps, identity)), identity)
    inner = multiply(inverse_gaps, matmul(swap(node), bar))
    whole = matmul(matmul(node, inner), swap(node))
    return [_as_read(a, multiply(node.graph.number(0.5), add(whole, swap(whole))))]


def _singular_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``U diag(bar) V'``; a singular value that is 0 has the derivative 0, as a norm."""
    (a,) = node.args
    zero = node.graph.number(0)
    weights = make("where", make("equal", node, zero), zero, bar)
    return [matmul(multiply(make("svd_u", a), _row(weights)), make("svd_vt", a))]


def _pinv_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the adjoint of a pseudoinverse of constant rank."""
    (a,) = node.args
    back = swap(node)
    one, other = (node.graph.eye(n) for n in a.shape)
    first = negate(matmul(matmul(back, bar), back))
    left = matmul(subtract(one, matmul(a, node)), swap(bar))
    right = matmul(swap(bar), subtract(other, matmul(node, a)))
    return [
        add(
            add(first, matmul(matmul(left, node), back)),
            matmul(matmul(back, node), right),
        )
    ]


def _triangular_part(m: Node) -> Node:
    """Return the symmetric matrix that has the lower triangle of a matrix."""
    below = make("tril", m, params=(-1,))
    return add(make("tril", m, params=(0,)), swap(below))


def _qr_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``(bar_Q + Q copyltu(M)) R^-T`` with ``M = R bar_R' - bar_Q' Q``."""
    (a,) = node.args
    rows, columns = a.shape
    if rows != columns and not (
        isinstance(rows, int) and isinstance(columns, int) and rows > columns
    ):
        refuse(
            f"the derivative of np.linalg.qr of a matrix of shape {shown(a.shape)}",
            "it takes as many rows as columns at least, in numbers if they differ",
        )
    q, r = make("qr_q", a), make("qr_r", a)
    if node.op == "qr_r":
        whole = matmul(q, _triangular_part(matmul(r, swap(bar))))
    else:
        whole = subtract(bar, matmul(q, _triangular_part(matmul(swap(bar), q))))
    return [swap(make("solve", r, swap(whole)))]


def _power_form(text: str, latex: str) -> Callable[[Typesetter, Node], Piece]:
    def form(setter: Typesetter, node: Node) -> Piece:
        base = setter.enclosed(setter.piece(node.args[0]), ATOM)
        return Piece(f"{base}^{{{latex}}}" if setter.style.latex else f"{base}{text}", RAISED)

    return form


def _expm_adjoint(node: Node, bar: Node) -> Adjoints:
    return [make("expm_frechet", swap(node.args[0]), bar)]


def _decomposition(op: str, shape: Any, form: Any, source: Any, adjoint: Any, cited: str) -> Rule:
    return Rule(op, shape, form, source, adjoint, cited, "factorised")


def _thin(op: str, rows: bool) -> Callable[[tuple[Node, ...], tuple[Any, ...]], Shape]:
    """Return the shape of the left or the right factor of a thin decomposition."""

    def shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
        whole = _one_matrix(op, args)
        inner = _smaller(op, whole)
        return (whole[0], inner) if rows else (inner, whole[1])

    return shape


def _no_singular_vectors(node: Node, bar: Node) -> NoReturn:
    """Refuse the derivative of singular vectors."""
    refuse(
        "np.linalg.svd: a derivative of singular vectors, which a second derivative of singular "
        "values needs too",
        "the vectors on the right are np.linalg.eigh(A.T @ A)[1], and the squares of the values "
        "are np.linalg.eigvalsh(A.T @ A)",
    )


register(
    _decomposition(
        "eigvalsh",
        lambda args, params: square_matrix("eigvalsh", _one_matrix("eigvalsh", args))[:1],
        function_form("λ", r"\lambda"),
        _shared(_EIGH, 0),
        _eigenvalues_adjoint,
        "Giles 2008, 2.2.6, symmetric; Magnus & Neudecker 2019, 9.12",
    ),
    _decomposition(
        "eigvecs",
        lambda args, params: square_matrix("eigh", _one_matrix("eigh", args)),
        function_form("V", r"V"),
        _shared(_EIGH, 1),
        _eigenvectors_adjoint,
        "Giles 2008, 2.2.6, symmetric",
    ),
    _decomposition(
        "svdvals",
        lambda args, params: (_smaller("svd", _one_matrix("svd", args)),),
        function_form("σ", r"\operatorname{sv}"),
        _shared(_SVD, 1),
        _singular_adjoint,
        "Giles 2008, 2.2.7; 0 at 0 by convention",
    ),
    _decomposition(
        "svd_u",
        _thin("svd", True),
        function_form("U"),
        _shared(_SVD, 0),
        _no_singular_vectors,
        "Giles 2008, 2.2.7",
    ),
    _decomposition(
        "svd_vt",
        _thin("svd", False),
        function_form("Vᵀ", r"V^{\top}"),
        _shared(_SVD, 2),
        _no_singular_vectors,
        "Giles 2008, 2.2.7",
    ),
    _decomposition(
        "qr_q",
        _thin("qr", True),
        function_form("Q"),
        _shared(_QR, 0),
        _qr_adjoint,
        "Walter & Lehmann 2018, (3.3)",
    ),
    _decomposition(
        "qr_r",
        _thin("qr", False),
        function_form("R"),
        _shared(_QR, 1),
        _qr_adjoint,
        "Walter & Lehmann 2018, (3.3)",
    ),
    _decomposition(
        "pinv",
        lambda args, params: _one_matrix("pinv", args)[::-1],
        _power_form("⁺", "+"),
        lambda emitter, node: Code(f"np.linalg.pinv({emitter.text(node.args[0])})"),
        _pinv_adjoint,
        "Golub & Pereyra 1973, (4.12), for a constant rank",
    ),
    _decomposition(
        "expm",
        lambda args, params: square_matrix("expm", _one_matrix("expm", args)),
        function_form("expm"),
        lambda emitter, node: Code(f"scipy.linalg.expm({emitter.text(node.args[0])})"),
        _expm_adjoint,
        "Al-Mohy & Higham 2009, (2.1)",
    ),
    _decomposition(
        "expm_frechet",  # of derivatives only
        lambda args, params: args[0].shape,
        function_form("dexpm"),
        lambda emitter, node: Code(
            "scipy.linalg.expm_frechet("
            f"{', '.join(map(emitter.text, node.args))}, compute_expm=False)"
        ),
        no_second("the exponential of a matrix"),
        "Al-Mohy & Higham 2009, (2.1)",
    ),
)
