"""Lists the fields of configurations in the API: type, default, bounds and description, as pydantic knows them."""

import re
from importlib import import_module
from typing import Any, get_args, get_type_hints

import griffe
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


class Fields(griffe.Extension):
    """Appends a section with the fields to the docstring of every configuration."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Look through a package that has been read."""
        for module in modules(pkg):
            for described in module.classes.values():
                if not described.is_alias and configuration(described):
                    add_fields(described)


def modules(module: griffe.Module) -> list[griffe.Module]:
    """The module and those inside it."""
    inside = [m for m in module.modules.values() if not m.is_alias]
    return [module, *(one for m in inside for one in modules(m))]


def configuration(described: griffe.Class) -> type[BaseModel] | None:
    """The class itself, where it is one of pydantic's."""
    if not described.docstring or not described.bases:
        return None
    found = getattr(import_module(described.module.path), described.name, None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def add_fields(described: griffe.Class) -> None:
    """Append the section, unless a class has no fields but its kind."""
    model = configuration(described)
    docstring = described.docstring
    if model is None or docstring is None:
        return
    # without what pydantic is told beside the types
    types = get_type_hints(model)
    rows = [
        griffe.DocstringParameter(
            name,
            annotation=griffe.parse_docstring_annotation(in_words(types[name]), docstring),
            description=description(field),
        )
        for name, field in model.model_fields.items()
    ]
    if rows:
        docstring.parsed.append(griffe.DocstringSectionParameters(rows, title="Fields:"))


def in_words(annotation: Any) -> str:
    """A type as it would be written, without the modules that its names come from."""
    text = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    return re.sub(r"Optional\[(\w+)\]", r"\1 | None", re.sub(r"\b(\w+\.)+(?=[A-Za-z])", "", text))


def description(field: FieldInfo) -> str:
    """What the field says of itself, its bounds, and its default as it would be written."""
    bounds = [
        f"{words} {getattr(one, name):g}"
        for one in field.metadata
        for name, words in BOUNDS.items()
        if hasattr(one, name)
    ]
    value = field.default
    written = f"{type(value).__name__}()" if isinstance(value, BaseModel) else repr(value)
    default = "to be given" if value is PydanticUndefined else f"default `{written}`"
    return ", ".join([part for part in (field.description, *bounds, default) if part])
