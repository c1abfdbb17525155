"""THE table of operations: one row says how programs, passes and printers treat each.

An operation without a row is called as the function that it is; a universal function without one is
elementwise all the same. Tests walk the table: a row that lacks what its kind needs fails there.
"""

import re
from collections.abc import Callable

import numpy as np

from autodiff.core.primitive import PRIMITIVES, Primitive
from autodiff.plan import printed
from autodiff.plan.operation import Kind, Operation, Takes
from autodiff.plan.program import CONSTANT, INPUT, LOOP, PICK, Node, Program

__all__ = [
    *(
        "ADD_PART",
        "CALLED",
        "HELPERS",
        "MATRIX_VECTOR",
        "OPERATIONS",
        "RELU_STEP",
        "RELU_TIES",
        "VECTOR_MATRIX",
    ),
    *("fields_of", "is_basic_index", "is_contiguous", "is_quiet"),
    *("kind_of", "may_show_operand", "name_of", "operation_of", "reduced_axes", "runs_on_numbers"),
]


# Operations that passes and printers make.
RELU_TIES, RELU_STEP, ADD_PART = "relu_ties", "relu_step", "add_part"
VECTOR_MATRIX, MATRIX_VECTOR = "vector_matrix", "matrix_vector"


#: The statement of most rows: a universal function.
CALLED = ("{function}({operands}{out})",)
_REDUCED = "({0}, {axis}, None, {out_or_none}{keepdims})"
_ADD_TO = "add_to({0}, {1})"


