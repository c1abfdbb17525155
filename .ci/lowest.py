"""Print what pyproject.toml declares, each requirement at its lowest version, one a line."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
chosen = [r for name in ("test", "dask", "draw", "fast", "truth") for r in extras[name]]
for requirement in [*project["dependencies"], *chosen]:
    lowest = re.fullmatch(r"([\w\[\]-]+)>=([\d.]+)", requirement)
    if lowest:
        print(f"{lowest[1]}=={lowest[2]}")
    elif not requirement.startswith("gradscale["):
        raise SystemExit(f"pyproject.toml: {requirement} declares no lowest version")
