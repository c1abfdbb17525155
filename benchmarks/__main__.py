"""``python -m benchmarks eager|compiled|symbolic``."""

from benchmarks.command import benchmarks
from compare.cli import main

if __name__ == "__main__":
    main(group=benchmarks, name="python -m benchmarks")
