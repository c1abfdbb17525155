"""GradBench's protocol: messages in, one answer for each, as lines of JSON."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from benchmarks.gradbench.engines import Engine
from benchmarks.gradbench.evals import EVALS, Eval

__all__ = ["answered", "serve"]

Message = dict[str, Any]


def serve(lines: Iterable[str], out: TextIO, engine: Engine) -> None:
    """Answer each message as it comes."""
    for line in lines:
        if line.strip():
            json.dump(answered(json.loads(line), engine), out)
            out.write("\n")
            out.flush()


def answered(message: Message, engine: Engine) -> Message:
    """Return the answer to a message."""
    answer: Message = {"id": message["id"]}
    kind = message.get("kind")
    if kind == "start":
        return answer | {"tool": f"gradscale-{engine.name}"}
    if kind == "define":
        there = engine.evals or tuple(EVALS)
        known = message["module"] in there
        missing = f"{engine.name} has no eval {message['module']!r}; it has: {', '.join(there)}"
        return answer | {"success": known} | ({} if known else {"error": missing})
    if kind == "evaluate":
        try:
            return answer | {"success": True} | _evaluated(message, engine)
        except Exception as error:  # whatever fails is told, and the next message is answered
            return answer | {"success": False, "error": f"{type(error).__name__}: {error}"}
    return answer


def _evaluated(message: Message, engine: Engine) -> Message:
    asked: Eval = EVALS[message["module"]]
    name, given = message["function"], message["input"]
    if name not in asked.functions:
        there = ", ".join(asked.functions)
        raise ValueError(f"{message['module']} has no function {name!r}; there are: {there}")
    function, arguments = asked.functions[name](engine), asked.read(given)
    settings = given if isinstance(given, dict) else {}
    least, seconds = settings.get("min_runs", 1), settings.get("min_seconds", 0)
    timings = []
    if engine.compiles:
        timings.append(_timed("compile", lambda: function(*arguments))[1])
    runs: list[int] = []
    while len(runs) < least or sum(runs) < seconds * 1e9:
        result, timing = _timed("evaluate", lambda: function(*arguments))
        runs.append(timing["nanoseconds"])
        timings.append(timing)
    return {"output": asked.write(result), "timings": timings}


def _timed(name: str, call: Callable[[], Any]) -> tuple[Any, Message]:
    begin = time.perf_counter_ns()
    result = call()
    return result, {"name": name, "nanoseconds": time.perf_counter_ns() - begin}
