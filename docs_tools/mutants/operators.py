"""Kinds of mistakes beside those of cosmic-ray, in the same form, on trees of parso."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["OWN", "Operator"]

#: What is returned instead, by the type that a function says it returns.
_INSTEAD = {"bool": "not ({})", "int": "({}) + 1", "float": "-({})", "str": '""', "list": "[]"}
#: Statements that are not removed: without them the module does not even begin to run.
_KEPT = ("import_name", "import_from", "return_stmt", "string", "strings")


@dataclass(frozen=True)
class Operator:
    """A kind of mistake: its places in a node, and the change of one where it stands."""

    find: Callable[[Any], Sequence[Any]]
    change: Callable[[Any], None]

    def mutation_positions(self, node: Any) -> list[Any]:
        """Return where it applies: the first and the last line and column of each place."""
        return [(x.start_pos, x.end_pos) for x in self.find(node)]

    def mutate(self, node: Any, index: int) -> Any:
        """Return the node with one mistake in it."""
        self.change(self.find(node)[index])
        return node


def _replace(node: Any, text: str) -> None:
    import parso

    new: Any = parso.parse(text).children[0]  # type: ignore[no-untyped-call]
    new.get_first_leaf().prefix = node.get_first_leaf().prefix
    siblings = node.parent.children
    siblings[siblings.index(node)] = new


def _statements(node: Any) -> Sequence[Any]:
    """Return a simple statement, unless it first gives a name its value."""
    statement = node.children[0] if node.type == "simple_stmt" else node
    if statement is node or statement.type in _KEPT or statement.get_code().strip() == "pass":
        return []
    names = statement.get_defined_names() if statement.type == "expr_stmt" else []
    leaf, known = statement.get_first_leaf().get_previous_leaf(), set()
    while leaf is not None and leaf.value != "def":
        known.add(leaf.value)
        leaf = leaf.get_previous_leaf()
    return [statement] if all(name.value in known for name in names) else []


def _returned(node: Any) -> Sequence[Any]:
    """Return the value that a statement returns."""
    return [x for x in node.children[1:] if x != "None"] if node.type == "return_stmt" else []


def _return_another(value: Any) -> None:
    annotation = value.search_ancestor("funcdef").annotation
    kind = annotation.get_code().strip().partition("[")[0] if annotation else ""
    _replace(value, _INSTEAD.get(kind, "None").format(value.get_code().strip()))


def _named(node: Any) -> Sequence[Any]:
    """Return the arguments of a call that are given by name."""
    if node.type != "trailer" or node.children[0] != "(":
        return []
    inner = node.children[1]
    given = inner.children if inner.type == "arglist" else [inner]
    return [x for x in given if x.type == "argument" and x.children[1] == "="]


def _drop(argument: Any) -> None:
    """Take an argument out of a call, with the comma after it or else the one before."""
    siblings = argument.parent.children
    place = siblings.index(argument)
    if argument.parent.type == "arglist":
        place -= place + 1 == len(siblings)
        del siblings[place]
    del siblings[place]


OWN = {
    "RemoveStatement": Operator(_statements, lambda statement: _replace(statement, "pass")),
    "ReplaceReturned": Operator(_returned, _return_another),
    "DropKeyword": Operator(_named, _drop),
}
