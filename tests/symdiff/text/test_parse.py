"""Functions from text: what is a formula, and above all what is not."""

import contextlib
import inspect
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import sympy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy.parsing.sympy_parser import parse_expr

from symdiff import Unparsable, Untraceable, gradient, parse
from symdiff.text.parse import FUNCTIONS

TOUCH = "__import__('pathlib').Path({path!r}).touch()"

# Each of these runs code, exhausts memory or time, or means something else than it shows, in a
# parser that calls eval, in Python's own, or where a name is printed into source.
HOSTILE = {
    # run by sympify and parse_expr, diff(str) and Matrix([str])
    "import": TOUCH,
    "import in a sum": "x + " + TOUCH,
    "import in a call": f"exp({TOUCH})",
    "eval": f'eval("{TOUCH}")',
    "exec": f'exec("{TOUCH}")',
    "open": "open({path!r}, 'w')",
    "compile": "compile('1', '', 'eval')",
    "subclasses": "().__class__.__base__.__subclasses__()",
    "class of a number": "(1).__class__",
    "class of a name": "x.__class__",
    "globals of a function": "exp.__globals__",
    "globals": "globals()",
    "locals": "locals()",
    "getattr": "getattr(x, 'y')",
    "breakpoint": "breakpoint()",
    "input": "input()",
    "exit": "exit()",
    "type": "type('X', (), dict())",
    "lambda": f"(lambda: {TOUCH})()",
    "lambda without call": "lambda x: x",
    "list comprehension": f"[{TOUCH} for x in (1,)]",
    "generator": f"sum({TOUCH} for x in (1,))",
    "generator of a name": "sum(x for x in y)",
    "dict comprehension": "{{x: y for x in z}}",
    "walrus": f"(x := {TOUCH})",
    "conditional expression": f"x if {TOUCH} else y",
    "f-string": "f'{{x}}'",
    "string": "'x'",
    "string with prefix": "b'x' * 3",
    "triple quotes": '"""x"""',
    "string method": "'{{0.__class__}}'.format(x)",
    "starred": "max(*x)",
    "double starred": "max(**x)",
    "keyword argument": "exp(x=1)",
    "subscript": "x[0]",
    "slice": "x[1:2]",
    "index of a tuple": "(x, y)[0]",
    "attribute of a module": "np.exp(x)",
    "attribute of a load": "numpy.load(x)",
    "await": "await x",
    "yield": "(yield x)",
    "ellipsis": "...",
    "decorator": "@x",
    "statement": "import os",
    "two statements": f"x; {TOUCH}",
    "second line": f"x\n{TOUCH}",
    "assignment": "x = 1",
    "augmented assignment": "x += 1",
    "annotation": "x: int",
    "closing bracket": f"x) + ({TOUCH}",
    "closing bracket and call": "x)(y",
    "call of a call": "exp(x)(y)",
    "call of a number": "1(x)",
    "call of an operator": "(exp)(x)",
    "sympy function": "Symbol('x')",
    "sympy lambda": "Lambda(x, x)",
    "sympy integral": "Integral(x, x)",
    "assert": f"assert {TOUCH}",
    # bombs
    "power tower": "9**9**9",
    "power tower of a name": "x**9**9**9",
    "power tower in brackets": "((9**9)**9)**9",
    "power tower below one": "9**-9**9",
    "exponent": "x**100000000000",
    "product as exponent": "x**(1000*1000)",
    "factorial": "9999999!",
    "factorial by name": "factorial(9999999)",
    "shift": "1 << 999999999",
    "nested brackets": "(" * 100_000 + ")" * 100_000,
    "nested brackets, short": "(" * 150 + "x" + ")" * 150,
    "nested calls": "exp(" * 150 + "x" + ")" * 150,
    "signs": "-" * 9_000 + "x",
    "tower of names": "**".join(["x"] * 1_000),
    "long sum": "+".join(["x"] * 4_000),
    "long product in brackets": "(" + "*".join(["x"] * 1_400) + ")",
    "nested sums": "(" * 50 + "x" + ("+x" * 30 + ")") * 50,
    "long name": "x" * 5_000,
    "digits": "9" * 5_000,
    "digits in an exponent": "1e" + "9" * 5_000,
    "zeros": "0." + "0" * 3_000 + "1",
    "overflow": "1e400",
    "underflow": "1e-400",
    "integer that is no float": "9007199254740993",
    "division by zero": "1/0",
    "not a number": "0/0",
    "logarithm of zero": "log(0)",
    "complex power": "(-8)**0.5",
    # what is not what it shows
    "null byte": "x\0y",
    "surrogate": "x + \ud800",
    "surrogate pair": "\ud83d\ude00",
    "right to left": "x \u202e + y",
    "zero width": "x\u200by",
    "no-break space": "x\u00a0+ y",
    "Cyrillic letter": "\u0435 + 1",
    "fullwidth letters": "\uff45\uff58\uff50(x)",
    "fullwidth builtin": "\uff45\uff56\uff41\uff4c(x)",
    "bold letter": "\U0001d431",
    "ligature": "\ufb01",
    "superscript": "x\u00b2",
    "minus sign": "x \u2212 y",
    "multiplication sign": "x \u00d7 y",
    "Arabic digit": "\u0663 * x",
    "byte order mark": "\ufeffx",
    "form feed": "x\f+ y",
    "line continuation": "x \\\n + y",
    "comment": "x # + y",
    "dunder": "__builtins__",
    "private": "_x",
    "keyword": "None",
    "true": "True",
    "builtin": "id + 1",
    "function as a name": "exp + 1",
    "not a finite name": "nan",
    "infinite name": "inf * x",
    "hexadecimal": "0x10",
    "binary": "0b11",
    "underscore in a number": "1_000",
    "imaginary": "1j * x",
    "octal": "0777",
    "implicit product": "2x",
    "implicit product of names": "x y",
    "caret": "x^",
    "floor": "x // y",
    "remainder": "x % y",
    "chained comparison": "where(0 < x < 1, x, y)",
    "condition as a number": "(x > 0) + 1",
    "condition as the result": "x > 0",
    "number as a condition": "where(x, 1, 2)",
    "and": "where(x > 0 and y > 0, x, y)",
    "empty": "",
    "blank": " \t\n",
    "brackets only": "()",
    "tuple": "x, y",
    "tuple in brackets": "(x, y)",
    "trailing comma": "exp(x,)",
    "no argument": "exp()",
    "too many arguments": "exp(x, y)",
    "one argument": "max(x)",
    "open bracket": "exp(x",
    "wrong bracket": "exp(x]",
    "trailing operator": "x +",
    "leading operator": "* x",
    "two operators": "x * / y",
    "unknown function": "f(x)",
    "LaTeX": "\\input{{{path}}}",
    "dollars": "$x$; import os",
}


