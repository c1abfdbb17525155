"""The swell: the operations of one gradient by the form in which it is written down."""

import pandas as pd

from compare.report.format import count_text, list_text, power_text
from compare.report.palette import ENGINES, MarkStyle
from compare.report.tables import Number, Table

__all__ = ["AGAINST", "FORMS", "TOP", "swell_cells", "swell_sentences", "swell_tables"]

#: The forms in the order of the table: what a chart calls each, and its style.
FORMS: dict[str, tuple[str, MarkStyle]] = {
    "tree": ("tree", ENGINES["expanded"]),
    "dag": ("DAG", MarkStyle("#44546A", "#A9B8CC", ENGINES["graph-eager"].shape, (12, 4))),
    "shared": ("shared", ENGINES["shared"]),
    "adjoint": ("adjoint", ENGINES["adjoint"]),
    "matrix": ("matrix", ENGINES["matrix"]),
}
#: Families that are drawn against their size, and what it counts; the others against parameters.
AGAINST = {"mlp depth": "hidden layers"}
#: Top of the frame; what is larger leaves it.
TOP = 1e12


def swell_cells(swell: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that can be drawn, with their place ``n`` and what the chart calls them."""
    rows = swell[swell["form"].isin(list(FORMS)) & (swell["operations"] > 0)].copy()
    rows["n"] = rows["parameters"].where(~rows["family"].isin(list(AGAINST)), rows["size"])
    rows["engine"] = rows["form"].map({form: name for form, (name, _) in FORMS.items()})
    return rows[rows["n"] > 0]


def swell_sentences(swell: pd.DataFrame) -> list[str]:
    """Return the sentences above the chart of the swell."""
    found = [
        "What swells is the closed form, which has no names for intermediate results; naming them "
        "is what makes a graph."
    ]
    cells = swell_cells(swell)
    for _, rows in cells.groupby("family", sort=False):
        at = rows.groupby("n")["form"].nunique()
        full = at[at == at.max()]
        here = rows[rows["n"] == full.index.max()]
        known = dict(zip(here["form"], here["operations"], strict=True))
        wordings = {
            "tree": "{} operations as a closed form written out (tree)",
            "dag": "{} where each distinct part of that form counts once (DAG)",
            "shared": "{} with common subexpressions named (`shared`)",
            "adjoint": "{} in reverse with every intermediate named (`adjoint`)",
            "matrix": "{} on whole matrices (`matrix`)",
        }
        texts = [wordings[form].format(power_text(known[form])) for form in FORMS if form in known]
        label = here["label"].iloc[0]
        found.append(
            f"The gradient of the network {label if '-' in label else f'with {label}'} "
            f"({count_text(here['parameters'].iloc[0])} parameters) has {list_text(texts)}."
        )
    return found


def swell_tables(swell: pd.DataFrame) -> dict[str, Table]:
    """Return the operations in each form, a row a size."""
    cells = swell_cells(swell)
    if cells.empty:
        return {}
    forms = [form for form in FORMS if form in set(cells["form"])]
    rows = []
    for (family, label), here in cells.groupby(["family", "label"], sort=False):
        known = dict(zip(here["form"], here["operations"], strict=True))
        texts = [Number(power_text(known.get(form)), known.get(form)) for form in forms]
        parameters = here["parameters"].iloc[0]
        counted = Number(count_text(parameters), parameters)
        rows.append((str(family), str(label), counted, *texts))
    header = ("family", "size", "parameters", *(FORMS[form][0] for form in forms))
    numbers = tuple(range(2, len(header)))
    return {"Operations of the gradient": Table(header, rows, numbers)}
