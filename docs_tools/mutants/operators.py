"""Kinds of mistakes beside those of cosmic-ray, in the same form, on trees of parso.

An operator yields the places where it applies to a node, and changes the node at one of them.
"""

from collections.abc import Iterator
from typing import Any

__all__ = ["OWN", "Place"]

Place = tuple[tuple[int, int], tuple[int, int]]

#: What is returned instead, by the type that a function says it returns.
_INSTEAD = {"bool": "not ({})", "int": "({}) + 1", "float": "-({})", "str": '""', "list": "[]"}
#: Statements that are not removed: without them the module does not even begin to run.
_KEPT = ("import_name", "import_from", "return_stmt", "string", "strings")


def _replaced(node: Any, text: str) -> Any:
    """Return a node of other text where an old one stands, with the same space before it."""
    import parso

    new: Any = parso.parse(text).children[0]  # type: ignore[no-untyped-call]
    new.get_first_leaf().prefix = node.get_first_leaf().prefix
    return new


class RemoveStatement:
    """A statement becomes ``pass``; that which first gives a name its value stays."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Yield the place of a simple statement."""
        if node.type == "simple_stmt" and self._matters(node.children[0]):
            yield node.start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return ``pass`` and what ended the line."""
        node.children[0] = _replaced(node.children[0], "pass")
        return node

    @staticmethod
    def _matters(statement: Any) -> bool:
        if statement.type in _KEPT or getattr(statement, "value", "") in ("pass", "..."):
            return False
        if statement.type != "expr_stmt":
            return True
        names = statement.get_defined_names()
        leaf, known = statement.get_first_leaf().get_previous_leaf(), set()
        while leaf is not None and getattr(leaf, "value", "") != "def":
            known.add(getattr(leaf, "value", ""))
            leaf = leaf.get_previous_leaf()
        return bool(names) and all(name.value in known for name in names)


class ReplaceReturned:
    """Another value is returned: by the annotation of the function, else None."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Yield the place of a value that is returned."""
        if node.type == "return_stmt" and node.children[1].get_code().strip() != "None":
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the statement with another value."""
        function = node.search_ancestor("funcdef")
        kind = function.annotation.get_code().strip() if function.annotation else ""
        value = node.children[1]
        text = _INSTEAD.get(kind.partition("[")[0], "None").format(value.get_code().strip())
        node.children[1] = _replaced(value, text)
        return node


class DropKeyword:
    """An argument that is given by name is not given."""

    def mutation_positions(self, node: Any) -> Iterator[Place]:
        """Yield the places of the arguments by name of a call."""
        for argument in self._named(node):
            yield argument.start_pos, argument.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Return the call without an argument and its comma."""
        argument = self._named(node)[index]
        siblings = argument.parent.children
        place = siblings.index(argument)
        if argument.parent is node:
            del siblings[place]
        else:
            first = place if place + 1 < len(siblings) else place - 1
            del siblings[first : first + 2]
        return node

    @staticmethod
    def _named(node: Any) -> list[Any]:
        if node.type != "trailer" or node.children[0].value != "(":
            return []
        inner = node.children[1]
        given = inner.children if inner.type == "arglist" else [inner]
        return [x for x in given if x.type == "argument" and x.children[1] == "="]


#: By name: as cosmic-ray has its own.
OWN: dict[str, Any] = {
    kind.__name__: kind for kind in (RemoveStatement, ReplaceReturned, DropKeyword)
}
