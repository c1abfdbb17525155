"""The check of programs, with mistakes that are planted for it to find."""

import numpy as np
import pytest

import autodiff
from autodiff.plan import make
from autodiff.plan.check import check
from autodiff.plan.passes.builder import Builder
from autodiff.plan.passes.simplify import simplify
from autodiff.plan.program import INPUT, Node, Program
from autodiff.plan.to_numba.fusion import Fused, View
from autodiff.plan.to_numba.placement import check_fused
from autodiff.plan.to_numpy import tiling
from autodiff.plan.to_numpy.buffers import assign_buffers
from autodiff.plan.to_numpy.placement import check_placed

FLOAT = np.dtype(float)


def _input(*shape):
    return Node(INPUT, (), {}, shape, FLOAT)


def _program(build, *inputs):
    builder = Builder()
    outputs = build(builder, *inputs)
    return Program(list(inputs), outputs, [], builder.nodes)


def _chain(builder, x):
    y = builder.ufunc(np.exp, x)
    z = builder.ufunc(np.multiply, y, x)
    w = builder.ufunc(np.sin, z)
    return [builder.ufunc(np.add, w, y)]


def test_a_program_passes():
    program = _program(_chain, _input(3))
    assert check(program) is program


def test_an_operand_that_is_used_before_it_is_defined():
    program = _program(_chain, _input(3))
    program.nodes[0], program.nodes[1] = program.nodes[1], program.nodes[0]
    with pytest.raises(autodiff.PlanMismatch, match="before it is defined"):
        check(program)


def test_an_operation_that_is_missing():
    program = _program(_chain, _input(3))
    program.nodes.pop()
    with pytest.raises(autodiff.PlanMismatch, match="needed and not defined"):
        check(program)


def _made(op, args, params, shape, function=None, dtype=FLOAT):
    return Node(op, args, params, shape, dtype, function)


X, ROW, MATRIX = _input(3), _input(4), _input(3, 4)
MISTAKES = {
    "elementwise": _made("add", (MATRIX, ROW), {}, (4, 3), np.add),
    "sum": _made("sum", (MATRIX,), {"axis": (0,), "keepdims": False}, (3,), np.sum),
    "kept": _made("sum", (MATRIX,), {"axis": (0,), "keepdims": True}, (4,), np.sum),
    "column_sums": _made("column_sums", (MATRIX,), {}, (3,)),
    "rowwise_dot": _made("rowwise_dot", (MATRIX, MATRIX), {}, (4,)),
    "product": _made("matmul", (MATRIX, ROW), {}, (4,), np.matmul),
    "transpose": _made("transpose", (MATRIX,), {"axes": (1, 0)}, (3, 4), np.transpose),
    "reshape": _made("reshape", (MATRIX,), {}, (13,), np.reshape),
    "broadcast": _made("broadcast_to", (X,), {}, (3, 2), np.broadcast_to),
    "part": _made("getitem", (MATRIX,), {"index": (slice(1, 9), 0)}, (3,)),
    "a place that is not there": _made("getitem", (MATRIX,), {"index": (3,)}, (4,)),
    "type": _made("exp", (X,), {}, (3,), np.exp, np.dtype(np.float32)),
    "comparison": _made("less", (X, X), {}, (3,), np.less),
    "type of a view": _made("transpose", (X,), {"axes": (0,)}, (3,), None, np.dtype(bool)),
}


@pytest.mark.each("name", MISTAKES)
def test_a_shape_or_type_that_is_not_what_the_operation_gives(name):
    # `reshape` is a view of what lies in one piece.
    operand = _made("exp", (MATRIX,), {}, (3, 4), np.exp)
    node = MISTAKES[name]
    if name == "reshape":
        node = _made("reshape", (operand,), {}, (13,), np.reshape)
    program = Program([X, ROW, MATRIX], [node], [], [operand, node])
    with pytest.raises(autodiff.PlanMismatch, match=r"than its operation gives"):
        check(program)


def _placed(program):
    units = tiling.group(program)
    return units, assign_buffers(units, program)


def test_buffers_that_are_right_pass():
    program = _program(_chain, _input(3))
    check_placed(*_placed(program), program)


def test_a_buffer_that_is_given_away_too_early():
    program = _program(_chain, _input(3))
    units, memory = _placed(program)
    y, z, *_ = program.nodes
    memory.slots[id(z)] = memory.slots[id(y)]
    with pytest.raises(autodiff.PlanMismatch, match="after its buffer was given to"):
        check_placed(units, memory, program)


def test_an_operation_that_writes_over_what_it_reads_at_other_positions():
    x = _input(3, 3)
    y = _made("exp", (x,), {}, (3, 3), np.exp)
    turned = _made("transpose", (y,), {"axes": (1, 0)}, (3, 3), np.transpose)
    z = _made("multiply", (turned, x), {}, (3, 3), np.multiply)
    total = _made("sum", (z,), {"axis": (0, 1), "keepdims": False}, (), np.sum)
    program = Program([x], [total], [], [y, turned, z, total])
    units, memory = _placed(check(program))
    check_placed(units, memory, program)
    memory.slots[id(z)] = memory.slots[id(y)]
    with pytest.raises(autodiff.PlanMismatch, match="at other positions"):
        check_placed(units, memory, program)


