"""Makes links of citations such as [garg2022], on pages and in docstrings, and anchors of the references."""

import posixpath
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor

REFERENCES = "references.md"
# not where a link's target follows
CITATION = r"\[([a-z]+\d{4})\](?![\[(])"


class Citations(InlineProcessor):
    """A key is an anchor on the page of references, where it stands first, and a link elsewhere."""

    def __init__(self, keys: set[str]) -> None:
        super().__init__(CITATION)
        self.keys = keys
        self.page = REFERENCES

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[Any, int | None, int | None]:  # noqa: N802
        key = m[1]
        if key not in self.keys:
            return None, None, None
        if self.page == REFERENCES:
            element = ElementTree.Element("span", {"id": key})
        else:
            target = posixpath.relpath(REFERENCES, posixpath.dirname(self.page) or ".")
            element = ElementTree.Element("a", {"href": f"{target}#{key}"})
        element.text = f"[{key}]"
        return element, m.start(0), m.end(0)


class CitationsExtension(Extension):
    """Citations on pages and in docstrings; mkdocstrings reads those with the same extensions."""

    def __init__(self, citations: Citations) -> None:
        super().__init__()
        self.citations = citations

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        # before the references of Markdown, which are brackets too
        md.inlinePatterns.register(self.citations, "citation", 175)


_state: dict[str, Citations] = {}


def on_config(config: Any) -> Any:
    """Read the keys, and have every Markdown text looked through for them."""
    listed = (Path(config.docs_dir) / REFERENCES).read_text(encoding="utf-8")
    _state["citations"] = Citations(set(re.findall(r"^- \*\*\[(\w+)\]\*\*", listed, re.MULTILINE)))
    config.markdown_extensions.append(CitationsExtension(_state["citations"]))
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> None:
    """Links are relative to the page that holds them."""
    _state["citations"].page = page.file.src_uri
