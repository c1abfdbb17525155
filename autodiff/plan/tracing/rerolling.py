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
from autodiff.plan.tracing.elements import signature, stacked, taken_first
from autodiff.plan.tracing.loop import Carry, Listed, Loop, Stacked, placeholder
from autodiff.rules.indexing import GETITEM
from autodiff.rules.joining import CONCATENATE
from autodiff.rules.shape import RESHAPE

__all__ = ["LONGEST_BODY", "SHORTEST", "reroll"]

#: Steps from which a loop is worth it: straight-line code is faster, and up to here short to build.
SHORTEST = 2000
#: The same where there are arrays among them, and the iterations.
SHORTEST_OF_ARRAYS = 128
_FEWEST_OF_ARRAYS = 1000  # fewer are quicker to run one by one: 64 layers of a network half
LONGEST_BODY = 1500
_NEAR = 4096
#: Iterations from which a value may come: each before the last takes a name more.
_LONGEST_LAG = 64
_WINDOW = 48
_FEWEST = 4
#: Uses of a value from which it is rather one for all iterations than of one of them.
_MANY = 24
#: How often a run is cut at what is used after it.
_ATTEMPTS = 50
_ABSENT = np.iinfo(np.int64).min
#: Operands of a step at most.
_SLOTS = 3
_VALUES = (np.float64, np.bool_)
_NUMBERS = (float, int, bool, np.float64, np.bool_, np.int64)


def reroll(tape: Tape, nodes: Sequence[Tensor], kept: Sequence[Any], arrays: bool) -> list[Any]:
    """Return the nodes of a trace with loops in place of steps that repeat, on arrays or not."""
    numbers = len([x for x in nodes if type(x.value) in _VALUES])
    few = not arrays or len(nodes) < SHORTEST_OF_ARRAYS or len(nodes) - numbers < _FEWEST_OF_ARRAYS
    if numbers < SHORTEST and few:
        return list(nodes)
    ordered, taken = taken_first(nodes, _MANY) if arrays else (list(nodes), set())
    steps = _Steps(tape, ordered, kept, taken, arrays)
    rerolled: list[Any] = []
    done = 0
    for start, period, count in steps.runs():
        rerolled += ordered[done:start]
        rerolled += steps.loop(start, period, count)
        done = start + period * count
    if done:
        rerolled += ordered[done:]
        _join(rerolled, steps.gathered)
        tape.guards[:] = [guard for guard in tape.guards if id(guard[0]) not in steps.dropped]
        return rerolled
    return list(nodes)


def _join(nodes: Sequence[Any], gathered: dict[int, tuple[Tensor, int]]) -> None:
    """Let what joins the values of successive iterations take them from the array that has all."""
    if not gathered:
        return
    for node in nodes:
        if type(node) is not Tensor or node.primitive is not CONCATENATE:
            continue
        parts = []
        for row in node.operands:
            if type(row) is not Tensor or row.primitive is not RESHAPE:
                break
            (x,) = row.operands
            if id(x) not in gathered or row.value.shape != (1, *x.value.shape):
                break
            parts.append(gathered[id(x)])
        if len(parts) < len(node.operands) or node.params != {"axis": 0}:
            continue
        source, first = parts[0]
        if all(s is source and i == first + k for k, (s, i) in enumerate(parts)):
            node.primitive, node.operands = GETITEM, (source,)
            node.params = {"index": slice(first, first + len(parts))}


