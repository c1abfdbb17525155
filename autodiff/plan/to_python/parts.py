"""Long straight-line code in parts: functions that hand each other the values that cross.

CPython takes 6 s and a gigabyte for one function of 10⁵ statements.
"""

import re
from collections.abc import Sequence

__all__ = ["LONGEST", "WHOLE", "in_parts"]

#: Lines of each of several functions, and of one that is not taken apart.
LONGEST, WHOLE = 2000, 8000
_NAME = re.compile(r"(?<![\w.\"])[A-Za-z_]\w*")
_ASSIGNED = re.compile(r"(\w+(?:, \w+)*),? = ")


def in_parts(lines: Sequence[str], ending: str, parameters: Sequence[str]) -> list[str]:
    r"""Return the lines of functions, the last of which is ``run``.

    Examples
    --------
    >>> print("\n".join(in_parts(["y = x + x"], "return y", ["x"])))
    <BLANKLINE>
    def run(x):
        y = x + x
        return y
    """
    head = ["", f"def run({', '.join(parameters)}):"]
    if len(lines) <= WHOLE:
        return [*head, *(f"    {line}" for line in (*lines, ending))]
    parts = _split(lines)
    written = [_assigned(part) for part in parts]
    born = {name: number for number, names in enumerate(written) for name in names}
    born |= dict.fromkeys(parameters, -1)
    used = [born.keys() & _NAME.findall("\n".join(part)) for part in (*parts, [ending])]
    crossing: dict[str, int] = {}
    for number, names in enumerate(used):
        for name in sorted(names):
            if born[name] < number:
                crossing.setdefault(name, len(crossing))
    result: list[str] = []
    for number, part in enumerate(parts):
        taken = sorted(
            (name for name in used[number] if name in crossing and born[name] < number),
            key=crossing.__getitem__,
        )
        left = [name for name in written[number] if name in crossing]
        result += ["", f"def part_{number}(memory):"]
        result += [f"    {name} = memory[{crossing[name]}]" for name in taken]
        result += [f"    {line}" for line in part]
        result += [f"    memory[{crossing[name]}] = {name}" for name in left]
        result += [""]
    result += head
    result.append(f"    memory = [None] * {len(crossing)}")
    result += [f"    memory[{crossing[x]}] = {x}" for x in parameters if x in crossing]
    decides = [any(line.endswith("return changed") for line in part) for part in parts]
    for number, may_change in enumerate(decides):
        if may_change:
            result += [f"    if part_{number}(memory) is changed:", "        return changed"]
        else:
            result.append(f"    part_{number}(memory)")
    last = sorted(name for name in used[-1] if name in crossing)
    result += [f"    {name} = memory[{crossing[name]}]" for name in last if name not in parameters]
    result.append(f"    {ending}")
    return result


def _split(lines: Sequence[str]) -> list[list[str]]:
    """Return the lines in parts that end before a line that is not indented."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if len(parts[-1]) >= LONGEST and not line.startswith(" "):
            parts.append([])
        parts[-1].append(line)
    return parts


def _assigned(part: Sequence[str]) -> list[str]:
    """Return the names that lines assign, apart from what loops do within themselves."""
    found = [_ASSIGNED.match(line) for line in part]
    names = (match[1].split(", ") for match in found if match)
    return list(dict.fromkeys(name for several in names for name in several))
