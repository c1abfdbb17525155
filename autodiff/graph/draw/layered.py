"""Places of boxes and wires where Graphviz is not installed: a layered layout in plain Python.

Source: Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system
structures (1981): layers by the longest path, order within a layer by the neighbours' middles,
then positions as close to the neighbours as the order allows. A wire that crosses a layer has a
place of its own in it, so that no wire crosses a frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from autodiff.graph.draw.frames import Direction, Frame, Layout, Point

__all__ = ["layered_layout"]

#: Room between two frames of a layer, beside a wire, and between two layers.
_BETWEEN, _WIRE, _LAYERS = 14.0, 6.0, 28.0
#: Passes over the layers, forth and back, that order and place their items.
_PASSES = 8


@dataclass(eq=False, slots=True)
class _Item:
    """A frame, or a wire on its way through a layer."""

    #: Sizes along the wires and across them.
    long: float
    wide: float
    layer: int
    #: Items before and behind it, each with the place of the wire off this item's middle.
    before: list[tuple["_Item", float]] = field(default_factory=list)
    behind: list[tuple["_Item", float]] = field(default_factory=list)
    #: Middle, across the wires.
    middle: float = 0.0


def layered_layout(frames: Sequence[Frame], direction: Direction) -> Layout:
    """Return the places of frames and wires: wires never cross a frame."""
    rightwards = direction == "right"
    layers = _layers_of(frames)
    items = [
        _Item(f.width, f.height, layer) if rightwards else _Item(f.height, f.width, layer)
        for f, layer in zip(frames, layers, strict=True)
    ]
    chains = _chains(frames, items)
    rows: list[list[_Item]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for item in dict.fromkeys([*items, *(item for chain in chains.values() for item in chain)]):
        rows[item.layer].append(item)
    _arrange(rows)
    spans = _spans(rows)
    corners = []
    for item in items:
        begin, end = spans[item.layer]
        corners.append(((begin + end - item.long) / 2, item.middle - item.wide / 2))
    wires = {
        (target, place): tuple(_path(chain, frames[target], place, spans))
        for (target, place), chain in chains.items()
    }
    return _moved(corners, wires, [(item.long, item.wide) for item in items], rightwards)


def _layers_of(frames: Sequence[Frame]) -> list[int]:
    """Return the layer of each frame: early, but inputs as late as they can be."""
    layer: list[int] = []
    users: list[list[int]] = [[] for _ in frames]
    for i, frame in enumerate(frames):
        layer.append(1 + max((layer[s] for s in frame.operands), default=-1))
        for s in frame.operands:
            users[s].append(i)
    for i, frame in enumerate(frames):
        if not frame.operands and users[i]:
            layer[i] = min(layer[user] for user in users[i]) - 1
    return layer


def _chains(frames: Sequence[Frame], items: Sequence[_Item]) -> dict[tuple[int, int], list[_Item]]:
    """Return the items that each wire goes through, its ends included, and join them."""
    chains = {}
    for i, frame in enumerate(frames):
        for place, source in enumerate(frame.operands):
            layers = range(items[source].layer + 1, items[i].layer)
            chain = [items[source], *(_Item(0.0, 0.0, layer) for layer in layers), items[i]]
            for n in range(1, len(chain)):
                off = _port(frame, items[i].wide, place) if n == len(chain) - 1 else 0.0
                chain[n - 1].behind.append((chain[n], off))
                chain[n].before.append((chain[n - 1], -off))
            chains[i, place] = chain
    return chains


def _port(frame: Frame, wide: float, place: int) -> float:
    """Return the place of an operand's arrow off the middle of its frame."""
    count = len(frame.operands)
    return (place - (count - 1) / 2) * wide / (count + 2 * frame.pads)