class _Steps:
    """The steps of a trace as numbers."""

    def __init__(
        self,
        tape: Tape,
        nodes: Sequence[Tensor],
        kept: Sequence[Any],
        taken: set[int],
        arrays: bool,
    ) -> None:
        self.tape, self.nodes, self._taken, self._arrays = tape, nodes, taken, arrays
        #: By identity of a value of an iteration: what has those of all, and its place there.
        self.gathered: dict[int, tuple[Tensor, int]] = {}
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
        self._many |= np.array([id(x) in self._taken for x in nodes])
        codes = which.astype(np.int64)
        self._of_arrays = np.zeros(total, bool)
        known: dict[Any, int] = {}
        for i in np.flatnonzero(~plain).tolist() if self._arrays else ():
            kind = signature(nodes[i], self.tape) if counts[i] <= _SLOTS else None
            if kind is not None and id(nodes[i]) not in self._taken:
                self._of_arrays[i] = plain[i] = True
                codes[i] = len(names) + known.setdefault(kind, len(known))
        at = np.arange(total)
        for places in self._places:
            distance = at - places
            near = (places >= 0) & (distance <= _NEAR) & ~self._many[np.maximum(places, 0)]
            # Absent, from outside, far, and near.
            where_from = np.where(places == _ABSENT, 0, np.where(places < 0, 1, 2))
            codes = codes * (_NEAR + 4) + np.where(near, distance + 2, where_from)
        table: dict[tuple[int, str], int] = {}
        others_than = (len(names) + len(known)) * (_NEAR + 4) ** _SLOTS
        for i, decisions in self._guards.items():
            key = int(codes[i]), str(decisions)
            codes[i] = others_than + table.setdefault(key, len(table))
            plain[i] &= all(what == "bool" for what, _ in decisions)
        codes[~plain] = -1 - at[~plain]
        further = [
            (i, position[id(x)])
            for i in np.flatnonzero(counts > _SLOTS).tolist()
            for x in operands[i][len(self._places) :]
            if id(x) in position
        ]
        self._further = np.array(further, dtype=np.int64).reshape(-1, 2).T
        self._codes = codes

    def runs(self) -> list[tuple[int, int, int]]:
        """Return where steps repeat: first step, steps of one iteration, and number of those."""
        octets, width = self._codes.tobytes(), self._codes.itemsize
        total = len(self._codes)
        found: list[tuple[int, int, int]] = []
        i, attempts = 0, _ATTEMPTS
        shortest = min(SHORTEST, SHORTEST_OF_ARRAYS)
        while i + shortest <= total:
            window = octets[width * i : width * (i + _WINDOW)]
            end = width * (i + 1 + LONGEST_BODY + _WINDOW)
            place = octets.find(window, width * (i + 1), end)
            while place >= 0 and place % width:
                place = octets.find(window, place + 1, end)
            if place < 0:
                i += 1
                continue
            period = place // width - i
            length = self._periodic(i, period)
            count, checked = length // period, 0
            while self._worth(i, period, count):
                checked = self._checked(i, period, count)
                if checked == count:
                    break
                count = checked
            if self._worth(i, period, count):
                found.append((i, period, count))
                i += period * count
            elif length < shortest:
                i += 1
            elif attempts:
                # What is used later is in the way: past it.
                attempts -= 1
                i += period * (count + 1)
            else:
                i += max(1, length - _WINDOW - period)
        return found

    def _worth(self, start: int, period: int, count: int) -> bool:
        """Return whether so many iterations are worth a loop."""
        if self._of_arrays[start : start + period].any():
            return count >= _FEWEST_OF_ARRAYS and period * count >= SHORTEST_OF_ARRAYS
        return count >= _FEWEST and period * count >= SHORTEST

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
        of_arrays = self._of_arrays[start : start + period].any()
        lags: dict[int, int] = {}
        for places in self._places:
            rows = places[start:end].reshape(count, period)
            for q in range(period):
                first = int(rows[0, q])
                if first == _ABSENT:
                    continue
                if self._is_near(start + q, first):
                    lag, row = _lag(q, start + q - first, period)
                    if lag > _LONGEST_LAG:
                        return 0
                    lags[row] = max(lag, lags.get(row, 0))
                    continue
                within = np.flatnonzero((rows[:, q] >= start) & (rows[:, q] < end))
                if len(within):
                    return int(within[0])
                varies = np.any(rows[:, q] != first)
                if varies and not of_arrays and first >= 0 and self._is_taken(rows[:, q]):
                    return 0
        if of_arrays:
            return count if self._starts_alike(start, period, lags) else 0
        for x in self._used_later(start, period, count, lags):
            return (x - start) // period
        return count

    def _is_taken(self, places: Any) -> bool:
        """Return whether there are elements of an array among operands."""
        return any(id(self.nodes[place]) in self._taken for place in places if place >= 0)

    def _starts_alike(self, start: int, period: int, lags: dict[int, int]) -> bool:
        """Return whether what the first iterations take is as what the later ones do."""
        for row, most in lags.items():
            last = self.nodes[start + row].value
            for lag in range(1, most + 1):
                place = start - lag * period + row
                first = self.nodes[place].value if place >= 0 else None
                if (
                    not isinstance(first, np.ndarray | np.generic)
                    or first.shape != last.shape
                    or first.dtype != last.dtype
                ):
                    return False
        return True

    def _used_later(self, start: int, period: int, count: int, lags: dict[int, int]) -> list[int]:
        """Return the steps that are used after a run, apart from the last that are handed on."""
        end = start + period * count
        later = [places[end:] for places in self._places]
        used = np.unique(np.concatenate([*later, self._kept, self._others_later(end)]))
        used = used[(used >= start) & (used < end)]
        last = {
            start + (count - lag) * period + row
            for row, most in lags.items()
            for lag in range(1, most + 1)
        }
        return [int(x) for x in used if int(x) not in last]

    def _others_later(self, end: int) -> Any:
        """Return what operations of many operands use after a run."""
        return self._further[1][np.searchsorted(self._further[0], end) :]

    def loop(self, start: int, period: int, count: int) -> list[Any]:
        """Return the loop of a run, after what it takes and before what is taken from it."""
        nodes, tape = self.nodes, self.tape
        template = start + period * (count - 1)
        end = start + period * count
        of_arrays = bool(self._of_arrays[start : start + period].any())
        before: list[Any] = []
        stacks: dict[Any, Stacked] = {}
        lags: dict[int, int] = {}
        body = [
            Tensor(x.value, tape, x.primitive, (), x.params)
            for x in nodes[template : template + period]
        ]
        carries: dict[tuple[int, int], Carry] = {}
        sequences: dict[Any, Listed] = {}

        def carried(row: int, lag: int) -> Tensor:
            lags[row] = max(lag, lags.get(row, 0))
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
            if of_arrays and key in stacks:
                return stacks[key].inner
            if key not in sequences:
                items = [x.operands[slot] for x in nodes[start + q : end : period]]
                if of_arrays:
                    source, same = stacked(items, tape, before)
                    if same:
                        return source
                    value = source.value if type(source) is Tensor else source
                    stacks[key] = Stacked(placeholder(tape, value[-1]), source)
                    return stacks[key].inner
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
        loop = Loop(tape, count, body, list(carries.values()), list(sequences.values()), guards)
        after: list[Any] = []
        if of_arrays:
            loop.stacks = list(stacks.values())
            after = self._gathered(loop, start, period, lags)
        for carry in carries.values():
            # It is what the loop gives now, and must not hold the steps that it came from.
            carry.last.operands = ()
        if guards:
            self.dropped |= {id(x) for x in nodes[start:end]}
        return [*before, loop, *after]

    def _gathered(self, loop: Loop, start: int, period: int, lags: dict[int, int]) -> list[Tensor]:
        """Return the steps that are used later, as elements of the arrays that have all of them."""
        arrays: dict[int, Tensor] = {}
        found = []
        for place in self._used_later(start, period, loop.count, lags):
            at, row = divmod(place - start, period)
            if row not in arrays:
                values = [x.value for x in self.nodes[start + row :: period][: loop.count]]
                arrays[row] = placeholder(self.tape, np.stack(values))
                loop.gathered.append((loop.body[row], arrays[row]))
            x = self.nodes[place]
            x.primitive, x.operands, x.params = GETITEM, (arrays[row],), {"index": at}
            self.gathered[id(x)] = arrays[row], at
            found.append(x)
        return found


def _lag(q: int, distance: int, period: int) -> tuple[int, int]:
    """Return from how many iterations ago an operand comes, and from which step."""
    lag = -((q - distance) // period)
    return lag, q - distance + lag * period


def _is_number(x: Any) -> bool:
    """Return whether something from outside is a real number."""
    value = x.value if type(x) is Tensor else x
    return type(value) in _NUMBERS