def _block(monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 2)
    monkeypatch.setattr(tiling, "LARGE", 3)
    program = _program(_chain, _input(8))
    units, memory = _placed(program)
    check_placed(units, memory, program)
    return program, units, memory


def test_a_block_that_reads_other_rows_than_it_writes(monkeypatch):
    program, units, memory = _block(monkeypatch)
    (block,) = units
    last = block.nodes[-1]
    block.roles[id(last)] = block.roles[id(last)]._replace(cuts=(None, 0))
    with pytest.raises(autodiff.PlanMismatch, match="at other positions"):
        check_placed(units, memory, program)


def test_a_block_that_writes_over_what_it_reads(monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 2)
    monkeypatch.setattr(tiling, "LARGE", 3)
    x, ones = _input(8), _input(8, 8)
    before = _made("matmul", (ones, x), {}, (8,), np.matmul)
    y = _made("exp", (before,), {}, (8,), np.exp)
    z = _made("multiply", (y, before), {}, (8,), np.multiply)
    program = Program([x, ones], [z], [], [before, y, z])
    units, memory = _placed(check(program))
    memory.slots[id(y)] = memory.slots[id(before)]
    with pytest.raises(autodiff.PlanMismatch, match="written over by a block"):
        check_placed(units, memory, program)


def _fused():
    x = _input(3, 4)
    y = _made("exp", (x,), {}, (3, 4), np.exp)
    turned = _made("transpose", (y,), {"axes": (1, 0)}, (4, 3), np.transpose)
    z = _made("sin", (turned,), {}, (4, 3), np.sin)
    w = _made("cos", (z,), {}, (4, 3), np.cos)
    program = Program([x], [w], [], [y, turned, z, w])
    return Fused(check(program))


def test_loops_that_are_right_pass():
    check_fused(_fused(), {})


def test_a_view_outside_its_base():
    fused = _fused()
    (turned,) = (node for node in fused.steps[1].nodes[0].args)
    view = fused.seen(turned)
    fused._views[id(turned)] = View(view.root, view.shape, view.strides, 1)
    with pytest.raises(autodiff.PlanMismatch, match="not within"):
        check_fused(fused, {})


def test_a_loop_that_reads_at_other_positions_than_it_writes():
    fused = _fused()
    first, second = fused.steps
    fused._places.update({id(node): 0 for node in second.nodes})
    first.nodes += second.nodes
    fused.steps = [first]
    with pytest.raises(autodiff.PlanMismatch, match="at other positions"):
        check_fused(fused, {})


def test_a_loop_before_the_one_that_it_reads():
    fused = _fused()
    fused.steps.reverse()
    fused._places = {key: 1 - place for key, place in fused._places.items()}
    with pytest.raises(autodiff.PlanMismatch, match="before it is defined"):
        check_fused(fused, {})


def test_memory_of_loops_that_is_given_away_too_early():
    a = _input(3, 3)
    products = []
    left = a
    for _ in range(3):
        left = _made("matmul", (left, a), {}, (3, 3), np.matmul)
        products.append(left)
    total = _made("matmul", (products[0], products[2]), {}, (3, 3), np.matmul)
    fused = Fused(Program([a], [total], [], [*products, total]))
    stored = [step.nodes[-1] for step in fused.steps]
    offsets = {id(node): 64 * i for i, node in enumerate(stored)}
    check_fused(fused, offsets)
    offsets[id(stored[1])] = offsets[id(stored[0])]
    with pytest.raises(autodiff.PlanMismatch, match="after its memory was given to"):
        check_fused(fused, offsets)


def test_every_pass_is_checked(monkeypatch):
    seen = []
    monkeypatch.setattr(make, "check", seen.append)
    program = _program(_chain, _input(3))
    make.applied(program, [simplify, simplify, simplify])
    assert len(seen) == 3
    monkeypatch.setattr(make, "CHECK_EVERY_PASS", False)
    make.applied(program, [simplify, simplify, simplify])
    assert len(seen) == 4


def test_a_pass_that_breaks_a_program_is_found(monkeypatch):
    def loses(program):
        program.nodes.pop(0)
        return program

    monkeypatch.setattr(make, "NUMPY_PASSES", {False: (simplify, loses)})
    with pytest.raises(autodiff.PlanMismatch, match="before it is defined"):
        autodiff.compile(lambda x: np.sum(np.exp(x) * x))(np.ones(3))


def test_what_numba_leaves_alone_begins_again_from_the_trace(rng):
    def f(x, a, b):
        return np.sort(np.sort(np.linalg.inv(a)) @ np.linalg.inv(a.T)), x @ (a @ b)

    pytest.importorskip("numba")
    args = [rng.normal(size=shape) for shape in ((40,), (40, 40), (40, 30))]
    compiled = autodiff.compile(f, backend="numba")
    for found, expected in zip(compiled(*args), f(*args), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert compiled.plan(*args).backend == "numpy"
