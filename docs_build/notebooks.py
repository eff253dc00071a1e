"""Runs the pages that are notebooks, Markdown with a Jupytext header, and shows what their cells do.

A cell that fails, or writes on the error stream, fails the build. The cells become ordinary Markdown, so
that links, anchors and citations of these pages are checked like those of all others.
"""

import base64
import logging
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from nbclient import NotebookClient
from traitlets.config import Config

log = logging.getLogger("mkdocs.hooks.notebooks")

SECONDS_A_CELL = 300


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Replace the source of a notebook by its cells and what came of them."""
    if "jupytext" not in page.meta.get("jupyter", {}):
        return markdown
    place = page.file.src_uri.removesuffix(".md")
    shown = Shown(place.rsplit("/", 1)[-1])
    try:
        cells = executed(page.file.content_string)
    except Exception as error:
        raise PluginError(f"{page.file.src_uri}: {error}") from error
    text = "\n\n".join(shown.cell(cell) for cell in cells)
    for complaint in shown.complaints:
        log.warning("%s: a cell wrote on the error stream: %s", page.file.src_uri, complaint)
    folder = place.rpartition("/")[0]
    for name, content in shown.figures.items():
        files.append(File.generated(config, f"{folder}/{name}" if folder else name, content=content))
    return text


class ThisPython(AsyncKernelManager):
    """A kernel of the Python that builds the site, whatever kernels the machine knows by name."""

    @property
    def kernel_spec(self) -> KernelSpec:
        commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        options = ["--InlineBackend.figure_formats=svg"]
        # huggingface_hub's progress bars would be widgets in a notebook; the pages show none
        quiet = "ignore:IProgress not found"
        return KernelSpec(
            argv=start + options, env={"PATH": commands, "PYTHONWARNINGS": quiet}, language="python"
        )


# a server that builds again and again runs only what has changed
@lru_cache
def executed(source: str) -> list[Any]:
    """The cells of a notebook after a run in an empty folder."""
    notebook = jupytext.reads(source, fmt="md")
    with TemporaryDirectory() as folder, TemporaryDirectory() as sockets:
        config = Config(KernelManager={"transport": "ipc", "ip": f"{sockets}/kernel"})
        place = {"metadata": {"path": folder}}
        NotebookClient(
            notebook,
            timeout=SECONDS_A_CELL,
            kernel_manager_class=ThisPython,
            resources=place,
            config=config,
        ).execute()
    return list(notebook.cells)


class Shown:
    """The Markdown of executed cells, with the figures and complaints that turn up on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.figures: dict[str, bytes] = {}
        self.complaints: list[str] = []

    def cell(self, cell: Any) -> str:
        """A cell's text or code, then its outputs."""
        if cell.cell_type != "code":
            return str(cell.source)
        parts = [fence(cell.source, "python"), *(self.output(output) for output in cell.outputs)]
        return "\n\n".join(part for part in parts if part)

    def output(self, output: Any) -> str:
        """What a cell printed as text, what it drew as a picture."""
        if output.output_type == "stream":
            if output.name == "stderr":
                self.complaints.append(output.text)
                return ""
            return fence(output.text.rstrip(), "text", "output")
        data = output.get("data", {})
        for kind, suffix in (("image/svg+xml", "svg"), ("image/png", "png")):
            if kind in data:
                return self.figure(data[kind], suffix)
        text = data.get("text/plain", "")
        return fence(text, "text", "output") if text else ""

    def figure(self, drawn: str, suffix: str) -> str:
        """A picture in a file of its own beside the page."""
        name = f"{self.name}-{len(self.figures) + 1}.{suffix}"
        self.figures[name] = base64.b64decode(drawn) if suffix == "png" else drawn.encode()
        return f"![What the cell above draws]({name})"


def fence(text: str, language: str, *classes: str) -> str:
    """A fenced block whose fence is longer than any inside it."""
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    attributes = " ".join(f".{name}" for name in (language, *classes))
    return f"{ticks} {{ {attributes} }}\n{text}\n{ticks}"
