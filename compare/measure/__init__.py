"""How a cell is measured: heats of processes that take turns, and what their samples say."""
