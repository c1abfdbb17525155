"""How a cell is measured: processes that take turns, and the estimates from their samples."""
