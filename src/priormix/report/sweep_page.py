"""The page of a sweep: any varied field against any metric, drawn by the page itself."""

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import polars as pl
from jinja2 import Environment

from priormix.errors import PriormixError
from priormix.files import write_atomically
from priormix.sweeps.results import METRICS, read_results, varied_fields


def write_sweep_page(folder: Path) -> Path:
    """Draw `results.parquet` of a sweep's folder as `index.html`, which needs nothing but itself.

    Returns the path of the page. Raises PriormixError where the table is missing or damaged, or where the
    folder cannot be written.
    """
    table = read_results(folder)
    if table.is_empty():
        raise PriormixError(f"{folder}: the sweep's table has no rows")
    fields = varied_fields(table)
    counts = dict(table.group_by("status").len().iter_rows())
    page = (
        Environment(autoescape=True)
        .from_string(_resource("sweep.html"))
        .render(
            name=folder.resolve().name,
            version=version("priormix"),
            style=_resource("page.css"),
            plot=_resource("sweep.js"),
            counts=[
                (status, counts[status])
                for status in ("finished", "failed", "unfinished")
                if status in counts
            ],
            data=_for_script({"fields": fields, "metrics": list(METRICS), "rows": table.to_dicts()}),
            fields=fields,
            metrics=list(METRICS),
            rows=table.to_dicts(),
            shown=_shown,
            failed=table.filter(pl.col("status") == "failed").to_dicts(),
        )
    )
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _for_script(data: object) -> str:
    """JSON that cannot end the script element which holds it."""
    return json.dumps(data).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return (files("priormix.report") / name).read_text(encoding="utf-8")
