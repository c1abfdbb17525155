"""Check what a quick run wrote: files, rows, columns, all strategies and graphs, no mismatch."""

import sys
from pathlib import Path

import compare
from compare.results.schema import RESULT_COLUMNS

folder = Path(sys.argv[1])
results = compare.read_results(folder / "results.csv")
failures = []
for name in ("results.csv", "summary.csv", "report.html", "report.md", "charts/cost.svg"):
    if not (folder / name).is_file():
        failures.append(f"{name} is missing")
if list(results.columns) != [column.name for column in RESULT_COLUMNS]:
    failures.append(f"columns are {list(results.columns)}")
if len(results) < 9:
    failures.append(f"only {len(results)} rows")
if (results["status"] == "mismatch").any() or (results["status"] == "error").any():
    failures.append(results.loc[results["status"].isin(["mismatch", "error"])].to_string())
ok = results[results["status"] == "ok"]
for engine in ("expanded", "shared", "adjoint", "matrix", "graph", "graph-compiled"):
    if not (ok["engine"] == engine).any():
        failures.append(f"no cell of {engine} ended as ok")
for engine in ("graph", "graph-compiled"):
    if ok.loc[ok["engine"] == engine, "parameters"].max() < 10**7:
        failures.append(f"{engine} did not reach 10 million parameters")
if (
    not results.loc[results["engine"].isin(["expanded", "shared"]), "status"]
    .isin(["timeout", "memory"])
    .any()
):
    failures.append("no symbolic cell ended as timeout or memory")
print("\n".join(failures) or f"the quick run is complete: {len(results)} rows")
sys.exit(bool(failures))
