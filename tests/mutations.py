"""Recipes, results tables and weight files as nobody should write them, and a judge of what happens then.

The judge lets a case end in two ways only: accepted, or refused by a PriormixError of one line. An
exception of another kind, more than `LIMIT_S` seconds of processor time, or a file opened for writing
outside the output folder is a failure of ours.
"""

import copy
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import torch

from priormix.errors import PriormixError
from priormix.functions import DenseLinear
from priormix.models import Network, NetworkPredictor, Transformer
from priormix.recipe import Recipe, read_recipe
from priormix.report import write_report
from priormix.studies.figure import Bench
from priormix.studies.figures import FIGURES
from priormix.studies.preset import find_preset
from priormix.studies.results import to_table
from priormix.training import training_batch
from priormix.training.weights import build_network, write_weights
from priormix.zoo import load

LIMIT_S = 30.0
STRANGE: list[Any] = [
    None, True, -1, 0, 1, 2, 7, 1.5, -0.0, 1e308, float("nan"), float("inf"), 2**31, 2**63, 2**70, -(2**63),
    "", "x", "nan", "../../elsewhere", "/etc/passwd", "os:mkdir", "\x00", "é" * 50, "1e3", [], [1], {}, [[]],
    {"kind": "dense_linear"}, {"kind": "mixture"}, {"kind": None}, {"kind": "transformer"}, {"a": {"b": []}},
]  # fmt: skip
SMALL = Recipe(
    mixture=DenseLinear(dim=2),
    n_points=5,
    network=Network(backbone=Transformer(layers=1, heads=1, width=8, positions="none")),
    steps=3,
    batch=4,
)


class TooSlowError(Exception):
    """A case takes longer than it may."""


class Judge:
    """Counts how cases end; raises AssertionError for one that ends as none may."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.accepted = 0
        self.refused: dict[str, int] = {}

    @property
    def cases(self) -> int:
        return self.accepted + sum(self.refused.values())

    def hear(self, case: Callable[[], object], what: object) -> None:
        """Let one case happen."""
        try:
            with _time_limit(), _no_writing_outside(self.out):
                case()
        except PriormixError as error:
            text = str(error)
            assert text.strip(), f"refused without a reason: {what!r}"
            assert "\n" not in text, f"an error of several lines: {text!r} for {what!r}"
            kind = type(error.__cause__ or error).__name__
            self.refused[kind] = self.refused.get(kind, 0) + 1
        except BaseException as error:
            raise AssertionError(f"{type(error).__name__}: {error} for {what!r}") from error
        else:
            self.accepted += 1


def judge_recipes(judge: Judge, chance: random.Random, n: int) -> None:
    """Recipes with strange values, fields or bytes; accepted ones that are small are used."""
    path = judge.out / "recipe.yaml"
    bases = [json.loads(recipe.to_json()) for recipe in _bases()]
    for number in range(n):
        data = json.loads(json.dumps(chance.choice(bases)))
        for _ in range(chance.choice([1, 1, 2, 5])):
            _change_somewhere(data, chance)
        content = json.dumps(data).encode() if number % 2 else _as_yaml(data)
        if number % 4 == 0:
            content = _changed_bytes(content, chance)
        path.write_bytes(content)
        judge.hear(lambda: _use(read_recipe(path)), content)


def judge_tables(judge: Judge, chance: random.Random, n: int) -> None:
    """Results tables of one figure each with cells, rows, columns or bytes changed, and their reports."""
    whole = _measured()
    figures = whole["figure"].unique(maintain_order=True).to_list()
    folder = judge.out / "study"
    folder.mkdir()
    for _ in range(n):
        table = whole.filter(pl.col("figure") == chance.choice(figures))
        content = _parquet(_changed_table(table, chance))
        if chance.random() < 0.3:
            content = _changed_bytes(content, chance)
        (folder / "results.parquet").write_bytes(content)
        judge.hear(lambda: write_report(folder), _described(content))


def judge_weights(judge: Judge, chance: random.Random, n: int) -> None:
    """Weight files with headers and bytes changed; one that is accepted has to hold the weights it had."""
    path = judge.out / "weights.safetensors"
    write_weights(path, build_network(SMALL), SMALL)
    whole = path.read_bytes()
    honest = dict(load(path, device="cpu").network.state_dict())

    def case() -> None:
        loaded = load(path, device="cpu").network.state_dict()
        assert all(torch.equal(tensor, loaded[name]) for name, tensor in honest.items())

    for number in range(n):
        content = _changed_header(whole, chance) if number % 2 else _changed_bytes(whole, chance)
        path.write_bytes(content)
        judge.hear(case, content[:2000])


def _measured() -> pl.DataFrame:
    """Figures 1 to 3 of the smallest preset, from networks that were never trained."""
    preset = find_preset("smoke")
    tables = []
    for name in ("1", "2", "3"):
        recipes = FIGURES[name].models(preset, 0)
        models = {model: NetworkPredictor(build_network(recipe)) for model, recipe in recipes.items()}
        rows = FIGURES[name].rows(Bench(preset, models, torch.device("cpu")), 0)
        tables.append(to_table(rows))
    return pl.concat(tables)


def _bases() -> Iterator[Recipe]:
    published = Path(__file__).parent.parent / "recipes"
    yield from (read_recipe(path) for path in sorted(published.glob("*.yaml")))
    yield SMALL


def _use(recipe: Recipe) -> None:
    """Draw prompts and build the network, where that takes a moment only."""
    dim = recipe.mixture.dim
    if dim * recipe.n_points * recipe.batch < 10**6 and recipe.curriculum is None:
        training_batch(recipe.model_copy(update={"batch": min(recipe.batch, 2)}), 0, torch.device("cpu"))
    backbone = recipe.network.backbone
    if isinstance(backbone, Transformer) and backbone.layers * backbone.width < 1000:
        build_network(recipe)


def _as_yaml(data: Any) -> bytes:
    import yaml

    return yaml.safe_dump(data, allow_unicode=True).encode()


def _change_somewhere(data: Any, chance: random.Random) -> None:
    """Replace, remove or add something at a random place of nested data."""
    here = data
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        below = [key for key in keys if isinstance(here[key], dict | list) and here[key]]
        if not below or chance.random() < 0.4:
            break
        here = here[chance.choice(below)]
    action = chance.randrange(4)
    if isinstance(here, dict):
        if action == 0 and keys:
            del here[chance.choice(keys)]
        elif action == 1 or not keys:
            here[chance.choice(["kind", "dim", "steps", "stranger", "", "weights"])] = _strange(chance)
        else:
            here[chance.choice(keys)] = _strange(chance)
    elif action == 0 or not keys:
        here.append(_strange(chance))
    else:
        here[chance.choice(keys)] = _strange(chance)


def _strange(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(STRANGE))


def _changed_bytes(content: bytes, chance: random.Random) -> bytes:
    """Cut short, extended, or with some bytes changed, moved or doubled."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 3, 30])):
        place = chance.randrange(len(changed) or 1)
        action = chance.randrange(5)
        if action == 0:
            changed[place : place + 1] = bytes([chance.randrange(256)])
        elif action == 1:
            del changed[place : place + chance.randrange(20)]
        elif action == 2:
            changed[place:place] = chance.randbytes(chance.randrange(20))
        elif action == 3:
            changed[place:place] = changed[place : place + chance.randrange(100)]
        elif chance.random() < 0.3:
            del changed[place:]
        if not changed:
            break
    return bytes(changed)