def is_basic_index(index: object) -> bool:
    """Return whether an index is made of integers, slices and new axes."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        i is None
        or i is Ellipsis
        or (isinstance(i, slice | int | np.integer) and not isinstance(i, bool))
        for i in parts
    )


def is_contiguous(node: Node) -> bool:
    """Return whether a value lies in one piece, in C order."""
    kind = kind_of(node)
    if kind is Kind.VIEW and node.op == "reshape":
        return is_contiguous(node.args[0])
    return kind.owns_memory


def _is_simple_ufunc(node: Node) -> bool:
    f = node.function
    return isinstance(f, np.ufunc) and f.nout == 1 and f.signature is None and not node.params


def _is_alike(node: Node) -> bool:
    """Return whether a result and its operands are float64 arrays of one shape."""
    alike = all(x.shape == node.shape and x.dtype == node.dtype for x in node.args)
    return bool(alike and node.dtype == np.float64 and node.shape)


def _is_product(node: Node) -> bool:
    return node.dtype.kind in "fc" and all(x.dtype == node.dtype for x in node.args)


def _is_float(node: Node) -> bool:
    return node.dtype.kind == "f" and node.args[0].dtype == node.dtype


def _is_conversion(node: Node) -> bool:
    return bool(node.shape) and node.dtype.kind in "fiub" and node.args[0].dtype.kind in "fiub"


def _is_choice(node: Node) -> bool:
    x = node.args
    typed = all(y.dtype == node.dtype or (y.op == CONSTANT and not y.shape) for y in x[1:])
    return bool(typed and node.shape and x[0].dtype == bool)


def _has_axes(node: Node) -> bool:
    return bool(node.args[0].shape)


def _is_part(node: Node) -> bool:
    """Return whether an index takes a view of an array."""
    basic = len(node.args) == 1 and bool(node.shape) and is_basic_index(node.params["index"])
    return basic and _has_axes(node)


def _is_put_back(node: Node) -> bool:
    """Return whether zeros get an array at an index that takes each place once."""
    alone = len(node.args) == 1 and is_basic_index(node.params["index"])
    return alone and bool(node.shape) and node.dtype == node.args[0].dtype


def _is_joined(node: Node) -> bool:
    """Return whether arrays of one type are joined."""
    return all(x.shape and x.dtype == node.dtype for x in node.args)


def _is_rolled(node: Node) -> bool:
    """Return whether elements are shifted along one axis."""
    return bool(node.shape) and type(node.params["axis"]) is type(node.params["shift"]) is int


def _ufunc(name: str, **columns: object) -> Operation:
    columns = {"numpy": CALLED, **columns}
    return Operation(name, Kind.ELEMENTWISE, _is_simple_ufunc, **columns)  # type: ignore[arg-type]


def _arithmetic(name: str, text: str, **columns: object) -> Operation:
    texts = {"operator": text, "python": text, "numba": text, "complex": text}
    return _ufunc(name, **{**texts, **columns})


def _function(name: str, numba: str = "", **columns: object) -> Operation:
    """Return the row of a slow function, of one argument unless its text says otherwise."""
    return _ufunc(name, numba=numba or f"np.{name}({{0}})", slow=True, **columns)


def _compared(name: str, text: str, **columns: object) -> Operation:
    return _ufunc(name, **{"python": text, "numba": text, "takes": Takes.COMPARED, **columns})


def _extremum(name: str, text: str, **columns: object) -> Operation:
    # Of these NumPy wants the result by keyword.
    return _ufunc(name, numpy=("{function}({operands}{named_out})",), numba=text, **columns)


def _reduction(name: str, *numpy: str, **columns: object) -> Operation:
    columns = {"combine": _ADD_TO, "numba": "{0}", **columns}
    return Operation(name, Kind.REDUCTION, numpy=numpy, **columns)  # type: ignore[arg-type]


def _view(name: str, fits: Callable[[Node], bool], *numpy: str, **columns: object) -> Operation:
    return Operation(name, Kind.VIEW, fits, numpy, calm=True, **columns)  # type: ignore[arg-type]


def _call(name: str, **columns: object) -> Operation:
    return Operation(name, Kind.CALL, **columns)  # type: ignore[arg-type]


_INTEGERS, _LOGICAL, _MASKS = Takes.INTEGERS, Takes.LOGICAL, Takes.MASKS
_ROWS = (
    Operation(INPUT, Kind.LEAF),
    Operation(CONSTANT, Kind.LEAF),
    _call(LOOP),
    _call(PICK),
    # Arithmetic.
    _arithmetic("add", "{0} + {1}", takes=_INTEGERS, calm=True, commutes=True, broadcasts=True),
    _arithmetic("subtract", "{0} - {1}", takes=_INTEGERS, calm=True, broadcasts=True),
    _arithmetic(
        "multiply", "{0} * {1}", takes=_INTEGERS, calm=True, commutes=True, broadcasts=True
    ),
    # Numba and NumPy divide complex numbers in different ways: they part where one is huge.
    _arithmetic("divide", "{0} / {1}", complex="", broadcasts=True),
    _arithmetic("negative", "-{0}", takes=_INTEGERS, calm=True),
    _ufunc("positive", python="{0}", numba="{0}", takes=_INTEGERS, complex="{0}"),
    _ufunc("square", python="{0} * {0}", numba="{0} * {0}", complex="{0} * {0}", calm=True),
    _ufunc("reciprocal", python="1.0 / {0}", numba="1.0 / {0}"),
    _ufunc("absolute", python="abs({0})", numba="abs({0})", complex="abs({0})", calm=True),
    _ufunc("fabs", python="abs({0})", numba="abs({0})"),
    _ufunc("sqrt", math="sqrt", numba="math.sqrt({0})"),
    _ufunc(
        "sign",
        numba="select({0} > 0.0, 1.0, select({0} < 0.0, -1.0, select({0} == 0.0, 0.0, {0})))",
        calm=True,
    ),
    _ufunc("conjugate", numba="{0}", complex="np.conj({0})", calm=True),
    _call("real", numba="{0}", complex="{0}.real"),
    _call("imag", complex="{0}.imag"),
    _function("power", "np.power({0}, {1})", operator="{0} ** {1}", math="pow"),
    _function("float_power", "np.power({0}, {1})", math="pow"),
    # Comparisons and truth values.
    _compared("less", "{0} < {1}", operator="{0} < {1}", calm=True),
    _compared("less_equal", "{0} <= {1}"),
    _compared("greater", "{0} > {1}", operator="{0} > {1}", calm=True),
    _compared("greater_equal", "{0} >= {1}"),
    _compared("equal", "{0} == {1}", operator="{0} == {1}", complex="{0} == {1}", calm=True),
    _compared("not_equal", "{0} != {1}", operator="{0} != {1}", complex="{0} != {1}"),
    _compared("isnan", "{0} != {0}", complex="{0} != {0}"),
    _ufunc("isinf", numba="abs({0}) == np.inf", takes=Takes.COMPARED),
    _ufunc("isfinite", numba="abs({0}) < np.inf", takes=Takes.COMPARED),
    _ufunc("logical_not", python="not {0}", numba="not {0}", takes=_LOGICAL),
    _ufunc("logical_and", python="bool({0} and {1})", numba="{0} & {1}", takes=_LOGICAL),
    _ufunc("logical_or", python="bool({0} or {1})", numba="{0} | {1}", takes=_LOGICAL),
    _ufunc("logical_xor", numba="{0} != {1}", takes=_LOGICAL),
    _ufunc("bitwise_and", numba="{0} & {1}", takes=_MASKS),
    _ufunc("bitwise_or", numba="{0} | {1}", takes=_MASKS),
    _ufunc("bitwise_xor", numba="{0} != {1}", takes=_MASKS),
    _ufunc("invert", numba="not {0}", takes=_MASKS),
    # Choices. NaN is passed on, as NumPy does.
    _extremum(
        "maximum",
        "select(({0} >= {1}) | ({0} != {0}), {0}, {1})",
        python="{0} if {0} >= {1} or {0} != {0} else {1}",
        calm=True,
        broadcasts=True,
    ),
    _extremum(
        "minimum",
        "select(({0} <= {1}) | ({0} != {0}), {0}, {1})",
        python="{0} if {0} <= {1} or {0} != {0} else {1}",
        calm=True,
        broadcasts=True,
    ),
    _ufunc("fmax", numba="select(({0} >= {1}) | ({1} != {1}), {0}, {1})"),
    _ufunc("fmin", numba="select(({0} <= {1}) | ({1} != {1}), {0}, {1})"),
    Operation(
        "where",
        Kind.ELEMENTWISE,
        _is_choice,
        # Written over what is there already, if that can be.
        ("np.copyto({out_over_last}, {1}, where={0})", "where_into({0}, {1}, {2}, {to})"),
        function="np.where",
        helpers=(printed.WHERE_INTO,),
        fills=True,
        keeps=True,
        python="{1} if {0} else {2}",
        numba="select({0}, {1}, {2})",
        takes=Takes.CHOICE,
        complex="select({0}, {1}, {2})",
        calm=True,
    ),
    # Rectifiers, and products that ignore what is lost.
    _call("relu", numba="select(({0} >= 0.0) | ({0} != {0}), {0}, 0.0)"),
    Operation(
        RELU_TIES,
        Kind.REDUCTION,
        numpy=("relu_ties({0}, {vector0}, {mask})",),
        helpers=(printed.RELU_NAMES, printed.RELU_TIES),
        tiles=False,
        calm=True,
    ),
    Operation(
        "relu_vjp",
        Kind.ELEMENTWISE,
        _is_alike,
        ("relu_vjp_into({0}, {1}, {to}, {mask})",),
        helpers=(printed.RELU_NAMES, printed.RELU_VJP_INTO),
        fills=True,
        python="{0} if {1} > 0.0 or {1} != {1} else 0.5 * {0} if {1} == 0.0 else 0.0 * {0}",
        numba="{0} * select({1} < 0.0, 0.0, select({1} == 0.0, 0.5, 1.0))",
        calm=True,
    ),
    Operation(
        RELU_STEP,
        Kind.ELEMENTWISE,
        numpy=("relu_step({0}, {1}, {2}, {step}, {to})",),
        helpers=(printed.RELU_STEP,),
        fills=True,
        # Ties are those of whole arrays.
        tiles=False,
        calm=True,
    ),
    Operation(
        "multiply_no_nan",
        Kind.ELEMENTWISE,
        lambda node: (node.args[1].shape, node.args[1].dtype) == (node.shape, node.dtype),
        ("multiply_no_nan_into({0}, {1}, {to})",),
        operator="multiply_no_nan_into({0}, {1})",
        helpers=(printed.MULTIPLY_NO_NAN_INTO,),
        fills=True,
        keeps=True,
        # Plain Python raises too; what Numba compiles cannot, and NaN is looked for in its results.
        python="{0} / {0} if {1} != {1} and {0} == 0.0 else {1}",
        numba="{1}",
        complex="{1}",
        calm=True,
    ),
    # Functions: the names in texts for Numba are those of autodiff.plan.to_numba.math.
    _function("exp", "exp({0})", complex="np.exp({0})", math="exp", calm=True),
    _function("expm1", "expm1({0})", math="expm1"),
    _function("exp2", math="exp2"),
    _function("log", "log({0})", math="log"),
    _function("log1p", "log1p({0})", math="log1p"),
    _function("log2", math="log2"),
    _function("log10", math="log10"),
    _function("cbrt", math="cbrt"),
    _function("hypot", "np.hypot({0}, {1})", math="hypot"),
    _function("logaddexp", "log_of_sum({0}, {1})"),
    _function("sin", "sin({0})", far="math.sin({0})", math="sin", calm=True),
    _function("cos", "cos({0})", far="math.cos({0})", math="cos", calm=True),
    _function("tan", "sin({0}) / cos({0})", far="math.tan({0})", math="tan"),
    _function("arcsin", math="asin"),
    _function("arccos", math="acos"),
    _function("arctan", math="atan"),
    _function("arctan2", "np.arctan2({0}, {1})", math="atan2"),
    _function("sinh", math="sinh"),
    _function("cosh", math="cosh"),
    _function("tanh", "tanh({0})", math="tanh", calm=True),
    _function("arcsinh", math="asinh"),
    _function("arccosh", math="acosh"),
    _function("arctanh", math="atanh"),
    _function("floor"),
    _function("ceil"),
    _function("trunc"),
    _function("rint"),
    _function("copysign", "np.copysign({0}, {1})", math="copysign"),
    _function("erf", "math.erf({0})", math="erf", calm=True),
    _ufunc("degrees", math="degrees"),
    _ufunc("rad2deg", math="degrees"),
    _ufunc("radians", math="radians"),
    _ufunc("deg2rad", math="radians"),
    _call("sigmoid", numba="sigmoid({0})", slow=True),
    _call("root", numba="math.sqrt({0})"),
    # Copies and conversions.
    *(
        Operation(
            name,
            Kind.ELEMENTWISE,
            _is_conversion,
            ('np.copyto({to}, {0}, casting="unsafe")',),
            fills=True,
            numba="{0}",
            takes=Takes.CONVERTED,
            complex="{0}",
        )
        for name in ("cast", "astype")
    ),
    _call("copy", numba="{0}", takes=Takes.CONVERTED, complex="{0}"),
    _call("flat_copy", numba="{0}", takes=Takes.CONVERTED, complex="{0}"),
    # Reductions.
    _reduction(
        "sum",
        "np.add.reduce({all})",
        f"np.add.reduce{_REDUCED}",
        share="np.add.reduce({0}, {axis})",
        python="{0}",
        complex="{0}",
        calm=True,
    ),
    _reduction(
        "max",
        "np.maximum.reduce({all})",
        f"np.maximum.reduce{_REDUCED}",
        fits=_is_float,
        start="-np.inf",
        combine="select(({1} > {0}) | ({1} != {1}), {1}, {0})",
    ),
    _reduction(
        "min",
        "np.minimum.reduce({all})",
        f"np.minimum.reduce{_REDUCED}",
        fits=_is_float,
        start="np.inf",
        combine="select(({1} < {0}) | ({1} != {1}), {1}, {0})",
    ),
    _reduction(
        "column_sums",
        "{ones}.dot({0}{out})",
        share="np.add.reduce({0}, {axis})",
        axis=0,
        calm=True,
    ),
    _reduction(
        "rowwise_dot",
        'np.einsum("...i,...i->...", {0}, {1}{named_out})',
        axis=-1,
        numba="{0} * {1}",
    ),
    _reduction(
        "vdot",
        "{flat0}.dot({flat1})",
        "np.vdot({0}, {1})",
        share="{vector0}.dot({vector1})",
        python="{0} * {1}",
        numba="{0} * {1}",
        calm=True,
    ),
    Operation(
        "matmul",
        Kind.REDUCTION,
        _is_product,
        ("{0}{dot}({1}{out})", "np.matmul({0}, {1}{out})"),
        operator="{0} @ {1}",
        share="np.matmul({0}, {1})",
        calm=True,
    ),
    # Two copies: np.roll finds out about axes each time, 20 times as long for a few elements.
    Operation(
        "roll",
        Kind.REDUCTION,
        _is_rolled,
        (
            "{to}[{rolled_to}], {to}[{kept_to}] = {0}[{rolled}], {0}[{kept}]",
            "np.roll({0}, {shift}, {axis})",
        ),
        function="np.roll",
        tiles=False,
        calm=True,
    ),
    Operation(
        "scatter",
        Kind.REDUCTION,
        _is_put_back,
        ("put_back_into({0}, {part}, {to})",),
        helpers=(printed.PUT_BACK_INTO,),
        fills=True,
        tiles=False,
        numba="{0}",
        combine=_ADD_TO,
        complex="{0}",
        own=True,
        calm=True,
    ),
    Operation(
        ADD_PART,
        Kind.REDUCTION,
        numpy=(
            "np.add({part_over_last}, {0}, {part_over_last})",
            "add_part_into({0}, {1}, {part}, {to})",
        ),
        helpers=(printed.ADD_PART_INTO,),
        fills=True,
        keeps=True,
        tiles=False,
        calm=True,
    ),
    Operation(
        "concatenate",
        Kind.REDUCTION,
        _is_joined,
        ("np.concatenate(({names},), {axis}, {to})",),
        fills=True,
        tiles=False,
        own=True,
        calm=True,
    ),
    _call("assemble", own=True),
    _call(VECTOR_MATRIX, numba="{0} * {1}", combine=_ADD_TO, complex="{0} * {1}"),
    _call(MATRIX_VECTOR, numba="{0} * {1}", combine=_ADD_TO, complex="{0} * {1}"),
    # Views.
    _view(
        "transpose",
        lambda node: True,
        "{0}{reversed}",
        "{0}.transpose{axes}",
        function="np.transpose",
        python="{0}",
    ),
    _view(
        "reshape",
        lambda node: is_contiguous(node.args[0]),
        "{0}.reshape({shape})",
        function="np.reshape",
        python="{0}",
    ),
    _view(
        "broadcast_to",
        _has_axes,
        "np.broadcast_to({0}, {shape})",
        function="np.broadcast_to",
        python="{0}",
    ),
    _view("getitem", _is_part, "{0}[{index}]"),
    # Calls.
    _call("flip", function="np.flip"),
    _call("cumsum", function="np.cumsum"),
    _call("cumprod", function="np.cumprod"),
    _call("inv", function="np.linalg.inv", matrix="inverted"),
    _call("det", function="np.linalg.det", matrix="determinant"),
    _call("cholesky", function="np.linalg.cholesky", matrix="factorised"),
    _call("solve", matrix="solved"),
    _call("cofactors", matrix="cofactors"),
    _call("solve_triangular", matrix="triangular"),
)
#: Every operation by name.
OPERATIONS = {row.name: row for row in _ROWS}
_UNLISTED = _ufunc("")
#: What statements of plans need above them, in the order in which it is printed.
HELPERS = sorted(
    dict.fromkeys(text for row in _ROWS for text in row.helpers),
    key=lambda text: text.startswith("def "),
)


def fields_of(text: str) -> set[str]:
    """Return the fields of a text."""
    return set(re.findall(r"\{(\w+)\}", text))


def name_of(primitive: Primitive) -> str:
    """Return the name of the operation that a primitive is in programs.

    A user's own function may have the name of an operation: that is another one.
    """
    function, name = primitive.function, primitive.name
    if isinstance(function, np.ufunc):
        return function.__name__
    return name if PRIMITIVES.get(name) is primitive else f"custom {name}"


def runs_on_numbers(primitive: Primitive | None) -> bool:
    """Return whether a primitive takes numbers to a number, in plain Python too."""
    row = None if primitive is None else OPERATIONS.get(name_of(primitive))
    return row is not None and row.kind is Kind.ELEMENTWISE and row.has_numbers


def operation_of(node: Node) -> Operation:
    """Return the row of the operation of a node."""
    return OPERATIONS.get(node.op, _UNLISTED)


def kind_of(node: Node) -> Kind:
    """Return the kind of the operation of a node."""
    kind: Kind | None = node.kind
    if kind is None:
        row = OPERATIONS.get(node.op, _UNLISTED)
        kind = node.kind = row.kind if row.fits(node) else Kind.CALL
    return kind


def may_show_operand(node: Node) -> bool:
    """Return whether a result may lie in memory of an operand that the plan does not know of."""
    if kind_of(node) is not Kind.CALL or operation_of(node).own:
        return False
    # An element is a number; with an ellipsis it is an array without axes.
    return node.op != "getitem" or bool(node.shape) or not _takes_integers(node.params["index"])


def _takes_integers(index: object) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return is_basic_index(index) and not any(i is None or i is Ellipsis for i in parts)


def reduced_axes(node: Node) -> set[int]:
    """Return the axes of its operands that a reduction goes along."""
    ndim = len(node.args[0].shape)
    row = operation_of(node)
    axis = node.params.get("axis") if row.axis is None else row.axis
    if axis is None:
        return set(range(ndim))
    # NumPy takes axes 0 and -1 of an array of shape (), too.
    return {i % ndim for i in ((axis,) if isinstance(axis, int) else axis)} if ndim else set()


def is_quiet(program: Program) -> bool:
    """Return whether a backward pass may divide by zero, which is no concern of the user's."""
    return any(node.rule and not operation_of(node).calm for node in program.nodes)
