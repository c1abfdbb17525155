"""Places of the boxes and wires of a drawing: Graphviz' layered layout of directed graphs.

Source: Gansner, Koutsofios, North and Vo, A technique for drawing directed graphs (1993). Graphviz
gets boxes of fixed sizes without text, so that the result depends on no font. It runs in a process
of its own: it is written in C and recurses along the graph, and a crash would take Python with it.
"""

import importlib.util
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Sequence

from autodiff.graph.draw.frames import Direction, Frame, Layout, Point
from autodiff.graph.draw.layered import layered_layout

__all__ = ["lay_out"]

_LIBRARY = (
    "import sys, pygraphviz\n"
    "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())\n"
    "sys.stdout.buffer.write(graph.draw(format='json0', prog='dot'))\n"
)
_TIMEOUT_S = 60
#: Work that Graphviz may spend on placing boxes, as iterations × stretches of wire between layers.
_WORK = 20_000_000
_POINTS_PER_INCH = 72
#: The middles of the boxes of one layer differ by no more: Graphviz rounds them.
_SAME_LAYER = 3.0


def lay_out(frames: Sequence[Frame], direction: Direction) -> Layout:
    """Return the places of frames and wires: wires never cross a frame.

    Graphviz places them where it is installed: its layout is the closer one.
    """
    command = _command()
    if command is None:
        return layered_layout(frames, direction)
    found = json.loads(_graphviz(command, _source(frames, direction)))
    corners: list[Point] = [(0.0, 0.0)] * len(frames)
    for item in found["objects"]:
        i = int(item["name"])
        ((x, y),) = _points(item["pos"])
        corners[i] = (x - frames[i].width / 2, y - frames[i].height / 2)
    wires: dict[tuple[int, int], tuple[Point, ...]] = {}
    for item in found.get("edges", ()):
        target, place = map(int, item["id"].split())
        wires[target, place] = _points(item["pos"])
    layers = _Layers(frames, corners, along=0 if direction == "right" else 1)
    for (target, place), wire in wires.items():
        wires[target, place] = layers.eased(frames[target].operands[place], target, wire)
    # The box that Graphviz gives is larger than what is in it.
    ends = [(x + f.width, y + f.height) for (x, y), f in zip(corners, frames, strict=True)]
    bends = [point for wire in wires.values() for point in wire]
    left, top = (min(values) for values in zip(*corners, *bends, strict=True))
    right, bottom = (max(values) for values in zip(*ends, *bends, strict=True))
    return Layout(
        right - left,
        bottom - top,
        tuple((x - left, y - top) for x, y in corners),
        {key: tuple((x - left, y - top) for x, y in wire) for key, wire in wires.items()},
    )


def _points(text: str) -> tuple[Point, ...]:
    """Return points as Graphviz writes them, with the y axis pointing down."""
    pairs = (pair.split(",") for pair in text.split())
    return tuple((float(x), -float(y)) for x, y in pairs)


class _Layers:
    """The layers of a layout, and the gaps between them.

    Graphviz bends a steep wire back and forth, so that wires to one box cross each other. A wire
    that crosses one gap only meets nothing: it can run straight up to it and straight behind it.
    """

    def __init__(self, frames: Sequence[Frame], corners: Sequence[Point], along: int) -> None:
        self._along = along
        sizes = [(f.width, f.height)[along] for f in frames]
        middles = [c[along] + size / 2 for c, size in zip(corners, sizes, strict=True)]
        self._layer = [0] * len(frames)
        self._begins: list[float] = []
        self._ends: list[float] = []
        before = -math.inf
        for i in sorted(range(len(frames)), key=middles.__getitem__):
            begin, end = middles[i] - sizes[i] / 2, middles[i] + sizes[i] / 2
            if middles[i] - before > _SAME_LAYER:
                self._begins.append(begin)
                self._ends.append(end)
            self._begins[-1] = min(begin, self._begins[-1])
            self._ends[-1] = max(end, self._ends[-1])
            self._layer[i], before = len(self._ends) - 1, middles[i]

    def eased(self, source: int, target: int, wire: tuple[Point, ...]) -> tuple[Point, ...]:
        """Return a wire as it is, or with one smooth step if it crosses one gap only."""
        i = self._layer[source]
        if self._layer[target] != i + 1:
            return wire
        along, across = self._along, 1 - self._along
        (first, last), gap = (wire[0], wire[-1]), (self._ends[i], self._begins[i + 1])
        middle = (gap[0] + gap[1]) / 2
        steps = [
            *((first[along], first[across]), (first[along], first[across])),
            *((gap[0], first[across]), (gap[0], first[across])),
            *((middle, first[across]), (middle, last[across])),
            *((gap[1], last[across]), (gap[1], last[across])),
            *((last[along], last[across]), (last[along], last[across])),
        ]
        return tuple((u, v) if along == 0 else (v, u) for u, v in steps)


def _source(frames: Sequence[Frame], direction: Direction) -> str:
    """Return the frames as a graph in the DOT language, with a port for every operand."""
    out, into = ("e", "w") if direction == "right" else ("s", "n")
    text = [
        f"digraph {{rankdir={'LR' if direction == 'right' else 'TB'} ordering=in",
        f"nodesep=0.2 ranksep=0.4 {_effort(frames)}",
        'node [shape=record fixedsize=true fontsize=1 margin=0 label=""]',
        "edge [dir=none]",
    ]
    for i, frame in enumerate(frames):
        free = [""] * frame.pads
        ports = "|".join([*free, *(f"<i{n}>" for n in range(len(frame.operands))), *free])
        width, height = frame.width / _POINTS_PER_INCH, frame.height / _POINTS_PER_INCH
        text.append(f'{i} [width={width:.4f} height={height:.4f} label="{{{{{ports}}}|<o>}}"]')
    for i, frame in enumerate(frames):
        for place, source in enumerate(frame.operands):
            # Heavy wires are straight: those between gates, so that a chain does not drift aside.
            weight = 8 if frames[source].operands else 1
            wire = f"{source}:o:{out} -> {i}:i{place}:{into}"
            text.append(f'{wire} [id="{i} {place}" weight={weight}]')
    return "\n".join(text) + "}"


def _effort(frames: Sequence[Frame]) -> str:
    """Return bounds on the search where many long wires would make it take minutes."""
    layer: list[int] = []
    for frame in frames:
        layer.append(1 + max((layer[i] for i in frame.operands), default=-1))
    stretches = sum(layer[i] - layer[s] for i, f in enumerate(frames) for s in f.operands)
    rounds = _WORK / max(stretches, 1) / len(frames)
    return f"nslimit={rounds:.3f} mclimit={min(rounds, 1.0):.3f}" if rounds < 20 else ""


def _command() -> list[str] | None:
    """Return the command that starts Graphviz, None where it is not installed."""
    if importlib.util.find_spec("pygraphviz") and sys.executable:
        # -P: no module of the working directory may stand in for one of the library.
        return [sys.executable, "-P", "-c", _LIBRARY]
    dot = shutil.which("dot")
    return [dot, "-Tjson0"] if dot else None


def _graphviz(command: list[str], source: str) -> bytes:
    """Return Graphviz' answer, in the format json0."""
    try:
        run = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"draw: the layout took longer than {_TIMEOUT_S} s: draw a smaller instance"
        ) from None
    if run.returncode or not run.stdout:
        said = run.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(
            f"draw: Graphviz failed with exit code {run.returncode}"
            f"{': ' + said[-1] if said else ''}: draw a smaller instance"
        )
    return run.stdout
