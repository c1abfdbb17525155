"""Loop rerolling: steps of a trace that repeat become a loop.

The steps get codes: the operation, how far back each operand lies if it is near, and the decisions
that were made. Where the codes repeat with a period, one iteration is kept: near operands are
values of the iteration or come from the one before, far ones must be the same for all or become a
list. All of it takes time linear in the number of steps.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, node_of
from autodiff.plan.operations import runs_on_numbers
from autodiff.plan.tracing.elements import (
    UNKNOWN,
    are_rows,
    is_strong,
    kind_of_operand,
    may_repeat,
    signature,
    stacked,
    taken_first,
)
from autodiff.plan.tracing.loop import Carry, Listed, Loop, Stacked, placeholder
from autodiff.rules.indexing import GETITEM
from autodiff.rules.joining import CONCATENATE
from autodiff.rules.shape import RESHAPE

__all__ = ["LONGEST_BODY", "SHORTEST", "has_numbers", "reroll"]

#: Steps from which a loop is worth it: straight-line code is faster, and up to here short to build.
SHORTEST = 2000
#: The same where there are arrays among them, and the iterations. From 32 on rolled code takes as
#: long as straight code, and a quarter to a third of the time to build. Measured at 32, a rolled
#: call takes of a straight one: recurrent network 1.00, with gates 0.93, long short-term memory
#: 0.80, Kalman filter 0.99, stencil of slices 1.04, stencil by rolling 1.2.
SHORTEST_OF_ARRAYS = 128
_FEWEST_OF_ARRAYS = 32
#: The same where what the iterations take lies apart, as the weights of layers do: putting these
#: together takes longer than the calls do, twice as long for 64 layers of width 32.
_FEWEST_APART = 1000
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
#: Operands of a step on numbers, and on arrays, at most.
_SLOTS, _SLOTS_OF_ARRAYS = 3, 16
_VALUES = (np.float64, np.bool_)
_NUMBERS = (float, int, bool, np.float64, np.bool_, np.int64)


def has_numbers(nodes: Sequence[Tensor]) -> bool:
    """Return whether so many steps give numbers that they may be a loop on numbers."""
    return (
        len(nodes) >= SHORTEST and [type(x.value) in _VALUES for x in nodes].count(True) >= SHORTEST
    )


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
        #: By their places: whether what iterations take can be had in one array without a copy.
        self._together: dict[bytes, bool] = {}
        position = {id(x): i for i, x in enumerate(nodes)}
        self.position = position
        self._guards: dict[int, list[tuple[str, Any]]] = {}
        for x, what, outcome in tape.guards:
            if id(x) in position:
                self._guards.setdefault(position[id(x)], []).append((what, outcome))
        if arrays:
            self._encode_any()
        else:
            self._encode()
        self._kept = np.array(
            sorted({position[id(x)] for x in kept if id(x) in position}), dtype=np.int64
        )

    def _encode(self) -> None:
        """Find the code of each step, and the places of its operands.

        Operands from outside have a negative place of their own.
        """
        # The identity of no operand at all is 0.
        nodes, position = self.nodes, {0: _ABSENT, **self.position}
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
            where = where[(outside < 0) & (outside > _ABSENT)]
            others = [-id(x) for x in (operands[i][slot] for i in where) if not _is_number(x)]
            if others:
                plain &= ~np.isin(self._places[-1], others)
        used = np.concatenate(self._places)
        self._many = np.bincount(used[used >= 0], minlength=total) > _MANY
        codes = which.astype(np.int64)
        self._of_arrays = np.zeros(total, bool)
        at = np.arange(total)
        for places in self._places:
            distance = at - places
            near = (places >= 0) & (distance <= _NEAR) & ~self._many[np.maximum(places, 0)]
            # Absent, from outside, far, and near.
            where_from = np.where(places == _ABSENT, 0, np.where(places < 0, 1, 2))
            codes = codes * (_NEAR + 4) + np.where(near, distance + 2, where_from)
        table: dict[tuple[int, str], int] = {}
        others_than = len(names) * (_NEAR + 4) ** _SLOTS
        for i, decisions in self._guards.items():
            key = int(codes[i]), str(decisions)
            codes[i] = others_than + table.setdefault(key, len(table))
            plain[i] &= all(what == "bool" for what, _ in decisions)
        codes[~plain] = -1 - at[~plain]
        self._codes = codes
        self._find_further(counts)

    def _find_further(self, counts: Any) -> None:
        """Note the places of operands beyond those that are told apart."""
        nodes, position = self.nodes, self.position
        slots = len(self._places)
        further = [
            (i, position[id(x)])
            for i in np.flatnonzero(counts > slots).tolist()
            for x in nodes[i].operands[slots:]
            if id(x) in position
        ]
        self._further = np.array(further, dtype=np.int64).reshape(-1, 2).T

    def _encode_any(self) -> None:
        """Find the same where there are arrays: equal codes say equal kinds of operands too."""
        nodes, place_of = self.nodes, self.position.get
        total = len(nodes)
        operands = [x.operands for x in nodes]
        uses = Counter([id(y) for ys in operands for y in ys])
        taken = {place_of(key) for key in self._taken}
        many = {place_of(key) for key, count in uses.items() if count > _MANY} | taken
        counts = np.array([len(ys) for ys in operands])
        slots = min(max(counts.max(), 1), _SLOTS_OF_ARRAYS)
        places = [[_ABSENT] * total for _ in range(slots)]
        codes, heads = [0] * total, [0] * total
        #: The codes of steps and of their operations: none, if a step stays by itself.
        known: dict[Any, int] = {}
        operations: dict[Any, int] = {None: -1}
        #: The kind of each operand that is not told by its distance, by identity.
        kinds: dict[tuple[int, bool], Any] = {}
        of_arrays: set[int] = set()
        for i, x in enumerate(nodes):
            operation = signature(x) if i not in taken else None
            head = heads[i] = operations.setdefault(operation, len(operations))
            strong = is_strong(x.value)
            key: list[Any] = [head]
            for slot, y in enumerate(operands[i][:slots]):
                place = place_of(id(y))
                places[slot][i] = -id(y) if place is None else place
                if place is not None and i - place <= _NEAR and place not in many:
                    key.append(i - place)
                    continue
                kind = kinds.get((id(y), strong))
                if kind is None:
                    kind = kinds[id(y), strong] = kind_of_operand(y, strong, self.tape)
                key.append(kind)
            if i in self._guards:
                key.append(str(self._guards[i]))
            step = tuple(key)
            code = known.get(step)
            if code is None:
                alone = head < 0 or len(x.operands) > slots or not self._may_repeat(i, step)
                code = known[step] = -1 if alone else len(known)
                if not alone and not self._is_on_numbers(x):
                    of_arrays.add(code)
            codes[i] = code if code >= 0 else -1 - i
        self._places = [np.array(each, dtype=np.int64) for each in places]
        self._many = np.zeros(total, bool)
        self._many[[place for place in many if place is not None]] = True
        self._codes = np.array(codes, dtype=np.int64)
        self._heads = heads
        self._of_arrays = np.isin(self._codes, list(of_arrays))
        self._find_further(counts)

    def _may_repeat(self, i: int, step: tuple[Any, ...]) -> bool:
        """Return whether a step may be one of a loop."""
        decisions = self._guards.get(i, ())
        decided = all(what == "bool" for what, _ in decisions)
        return may_repeat(self.nodes[i]) and UNKNOWN not in step and decided

    def _is_on_numbers(self, x: Tensor) -> bool:
        """Return whether a step can be one of a loop on numbers."""
        plain = x.params is None and type(x.value) in _VALUES and len(x.operands) <= _SLOTS
        return plain and runs_on_numbers(x.primitive) and all(map(_is_number, x.operands))

    def runs(self) -> list[tuple[int, int, int]]:
        """Return where steps repeat: first step, steps of one iteration, and number of those."""
        octets, width = self._codes.tobytes(), self._codes.itemsize
        total = len(self._codes)
        found: list[tuple[int, int, int]] = []
        #: Where the loop before ends.
        least = 0
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
            start = i
            if self._of_arrays[i : i + period].any() and self._worth(i, period, length // period):
                start = self._turned(i, period, length, least)
            count, checked = (i + length - start) // period, 0
            while self._worth(start, period, count):
                checked = self._checked(start, period, count)
                if checked == count:
                    break
                count = checked
            if self._worth(start, period, count):
                found.append((start, period, count))
                i = least = start + period * count
            elif length < shortest:
                i += 1
            elif attempts:
                # What is used later is in the way: past it.
                attempts -= 1
                i += period * (count + 1)
            else:
                i += max(1, length - _WINDOW - period)
        return found

    def _turned(self, start: int, period: int, length: int, least: int) -> int:
        """Return the step to begin with: such that little is carried, and nothing left before."""
        rows = np.arange(period)
        edges = []
        for places in self._places:
            column = places[start + period : start + 2 * period]
            distance = start + period + rows - column
            near = (column >= 0) & (distance <= _NEAR) & ~self._many[np.maximum(column, 0)]
            edges.append((rows[near], distance[near]))
        to = np.concatenate([rows for rows, _ in edges])
        source = to - np.concatenate([distance for _, distance in edges])
        if not len(to):
            return start
        carried = []
        for turn in range(min(period, length - period * (length // period - 1))):
            lag = (to - turn) // period - (source - turn) // period
            crossing = np.unique(source[lag > 0] % period * (_LONGEST_LAG + 1) + lag[lag > 0])
            carried.append(len(crossing))
        best = [start + int(turn) for turn in np.flatnonzero(np.equal(carried, min(carried)))]
        for turned in best:
            earlier = turned - period
            if earlier >= least and self._begins(earlier, period):
                return earlier
        return best[0]

    def _begins(self, start: int, period: int) -> bool:
        """Return whether steps are an iteration but for what they take from the one before."""
        following = start + period
        if self._heads[start:following] != self._heads[following : following + period]:
            return False
        guards = [self._guards.get(start + q) for q in range(2 * period)]
        if guards[:period] != guards[period:]:
            return False
        firsts: dict[int, Any] = {}
        for slot, places in enumerate(self._places):
            for q in range(period):
                place, own = int(places[following + q]), int(places[start + q])
                if place == _ABSENT:
                    continue
                x, y = (self.nodes[at + q].operands[slot] for at in (start, following))
                if not self._is_near(following + q, place):
                    begins = own < start and not self._is_near(start + q, own)
                    begins = begins and _kind(x) == _kind(y)
                elif place >= following:
                    begins = own == place - period
                else:
                    begins = place >= start > own and _may_be_first(x, y.value)
                    begins = begins and _is_same(firsts.setdefault(place, x), x)
                if not begins:
                    return False
        return True

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
        template = end - period
        of_arrays = self._of_arrays[template:end].any()
        lags: dict[int, int] = {}
        for slot, places in enumerate(self._places):
            rows = places[start:end].reshape(count, period)
            for q in range(period):
                first, last = int(rows[0, q]), int(rows[-1, q])
                if first == _ABSENT:
                    continue
                if self._is_near(template + q, last):
                    lag, row = _lag(q, template + q - last, period)
                    if lag > min(count, _LONGEST_LAG):
                        return 0  # of more than there are, the last would be from before the loop
                    lags[row] = max(lag, lags.get(row, 0))
                    continue
                within = np.flatnonzero((rows[:, q] >= start) & (rows[:, q] < end))
                if len(within):
                    return int(within[0])
                varies = np.any(rows[:, q] != first)
                if varies and not of_arrays and first >= 0 and self._is_taken(rows[:, q]):
                    return 0
                if varies and of_arrays and count < _FEWEST_APART:
                    key = rows[:, q].tobytes()
                    if key not in self._together:
                        items = [x.operands[slot] for x in self.nodes[start + q : end : period]]
                        self._together[key] = are_rows(items)
                    if not self._together[key]:
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
            last = self.nodes[start + period + row].value
            for lag in range(1, most + 1):
                first = self._first(start, period, row, lag)
                if first is None or not _may_be_first(first, last):
                    return False
        return True

    def _first(self, start: int, period: int, row: int, lag: int) -> Any:
        """Return the values carried into the first iteration of a loop, if they are known."""
        if lag > 1:
            place = start - lag * period + row
            return self.nodes[place] if place >= 0 else None
        for slot, places in enumerate(self._places):
            # Of the second, which takes it from the first.
            users = np.flatnonzero(places[start + period : start + 2 * period] == start + row)
            if len(users):
                return self.nodes[start + int(users[0])].operands[slot]
        place = start - period + row
        return self.nodes[place] if place >= 0 else None

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
        """Return the operands that operations of many operands use after a run."""
        return self._further[1][np.searchsorted(self._further[0], end) :]

    def loop(self, start: int, period: int, count: int) -> list[Any]:
        """Return the loop of a run, after what it takes and before what is taken from it."""
        nodes, tape = self.nodes, self.tape
        template = start + period * (count - 1)
        end = start + period * count
        of_arrays = bool(self._of_arrays[template:end].any())
        before: list[Any] = []
        stacks: dict[Any, Stacked] = {}
        lags: dict[int, int] = {}
        body = [
            node_of(x.value, tape, x.primitive, (), x.params)
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
                first = self._first(start, period, row, lag)
                carries[row, lag] = Carry(inner, first, following, last)
            return carries[row, lag].inner

        def operand(places: Any, q: int) -> Any:
            first, last = int(places[start + q]), int(places[template + q])
            if self._is_near(template + q, last):
                lag, row = _lag(q, template + q - last, period)
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


def _kind(x: Any) -> Any:
    value = x.value if type(x) is Tensor else x
    return type(x), np.shape(value), np.result_type(value)


def _may_be_first(x: Any, last: Any) -> bool:
    """Return whether a value may come before ones like another."""
    value = x.value if type(x) is Tensor else x
    if type(value) is float:
        return type(last) is np.float64
    alike = isinstance(value, np.ndarray | np.generic)
    return alike and value.shape == last.shape and value.dtype == last.dtype


def _is_same(x: Any, y: Any) -> bool:
    """Return whether two operands are the same value."""
    if x is y or type(x) is Tensor or type(y) is Tensor or type(x) is not type(y):
        return x is y
    return _kind(x) == _kind(y) and np.asarray(x).tobytes() == np.asarray(y).tobytes()


def _is_number(x: Any) -> bool:
    """Return whether something from outside is a real number."""
    value = x.value if type(x) is Tensor else x
    return type(value) in _NUMBERS