@pytest.mark.each("case", HOSTILE)
def test_hostile_text_is_refused_with_a_sentence(case, tmp_path):
    canary = tmp_path / "canary"
    text = HOSTILE[case]
    text = text.format(path=str(canary)) if "{" in text else text
    with pytest.raises(Unparsable) as caught:
        parse(text)
    assert not canary.exists()
    message = str(caught.value)
    assert message.startswith(f"column {caught.value.column}: ")
    assert 1 <= caught.value.column <= max(1, len(text))
    assert message.isascii()
    assert 20 < len(message) < 500
    assert "\n" not in message


def test_the_canary_sings_for_a_parser_that_calls_eval(tmp_path):
    runs = (
        sympy.sympify,
        parse_expr,
        lambda text: sympy.diff(text, sympy.Symbol("x")),
        lambda text: sympy.Matrix([text]),
    )
    for number, run in enumerate(runs):
        canary = tmp_path / str(number)
        text = TOUCH.format(path=str(canary))
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what SymPy does with the result is not the point
            run(text)
        assert canary.exists()
        with pytest.raises(Unparsable):
            parse(text)


HOSTILE_NAMES = (
    "x):\n    import os\ndef f(y",
    "x=__import__('os')",
    "x; import os",
    "x y",
    "x.y",
    "x[0]",
    "1x",
    "",
    "lambda",
    "None",
    "__class__",
    "_x",
    "print",
    "exp",
    "pi",
    "nan",
    "\uff58",
    "\u0445",
    "x\0",
    "x\n",
    "x" * 1_000,
)


@pytest.mark.each("name", HOSTILE_NAMES)
def test_hostile_names_are_refused(name):
    with pytest.raises(Unparsable, match=r"^arguments, position 1: "):
        parse("x + 1", ["x", name])


