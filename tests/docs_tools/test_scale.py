from pathlib import Path

from docs_tools.scale import Cluster, cells_of, figures, simulated

KNOWN = figures(Path(__file__).parents[2] / "reports" / "reference")


def test_no_cell_is_there_twice_and_only_chance_leaves_any_out():
    cells = len(list(cells_of(KNOWN, 2)))
    alone = simulated(KNOWN, 2, Cluster(1))
    assert (alone.rows, alone.lost, alone.missing) == (cells, 0, 0)
    assert alone.useful > 0.99
    ten = simulated(KNOWN, 2, Cluster(10))
    assert ten.rows == cells
    assert alone.hours / 10 <= ten.hours < alone.hours / 4
    harsh = simulated(KNOWN, 2, Cluster(10, lost=0.2))
    assert harsh.rows + harsh.missing == cells
    assert harsh.lost > 0
    assert harsh.hours > ten.hours
    assert harsh.useful < ten.useful