def _changed_header(content: bytes, chance: random.Random) -> bytes:
    """A safetensors file with a header that parses but lies."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if chance.random() < 0.5:
        ours = json.loads(header["__metadata__"]["priormix"])
        _change_somewhere(ours, chance)
        header["__metadata__"]["priormix"] = json.dumps(ours)
    else:
        _change_somewhere(header, chance)
    written = json.dumps(header).encode()
    length = len(written) if chance.random() < 0.9 else chance.choice([0, 1, 2**31, 2**63])
    return length.to_bytes(8, "little") + written + content[8 + size :]


def _changed_table(table: pl.DataFrame, chance: random.Random) -> pl.DataFrame:
    """The table with some cells, rows or columns changed."""
    for _ in range(chance.choice([1, 2, 4])):
        column = chance.choice(table.columns)
        action = chance.randrange(7)
        if action == 0:
            table = table.filter(
                pl.Series([chance.random() < 0.6 for _ in range(len(table))], dtype=pl.Boolean)
            )
        elif action == 1:
            table = pl.concat([table, table.head(chance.randrange(3))])
        elif action == 2 and chance.random() < 0.3:
            table = table.drop(column)
        elif action == 3 and chance.random() < 0.3:
            table = table.with_columns(pl.col(column).cast(pl.String))
        elif len(table):
            table = _with_strange_cell(table, column, chance)
        if not table.columns:
            break
    return table


def _with_strange_cell(table: pl.DataFrame, column: str, chance: random.Random) -> pl.DataFrame:
    values = table[column].to_list()
    dtype = table.schema[column]
    options: list[Any] = [None]
    if dtype == pl.String:
        options += ["", "../../x", "<script>alert(1)</script>", "$x^$", "\x00", "é" * 200, "1", "S4"]
    elif dtype == pl.Float64:
        options += [float("nan"), float("inf"), -float("inf"), 1e300, -1.0, 0.0]
    else:
        options += [-1, 0, 2**62, -(2**62)]
    values[chance.randrange(len(values))] = chance.choice(options)
    return table.with_columns(pl.Series(column, values, dtype=dtype))


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _described(content: bytes) -> str:
    try:
        return str(pl.read_parquet(content).to_dicts())
    # the second is no Exception
    except (Exception, pl.exceptions.PanicException) as error:
        return f"{error}: {content[:200]!r}"


@contextmanager
def _time_limit() -> Iterator[None]:
    """Processor time, so that a busy machine condemns nobody."""

    def too_slow(*_: object) -> None:
        raise TooSlowError(f"more than {LIMIT_S:.0f} s")

    before = signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


_allowed: list[Path] = []
_hooked: list[bool] = []


@contextmanager
def _no_writing_outside(folder: Path) -> Iterator[None]:
    """Raises where Python opens for writing, renames, removes or starts anything outside a folder."""
    if not _hooked:
        sys.addaudithook(_watch)  # hooks cannot be taken off again
        _hooked.append(True)
    _allowed.append(folder.resolve())
    try:
        yield
    finally:
        _allowed.pop()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _allowed:
        return
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        raise AssertionError(f"{event} {arguments}")
    writes = event in (
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.symlink",
        "os.link",
        "os.truncate",
    )
    if event == "open" and isinstance(arguments[2], int):
        writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
    if writes and isinstance(arguments[0], str | bytes | os.PathLike):
        path = Path(os.fsdecode(arguments[0])).resolve()
        # matplotlib keeps a list of the fonts, python its compiled modules
        if _allowed[-1] not in path.parents and "__pycache__" not in path.parts:
            raise AssertionError(f"{event} outside the output folder: {path}")