@pytest.mark.parametrize("name", [*HOSTILE_NAMES[:6], "lambda", "__debug__", "", "x\0", 1])
def test_no_name_that_is_no_identifier_reaches_source(name):
    with pytest.raises(ValueError, match="no Python identifier"):
        gradient(lambda **named: np.exp(named[name]), inputs={name: ()})


@pytest.mark.parametrize("name", ["\uff4e\uff50", "\uff45\uff58\uff50", "\U0001d431", "\ufb01"])
def test_no_name_that_python_reads_otherwise_reaches_source(name):
    with pytest.raises(ValueError, match="which Python reads as"):
        gradient(lambda **named: np.exp(named[name]), inputs={name: ()})


@pytest.mark.parametrize("name", ["np", "exp", "float", "__import__", "value_and_gradient", "v1"])
def test_a_name_that_source_uses_for_something_else_is_one_like_any_other(name):
    g = gradient(lambda **named: np.exp(2 * named[name]), inputs={name: ()})
    assert g(**{name: 0}) == {name: 2.0}


@pytest.mark.parametrize("text", [None, 1, b"x", ["x"], sympy.Symbol("x")])
def test_only_a_str_is_text(text):
    with pytest.raises(TypeError, match=f"a str, not {type(text).__name__}"):
        parse(text)


def test_a_subclass_of_str_is_read_as_it_is():
    class Liar(str):
        def __getitem__(self, index):
            return "y"

        def __len__(self):
            return 1

    assert parse(Liar("x + 2"))(1) == 3


def _parsed(text, arguments=None):
    """Return the function of a text, and why there is none; any other error ends the test."""
    try:
        return parse(text, arguments), ""
    except Unparsable as error:
        return (lambda: None), str(error)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
@example("{")
@example("x" + "\u0301")
def test_random_text_is_a_formula_or_unparsable(text):
    _, refusal = _parsed(text)
    assert refusal.isascii()


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="xy19.e+-*/@<>=!()[], \n_exp", max_size=30))
def test_random_pieces_of_formulas_are_one_or_unparsable(text):
    function, refusal = _parsed(text)
    assert refusal.isascii()
    assert all(name in text for name in inspect.signature(function).parameters)


_LEAVES = st.one_of(
    st.sampled_from(["x", "y", "pi"]),
    st.integers(0, 20).map(str),
    st.floats(0, 9, allow_subnormal=False).map(repr),
)


def _larger(inner):
    two = st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(" ".join)
    power = st.tuples(inner, st.sampled_from(["0", "1", "2", "3"])).map(
        lambda p: f"({p[0]})**{p[1]}"
    )
    sign = inner.map(lambda e: f"-{e}")
    bracket = inner.map(lambda e: f"({e})")
    call = st.tuples(st.sampled_from(["sin", "tanh", "abs"]), inner).map(
        lambda p: f"{p[0]}({p[1]})"
    )
    return st.one_of(two, power, sign, bracket, call)


@settings(max_examples=300, deadline=None)
@given(text=st.recursive(_LEAVES, _larger, max_leaves=12), x=st.floats(-3, 3), y=st.floats(-3, 3))
def test_a_formula_means_what_python_means(text, x, y):
    names = {"sin": np.sin, "tanh": np.tanh, "abs": abs, "pi": np.pi}
    x, y = np.float64(x), np.float64(y)
    function, refusal = _parsed(text, ["x", "y"])
    if refusal:
        assert "no finite number" in refusal
        return
    with np.errstate(all="ignore"):
        try:
            expected = eval(text, {"__builtins__": {}}, names | {"x": x, "y": y})
        except (ZeroDivisionError, OverflowError):
            return
        found = function(x, y)
    np.testing.assert_array_equal(found, float(expected))


EQUIVALENTS = {
    "2*(x*y + max(z, w))": (lambda x, y, z, w: 2 * (x * y + np.maximum(z, w)), (3, -4, 2, -1)),
    "(x + y)*z": (lambda x, y, z: (x + y) * z, (-2, 5, -4)),
    "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))": (
        lambda w0, x0, w1, x1, w2: 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2))),
        (2, -1, -3, -2, -3),
    ),
    "sigmoid(x)": (lambda x: 1 / (1 + np.exp(-x)), (0.3,)),
    "-x**2": (lambda x: -(x**2), (3,)),
    "2**x**y": (lambda x, y: 2.0**x**y, (2, 3)),
    "x - y - z": (lambda x, y, z: x - y - z, (1, 2, 4)),
    "x / y / z": (lambda x, y, z: x / y / z, (1, 2, 4)),
    "where(x >= y, x, where(y > 2, 1, 0))": (lambda x, y: x if x >= y else 1.0 * (y > 2), (1, 3)),
    "sin(pi*x) + log(x) - sqrt(x)": (lambda x: np.sin(np.pi * x) + np.log(x) - np.sqrt(x), (0.3,)),
    "min(x, y, 1) + abs(x) + atan2(x, y)": (
        lambda x, y: min(x, y, 1) + abs(x) + np.arctan2(x, y),
        (0.5, 2),
    ),
    "relu(x) + relu(-x) + softplus(0*x)": (lambda x: abs(x) + np.log(2), (-1.5,)),
}