def _arrange(rows: list[list[_Item]]) -> None:
    """Order the items of every layer, and place them across the wires."""
    for row in rows:
        _place(row, [0.0] * len(row))
    for n in range(2 * _PASSES):
        forth = n % 2 == 0
        for row in rows if forth else reversed(rows):
            wanted = [_wanted(item, forth) for item in row]
            if n < _PASSES:
                order = sorted(range(len(row)), key=wanted.__getitem__)
                row[:], wanted = [row[i] for i in order], [wanted[i] for i in order]
            _place(row, wanted)
    # At last between both sides, in the order that was found.
    for row in rows:
        _place(row, [(_wanted(item, True) + _wanted(item, False)) / 2 for item in row])


def _wanted(item: _Item, forth: bool) -> float:
    """Return the place where the wires of an item on one side would be straight."""
    near = item.before if forth else item.behind
    if not near:
        return item.middle
    return sum(other.middle + off for other, off in near) / len(near)


def _place(row: list[_Item], wanted: Sequence[float]) -> None:
    """Put the items of a layer as close to the wanted places as their order and sizes allow."""
    # Least squares under an order: pool adjacent violators (Ayer et al. 1955).
    offsets = [0.0]
    for last, item in pairwise(row):
        room = _BETWEEN if last.wide and item.wide else _WIRE + _BETWEEN / 2
        offsets.append(offsets[-1] + (last.wide + item.wide) / 2 + room)
    pools: list[list[float]] = []
    for place, offset in zip(wanted, offsets, strict=False):
        pools.append([place - offset, 1.0])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (mean, count), (other, more) = pools.pop(), pools.pop()
            pools.append([(mean * count + other * more) / (count + more), count + more])
    means = [mean for mean, count in pools for _ in range(int(count))]
    for item, mean, offset in zip(row, means, offsets, strict=False):
        item.middle = mean + offset


def _spans(rows: Sequence[Sequence[_Item]]) -> list[tuple[float, float]]:
    """Return where every layer begins and ends along the wires."""
    spans, at = [], 0.0
    for row in rows:
        long = max((item.long for item in row), default=0.0)
        spans.append((at, at + long))
        # Steep wires need a longer way.
        steep = max(
            (abs(o.middle + off - i.middle) for i in row for o, off in i.behind), default=0.0
        )
        at += long + _LAYERS + min(steep / 6, 40.0)
    return spans


def _path(
    chain: Sequence[_Item], frame: Frame, place: int, spans: Sequence[tuple[float, float]]
) -> Iterator[Point]:
    """Yield a wire as a point, then three points for each curve, along and across the wires."""
    source, target = chain[0], chain[-1]
    begin, end = spans[source.layer]
    here = ((begin + end + source.long) / 2, source.middle)
    yield here
    for item in chain[1:]:
        last = item is target
        across = item.middle + (_port(frame, item.wide, place) if last else 0.0)
        gap = spans[item.layer - 1][1], spans[item.layer][0]
        middle = (gap[0] + gap[1]) / 2
        stop = sum(spans[item.layer]) / 2 - item.long / 2 if last else spans[item.layer][1]
        yield from (here, (gap[0], here[1]), (gap[0], here[1]))
        yield from ((middle, here[1]), (middle, across), (gap[1], across))
        here = (stop, across)
        yield from ((gap[1], across), here, here)


def _moved(
    corners: Sequence[Point],
    wires: dict[tuple[int, int], tuple[Point, ...]],
    sizes: Sequence[Point],
    rightwards: bool,
) -> Layout:
    """Return a layout that begins at 0, with x and y in their places."""
    ends = [(u + a, v + b) for (u, v), (a, b) in zip(corners, sizes, strict=True)]
    points = [*corners, *ends, *(point for wire in wires.values() for point in wire)]
    left, top = (min(values) for values in zip(*points, strict=True))
    right, bottom = (max(values) for values in zip(*points, strict=True))

    def turned(point: Point) -> Point:
        u, v = point[0] - left, point[1] - top
        return (u, v) if rightwards else (v, u)

    width, height = turned((right, bottom))
    return Layout(
        width,
        height,
        tuple(map(turned, corners)),
        {key: tuple(map(turned, wire)) for key, wire in wires.items()},
    )
