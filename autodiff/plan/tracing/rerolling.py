"""Loop rerolling: steps of a trace that repeat become a loop.

The steps get codes: the operation, how far back each operand lies if it is near, and the decisions
that were made. Where the codes repeat with a period, one iteration is kept: near operands are
values of the iteration or come from the one before, far ones must be the same for all or become a
list. All of it takes time linear in the number of steps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor
from autodiff.plan.operations import runs_on_numbers
from autodiff.plan.tracing.loop import Carry, Listed, Loop, placeholder

__all__ = ["SHORTEST", "reroll"]

#: Steps from which a loop is worth it: straight-line code is faster, and up to here short to build.
SHORTEST = 2000
_LONGEST_BODY = 1500
_NEAR = 4096
_WINDOW = 48
_FEWEST = 4
#: Uses of a value from which it is rather one for all iterations than of one of them.
_MANY = 24
#: Iterations ago from which a value comes at most: each takes a variable.
_FURTHEST = 16
#: How often a run is cut at what is used after it.
_ATTEMPTS = 50
_ABSENT = np.iinfo(np.int64).min
#: Operands of a step at most.
_SLOTS = 3
_VALUES = (np.float64, np.bool_)
_NUMBERS = (float, int, bool, np.float64, np.bool_, np.int64)


def reroll(tape: Tape, nodes: Sequence[Tensor], kept: Sequence[Any]) -> list[Any]:
    """Return the nodes of a trace with loops in place of steps that repeat."""
    if len([x for x in nodes if type(x.value) in _VALUES]) < SHORTEST:
        return list(nodes)
    steps = _Steps(tape, nodes, kept)
    rerolled: list[Any] = []
    done = 0
    for start, period, count in steps.runs():
        rerolled += nodes[done:start]
        rerolled.append(steps.loop(start, period, count))
        done = start + period * count
    if done:
        rerolled += nodes[done:]
        tape.guards[:] = [guard for guard in tape.guards if id(guard[0]) not in steps.dropped]
        return rerolled
    return list(nodes)


class _Steps:
    """The steps of a trace as numbers."""

    def __init__(self, tape: Tape, nodes: Sequence[Tensor], kept: Sequence[Any]) -> None:
        self.tape, self.nodes = tape, nodes
        self.dropped: set[int] = set()
        position = {id(x): i for i, x in enumerate(nodes)}
        self.position = position
        self._guards: dict[int, list[tuple[str, Any]]] = {}
        for x, what, outcome in tape.guards:
            if id(x) in position:
                self._guards.setdefault(position[id(x)], []).append((what, outcome))
        self._encode()
        self._kept = np.array(
            sorted({position[id(x)] for x in kept if id(x) in position}), dtype=np.int64
        )

    def _encode(self) -> None:
        """Find the code of each step, and the places of its operands.

        Operands from outside have a negative place of their own.
        """
        nodes, position = self.nodes, self.position
        total = len(nodes)
        operands = [x.operands for x in nodes]
        names, first, which = np.unique(
            np.array([id(x.primitive) for x in nodes]), return_index=True, return_inverse=True
        )
        plain = np.array([runs_on_numbers(nodes[i].primitive) for i in first])[which]
        plain &= [x.params is None and type(x.value) in _VALUES for x in nodes]
        counts = np.array([len(xs) for xs in operands])
        plain &= counts <= _SLOTS
        self._places = []
        for slot in range(min(max(counts.max(), 1), _SLOTS)):
            if counts.min() > slot:
                ids = [id(xs[slot]) for xs in operands]
            else:
                ids = [id(xs[slot]) if len(xs) > slot else 0 for xs in operands]
            self._places.append(np.array([position.get(key, -key) for key in ids], dtype=np.int64))
            outside, where = np.unique(self._places[-1], return_index=True)
            where = where[outside < 0]
            others = [-id(x) for x in (operands[i][slot] for i in where) if not _is_number(x)]
            if others:
                plain &= ~np.isin(self._places[-1], others)
            self._places[-1][counts <= slot] = _ABSENT
        used = np.concatenate(self._places)
        self._many = np.bincount(used[used >= 0], minlength=total) > _MANY
        codes = which.astype(np.int64)
        at = np.arange(total)
        for places in self._places:
            distance = at - places
            near = (places >= 0) & (distance <= _NEAR) & ~self._many[np.maximum(places, 0)]
            # Absent, from outside, far, and near.
            kind = np.where(places == _ABSENT, 0, np.where(places < 0, 1, 2))
            codes = codes * (_NEAR + 4) + np.where(near, distance + 2, kind)
        table: dict[str, int] = {}
        for i, decisions in self._guards.items():
            codes[i] += (
                table.setdefault(str(decisions), 1 + len(table)) * (_NEAR + 4) ** 3 * len(names)
            )
            plain[i] &= all(what == "bool" for what, _ in decisions)
        codes[~plain] = -1 - at[~plain]
        self._codes = codes

    def runs(self) -> list[tuple[int, int, int]]:
        """Return where steps repeat: first step, steps of one iteration, and number of those."""
        octets, width = self._codes.tobytes(), self._codes.itemsize
        total = len(self._codes)
        found: list[tuple[int, int, int]] = []
        i, attempts = 0, _ATTEMPTS
        while i + SHORTEST <= total:
            window = octets[width * i : width * (i + _WINDOW)]
            end = width * (i + 1 + _LONGEST_BODY + _WINDOW)
            place = octets.find(window, width * (i + 1), end)
            while place >= 0 and place % width:
                place = octets.find(window, place + 1, end)
            if place < 0:
                i += 1
                continue
            period = place // width - i
            length = self._periodic(i, period)
            count, checked = length // period, 0
            while _worth(period, count):
                checked = self._checked(i, period, count)
                if checked == count:
                    break
                count = checked
            if _worth(period, count):
                found.append((i, period, count))
                i += period * count
            elif length < SHORTEST:
                i += 1
            elif attempts:
                # What is used later is in the way: past it.
                attempts -= 1
                i += period * (count + 1)
            else:
                i += max(1, length - _WINDOW - period)
        return found

    def _periodic(self, start: int, period: int) -> int:
        """Return for how many steps the codes repeat."""
        codes, width = self._codes, 1024
        while True:
            left = codes[start : start + width]
            right = codes[start + period : start + period + width]
            differing = np.flatnonzero(left[: len(right)] != right)
            if len(differing):
                return int(differing[0]) + period
            if len(right) < width:
                return len(right) + period
            width *= 4

    def _is_near(self, at: int, place: int) -> bool:
        """Return whether an operand is known by its distance."""
        return place >= 0 and at - place <= _NEAR and not self._many[place]

    def _checked(self, start: int, period: int, count: int) -> int:
        """Return how many iterations can be a loop, of which more are ruled out."""
        end = start + period * count
        lags: dict[int, int] = {}
        for places in self._places:
            rows = places[start:end].reshape(count, period)
            for q in range(period):
                first = int(rows[0, q])
                if first == _ABSENT:
                    continue
                if self._is_near(start + q, first):
                    lag, row = _lag(q, start + q - first, period)
                    if lag > _FURTHEST:
                        return 0
                    lags[row] = max(lag, lags.get(row, 0))
                    continue
                within = np.flatnonzero((rows[:, q] >= start) & (rows[:, q] < end))
                if len(within):
                    return int(within[0])
        later = [places[end:] for places in self._places]
        used = np.unique(np.concatenate([*later, self._kept]))
        used = used[(used >= start) & (used < end)]
        last = {
            start + (count - lag) * period + row
            for row, most in lags.items()
            for lag in range(1, most + 1)
        }
        for x in used:
            if int(x) not in last:
                return (int(x) - start) // period
        return count

    def loop(self, start: int, period: int, count: int) -> Loop:
        """Return the loop of a run."""
        nodes, tape = self.nodes, self.tape
        template = start + period * (count - 1)
        end = start + period * count
        body = [
            Tensor(x.value, tape, x.primitive, (), None)
            for x in nodes[template : template + period]
        ]
        carries: dict[tuple[int, int], Carry] = {}
        sequences: dict[Any, Listed] = {}

        def carried(row: int, lag: int) -> Tensor:
            if (row, lag) not in carries:
                following = body[row] if lag == 1 else carried(row, lag - 1)
                last = nodes[end - lag * period + row]
                inner = placeholder(tape, nodes[template - lag * period + row].value)
                first = nodes[start - lag * period + row]
                carries[row, lag] = Carry(inner, first, following, last)
            return carries[row, lag].inner

        def operand(places: Any, q: int) -> Any:
            first = int(places[start + q])
            if self._is_near(start + q, first):
                lag, row = _lag(q, start + q - first, period)
                return carried(row, lag) if lag else body[row]
            column = places[start + q : end : period]
            slot = next(i for i, each in enumerate(self._places) if each is places)
            if np.all(column == first):
                return nodes[start + q].operands[slot]
            key = column.tobytes()
            if key not in sequences:
                items = [x.operands[slot] for x in nodes[start + q : end : period]]
                if all(type(x) is not Tensor for x in items):
                    items = [float(x) for x in items]
                    if all(x == items[0] for x in items) and items[0] != 0.0:
                        return items[0]
                value = items[-1].value if type(items[-1]) is Tensor else np.float64(items[-1])
                sequences[key] = Listed(placeholder(tape, value), items)
            return sequences[key].inner

        guards = []
        for q, node in enumerate(body):
            count_operands = len(nodes[template + q].operands)
            node.operands = tuple([operand(p, q) for p in self._places[:count_operands]])
            guards += [(node, what, o) for what, o in self._guards.get(template + q, ())]
        for carry in carries.values():
            # It is what the loop gives now, and must not hold the steps that it came from.
            carry.last.operands = ()
        if guards:
            self.dropped |= {id(x) for x in nodes[start:end]}
        return Loop(tape, count, body, list(carries.values()), list(sequences.values()), guards)


def _lag(q: int, distance: int, period: int) -> tuple[int, int]:
    """Return from how many iterations ago an operand comes, and from which step."""
    lag = -((q - distance) // period)
    return lag, q - distance + lag * period


def _worth(period: int, count: int) -> bool:
    return count >= _FEWEST and period * count >= SHORTEST


def _is_number(x: Any) -> bool:
    """Return whether something from outside is a real number."""
    value = x.value if type(x) is Tensor else x
    return type(value) in _NUMBERS
