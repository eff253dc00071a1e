"""The report: one self-contained HTML page with every figure, its numbers, and the verdicts."""

import base64
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import polars as pl
from jinja2 import Environment

from priormix.errors import PriormixError
from priormix.files import make_folder, write_atomically
from priormix.report.drawings import DRAWINGS, Drawing
from priormix.report.style import house_style
from priormix.studies.claims import verdicts
from priormix.studies.readings import faults, followings
from priormix.studies.results import pool_seeds, read_table

ROWS_SHOWN = 400


@dataclass(frozen=True)
class _Section:
    name: str
    title: str
    caption: str
    picture: str
    numbers: str
    rows: list[dict[str, object]]


def write_report(folder: Path, n_processes: int = 1) -> Path:
    """Draw `results.parquet` of a study's folder as `index.html`, `verdicts.json` and `figures/*.png`.

    Several processes draw sooner; as with all spawned ones, a script that asks for them must be importable.
    Returns the path of the page. Raises PriormixError where the table is missing or damaged, or where the
    folder cannot be written.
    """
    source = folder / "results.parquet"
    table = pool_seeds(read_table(source))
    if table.is_empty():
        raise PriormixError(f"{source}: the table has no rows")
    with _holding(source, "verdicts"):
        decided = [verdict.to_dict() for verdict in verdicts(table)]
        fault_rows, following_rows = faults(table), followings(table)
    write_atomically(folder / "verdicts.json", json.dumps(decided, indent=2, ensure_ascii=False).encode())
    there = set(table["figure"])
    drawings = [drawing for drawing in DRAWINGS if drawing.figure in there]
    sections = _sections(drawings, table, source, min(n_processes, len(drawings)))
    template = Environment(autoescape=True).from_string(_resource("page.html"))
    with _holding(source, "the page"):
        page = template.render(
            study=folder.name,
            version=version("priormix"),
            style=_resource("page.css"),
            verdicts=decided,
            quality=_quality(table),
            faults=fault_rows,
            followings=following_rows,
            sizes=_sizes(folder / "preset.json"),
            sections=sections,
        )
    write_atomically(folder / "index.html", page.encode())
    return folder / "index.html"


@contextmanager
def _holding(source: Path, what: str) -> Iterator[None]:
    """Blame the table for what it cannot show: rows may be missing or hold no numbers, whoever wrote it."""
    try:
        yield
    except PriormixError:
        raise
    except (pl.exceptions.PolarsError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise PriormixError(
            f"{source}: its rows do not hold what {what} needs ({reason}); `priormix reproduce` makes it anew"
        ) from error


def _sections(drawings: list[Drawing], table: pl.DataFrame, source: Path, n_processes: int) -> list[_Section]:
    rows = [table.filter(pl.col("figure") == drawing.figure) for drawing in drawings]
    make_folder(source.parent / "figures")
    work = (drawings, rows, [source] * len(drawings))
    if n_processes <= 1:
        return list(map(_section, *work))
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_section, *work))


def _section(drawing: Drawing, rows: pl.DataFrame, source: Path) -> _Section:
    with _holding(source, f"figure {drawing.name}"):
        return _drawn(drawing, rows, source.parent)


def _drawn(drawing: Drawing, rows: pl.DataFrame, folder: Path) -> _Section:
    picture = _png(drawing, rows)
    write_atomically(folder / "figures" / f"figure-{_slug(drawing.name)}.png", picture)
    shown = rows.filter(pl.col("low").is_not_null()).drop("figure", "seed", strict=False)
    return _Section(
        drawing.name,
        drawing.title,
        drawing.caption,
        base64.b64encode(picture).decode(),
        base64.b64encode(rows.write_csv().encode()).decode(),
        shown.head(ROWS_SHOWN).to_dicts(),
    )


def _png(drawing: Drawing, rows: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    with mpl.rc_context({"backend": "agg"}), house_style():
        figure = drawing.draw(rows)
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
        plt.close(figure)
    return buffer.getvalue()


def _sizes(preset: Path) -> str:
    """The study's sizes in words; nothing where the folder does not tell them."""
    try:
        given = json.loads(preset.read_text(encoding="utf-8"))
        return (
            f"Linear functions of {given['dim']} inputs, sparse ones with {given['nonzeros']} nonzero "
            f"coefficients, {given['n_points']} points a prompt; one-dimensional prompts with "
            f"{given['curve_points']} points. Scenarios of linear functions are measured on "
            f"{given['n_prompts']:,} prompts, those in one dimension on {given['n_curve_prompts']:,}, "
            f"Figures S1 and S4 on {given['n_selection_prompts']:,} and {given['n_shift_prompts']:,}."
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _quality(table: pl.DataFrame) -> list[dict[str, object]]:
    """How far models are from what they should meet on their own class, averaged over all prefixes."""
    return table.filter(
        pl.col("figure") == "2", pl.col("metric") == "mse_difference", pl.col("n_examples").is_null()
    ).to_dicts()


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name).split())


def _resource(name: str) -> str:
    return (files("priormix.report") / name).read_text(encoding="utf-8")
