"""Lists the fields of configurations in the API, with what pydantic knows of them."""

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
                if not described.is_alias:
                    add_fields(described, pkg.modules_collection)


def modules(module: griffe.Module) -> list[griffe.Module]:
    """The module and those inside it."""
    inside = [m for m in module.modules.values() if not m.is_alias]
    return [module, *(one for m in inside for one in modules(m))]


def configuration(described: griffe.Class) -> type[BaseModel] | None:
    """The class itself, where it is one of pydantic's and has a docstring."""
    if not described.docstring or not described.bases:
        return None
    found = getattr(import_module(described.module.path), described.name, None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def add_fields(described: griffe.Class, known: griffe.ModulesCollection) -> None:
    """Append the section, where there are fields."""
    model, docstring = configuration(described), described.docstring
    if model is None or docstring is None or not model.model_fields:
        return
    # the types without what pydantic is told beside them
    rows = [
        griffe.DocstringParameter(
            name,
            annotation=annotation(kind, docstring, known),
            description=description(model.model_fields[name]),
        )
        for name, kind in get_type_hints(model).items()
        if name in model.model_fields
    ]
    docstring.parsed.append(griffe.DocstringSectionParameters(rows, title="Fields:"))


def annotation(kind: Any, docstring: griffe.Docstring, known: griffe.ModulesCollection) -> Any:
    """A type as it would be written, with links."""
    if isinstance(kind, type) and kind.__module__.startswith("priormix."):
        # a name of the module that defines it, which the configuration's own may not know
        return griffe.ExprName(kind.__name__, parent=known[kind.__module__])
    text = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    without_modules = re.sub(r"\b(\w+\.)+(?=[A-Za-z])", "", text)
    return griffe.parse_docstring_annotation(
        re.sub(r"Optional\[(\w+)\]", r"\1 | None", without_modules), docstring
    )


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
    default = "required" if value is PydanticUndefined else f"default `{written}`"
    return ", ".join([part for part in (field.description, *bounds, default) if part])