@pytest.mark.each("text", EQUIVALENTS)
def test_equivalents(text, differences):
    function, point = EQUIVALENTS[text]
    parsed = parse(text)
    names = list(inspect.signature(parsed).parameters)
    assert parsed(*point) == pytest.approx(function(*point), rel=1e-15)
    assert parsed(**dict(zip(names, point, strict=True))) == parsed(*point)
    assert parsed.__doc__ == text
    named = dict(zip(names, map(float, point), strict=True))
    found = gradient(parsed, inputs=dict.fromkeys(names, ()))(**named)
    differences(parsed, found, named)


def test_arrays():
    f = parse("sum((X @ w - y)**2) + mean(transpose(X) * 2)")
    X, w, y = np.arange(6.0).reshape(2, 3), np.ones(3), np.array([1.0, 2])
    assert f(X=X, w=w, y=y) == np.sum((X @ w - y) ** 2) + np.mean(X.T * 2)
    found = gradient(f, wrt="w", X=(2, 3), w=(3,), y=(2,))(X=X, w=w, y=y)["w"]
    np.testing.assert_allclose(found, 2 * X.T @ (X @ w - y))
    np.testing.assert_array_equal(parse("2*x")(np.arange(3)), [0, 2, 4])


def test_arguments_as_given():
    f = parse("x - y", ["y", "x", "unused"])
    assert f(1, 2, 3) == 1
    with pytest.raises(Unparsable, match="'y' is none of the arguments x"):
        parse("x - y", ["x"])
    with pytest.raises(Unparsable, match="position 1: 'x' is there twice"):
        parse("x", ["x", "x"])
    for arguments in ("xy", [1]):
        with pytest.raises(TypeError, match="a list of names"):
            parse("x", arguments)
    with pytest.raises(TypeError, match="missing a required argument"):
        f(1)


@pytest.mark.each("name", FUNCTIONS)
def test_every_function_can_be_derived(name):
    fewest = FUNCTIONS[name][0]
    text = "where(x > y, x, y)" if name == "where" else f"{name}({', '.join('xyz'[:fewest])})"
    names = list(inspect.signature(parse(text)).parameters)
    assert gradient(parse(text), inputs=dict.fromkeys(names, ())).partials.keys() == set(names)


def test_the_longest_formula_is_quick_to_refuse_and_to_take():
    text = "+".join(["x"] * 1_000)
    assert parse(text)(1) == 1_000
    with pytest.raises(Unparsable, match="operators in a row"):
        parse("+".join(["x"] * 1_002))


def test_autodiff_takes_a_parsed_function():
    code = (
        "import autodiff, symdiff; f = symdiff.parse('(x + y)*z');"
        "print(*map(float, autodiff.grad(f, argnums=(0, 1, 2))(-2.0, 5.0, -4.0)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["-4.0", "-4.0", "3.0"]


def test_the_error_travels_between_processes():
    with pytest.raises(Unparsable) as caught:
        parse("x % 2")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.column) == (str(caught.value), 3)
    assert not isinstance(again, Untraceable)


ZEROS = ("0", "0e5", "0E-5", "0.0e400", "00.0", ".0e-400", "0.e0")
SMALL_AND_LARGE = ("5e-324", "3e-324", "1.", "1e+0", "9007199254740992", "1.7976931348623157e308")


def test_a_number_is_the_float_that_python_reads_or_none_at_all():
    for text in (*ZEROS, *SMALL_AND_LARGE):
        assert parse(f"x + {text}")(0.0) == float(text)
    for text in ("1e-400", "2e-324", "0.001e-322", "1e309", "17.9e307e1"):
        with pytest.raises(Unparsable, match=r"float64|no operator"):
            parse(f"x + {text}")
