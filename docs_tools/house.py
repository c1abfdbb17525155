"""The state of the house: ``python -m docs_tools.house``, in CI.

It counts circles of imports, deferred ones and those for type checkers included, loose modules at
the top of each package, and lines of each file, and fails where one is over its limit. Which room
may import which is said by the contracts in ``pyproject.toml``.
"""

import ast
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("symdiff", "autodiff", "compare")
MOST_LOOSE = 8
MOST_LINES = 599


def modules(root: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, Path]:
    """Return the files of packages by the names of their modules."""
    found = {}
    for package in packages:
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(name: str, file: Path, known: Mapping[str, Path]) -> set[str]:
    """Return the known modules that a module imports anywhere in its text."""
    wanted = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            full = {f"{base}.{alias.name}" for alias in node.names}
            wanted |= {x if x in known else base for x in full}
    return {x for x in wanted if x in known and x != name}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, in one step or in several."""
    below = {name: _reached(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in below[name] if name in below[other]))
        for name in graph
        if name in below[name]
    }
    return [list(group) for group in sorted(groups)]


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Return the modules that one imports, directly or through others."""
    found: set[str] = set()
    rest = [*graph[start]]
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            rest += graph[name]
    return found


def report(root: Path, packages: tuple[str, ...] = PACKAGES) -> tuple[list[str], list[str]]:
    """Return the lines to print about a tree, and what is wrong with it."""
    lines, wrong = [], []
    for package in packages:
        files = modules(root, (package,))
        loops = circles({name: imports(name, file, files) for name, file in files.items()})
        loose = [f for f in (root / package).glob("*.py") if not f.name.startswith("__")]
        lengths = {f: len(f.read_text(encoding="utf-8").splitlines()) for f in files.values()}
        lines.append(
            f"{package}: {len(files)} modules, {sum(lengths.values()):,} lines, "
            f"{len(loops)} circles, {len(loose)} loose modules, "
            f"longest {max(lengths.values())} lines"
        )
        wrong += [f"{package}: a circle of imports: {', '.join(loop)}" for loop in loops]
        if len(loose) > MOST_LOOSE:
            wrong.append(f"{package}: {len(loose)} loose modules, at most {MOST_LOOSE}")
        wrong += [
            f"{file.relative_to(root)}: {length} lines, at most {MOST_LINES}"
            for file, length in lengths.items()
            if length > MOST_LINES
        ]
    return lines, wrong


def main() -> int:
    """Print the state of the house; return 1 where a limit is broken."""
    lines, wrong = report(Path(__file__).parents[1])
    print("\n".join([*lines, *wrong]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
