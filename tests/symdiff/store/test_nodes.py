"""The nodes of a graph: stored once, named, counted."""

from symdiff.store.nodes import ONE, NodeStore


def test_a_commutative_node_takes_other_arguments_once():
    store = NodeStore()
    x, y, z = store.symbols("x", (3,)).tolist()
    total = store.node("add", store.node("add", x, y), z)
    assert store.replace_args(total, (z, x, y))
    assert store.node("add", x, y, z) == total
    other = store.node("add", store.node("add", x, z), y)
    assert not store.replace_args(other, (x, y, z))


def test_symbols_are_named_by_their_place():
    store = NodeStore()
    names = [store.symbol_name(node) for node in store.symbols("w", (2, 2)).flat]
    assert names == ["w[0,0]", "w[0,1]", "w[1,0]", "w[1,1]"]
    assert store.symbol_name(int(store.symbols("x", ()))) == "x"


def test_uses_are_counted_with_the_roots():
    store = NodeStore()
    x = int(store.symbols("x", ()))
    y = store.node("mul", x, store.node("sin", x))
    order = store.reachable([y])
    assert ONE not in order
    assert [store.uses(order, [y])[node] for node in (x, y)] == [2, 1]


def test_conditions_are_known():
    store = NodeStore()
    x = int(store.symbols("x", ()))
    assert not store.is_condition(x)
    assert store.is_condition(store.node("gt", x, ONE))
    assert len(store.copy()) == len(store)
