"""Families of configurable nouns, told apart by their `kind`.

A noun (a function class, a predictor, a backbone, ...) is its own configuration: a frozen pydantic
model whose `kind` names it in YAML and JSON. Defining a subclass registers it. Installed packages add
members by an entry point in the family's group; `kind: package.module:Class` imports a class by its
path, which runs code and so needs `allow_imports()`.
"""

import importlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from priormix.errors import PriormixError

K = TypeVar("K", bound="Kind")

_imports_allowed: ContextVar[bool] = ContextVar("imports_allowed", default=False)


@contextmanager
def allow_imports(allowed: bool = True) -> Iterator[None]:
    """Within this context a kind may name a class by `package.module:Class`, which imports it."""
    token = _imports_allowed.set(allowed)
    try:
        yield
    finally:
        _imports_allowed.reset(token)


class Family:
    """The members of one family by their kind, for example all function classes."""

    def __init__(self, noun: str, group: str) -> None:
        self.noun = noun
        self.group = group
        self._members: dict[str, type[Kind]] = {}
        self._paths: dict[type[Kind], str] = {}

    def register(self, kind: str, member: "type[Kind]") -> None:
        """Add a member; raises TypeError where another class holds the kind already."""
        held = self._members.get(kind)
        if held is not None and (held.__module__, held.__qualname__) != (
            member.__module__,
            member.__qualname__,
        ):
            raise TypeError(f"{self.noun} kind {kind!r} is taken by {held.__module__}.{held.__name__}")
        self._members[kind] = member

    def members(self) -> "dict[str, type[Kind]]":
        """All registered members by kind, in the order in which they were defined."""
        return dict(self._members)

    def kinds(self) -> list[str]:
        """The kinds of all members, those of installed packages that are not loaded yet included."""
        return list(dict.fromkeys([*self._members, *(entry.name for entry in self._installed())]))

    def all_members(self) -> "dict[str, type[Kind]]":
        """All members by kind, for which every installed package is loaded.

        Raises PriormixError that names the package where one cannot be loaded.
        """
        try:
            return {kind: self.find(kind) for kind in self.kinds()}
        except ValueError as error:
            raise PriormixError(str(error)) from error

    def find(self, kind: str) -> "type[Kind]":
        """The member of that kind; raises ValueError that lists the known kinds."""
        if kind in self._members:
            return self._members[kind]
        if ":" in kind:
            return self._import(kind)
        for entry in self._installed():
            if entry.name == kind:
                return self._load(entry)
        raise ValueError(f"unknown {self.noun} kind {kind!r}; known: {', '.join(self.kinds())}")

    def _installed(self) -> EntryPoints:
        return entry_points(group=self.group)

    def _load(self, entry: EntryPoint) -> "type[Kind]":
        package = entry.dist.name if entry.dist else entry.module
        try:
            found = self._checked(entry.load(), entry.value)
        # a package may fail in any way while it is imported
        except Exception as error:
            raise ValueError(
                f"{self.noun} kind {entry.name!r} of the installed package {package!r} cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        named = found.model_fields["kind"].default
        if named != entry.name:
            raise ValueError(
                f"the installed package {package!r} offers the {self.noun} kind {named!r} under the name "
                f"{entry.name!r}; its entry point must have the name of the kind"
            )
        return found

    def _import(self, path: str) -> "type[Kind]":
        if not _imports_allowed.get():
            raise ValueError(f"{self.noun} kind {path!r} would import code; pass --allow-imports to let it")
        module, _, name = path.partition(":")
        known = self.kinds()
        try:
            found = self._checked(getattr(importlib.import_module(module), name), path)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{self.noun} kind {path!r} cannot be imported: {error}") from error
        if found.model_fields["kind"].default not in known:
            self._paths[found] = path
        return found

    def name_of(self, member: "type[Kind]") -> str:
        """By what name a file should call the member: its kind, or the path that made the kind known here.

        Another process would not know that kind before it has imported the path.
        """
        kind: str = member.model_fields["kind"].default
        return self._paths.get(member, kind)

    def _checked(self, found: Any, source: str) -> "type[Kind]":
        if not (isinstance(found, type) and issubclass(found, Kind) and found.family is self):
            raise ValueError(f"{source!r} is not a {self.noun}")
        return found


class Frozen(BaseModel):
    """A configuration: immutable, hashable, and strict about fields that do not exist."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Kind(Frozen):
    """A configuration that belongs to a family and is named by its `kind`."""

    family: ClassVar[Family]
    kind: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        default = cls.model_fields["kind"].default
        if isinstance(default, str):
            cls.family.register(default, cls)

    @classmethod
    def parse(cls: type[K], value: Any) -> K:
        """Build the member that `value["kind"]` names; instances of the family pass through."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise ValueError(f"expected a {cls.family.noun} with a field 'kind'")
        kind = value.get("kind")
        if not isinstance(kind, str):
            raise ValueError(f"a {cls.family.noun} needs a field 'kind': one of {_listed(cls)}")
        member = cls.family.find(kind)
        if not issubclass(member, cls):
            raise ValueError(f"kind {kind!r} is not a {cls.__name__}")
        fields = {**value, "kind": member.model_fields["kind"].default}
        return member.model_validate(fields)


def _listed(base: type[Kind]) -> str:
    return ", ".join(base.family.kinds())


def _dumped(member: Kind) -> dict[str, Any]:
    return {**member.model_dump(mode="json"), "kind": member.family.name_of(type(member))}


class OfKind:
    """Annotation of a field that holds any member of a family: `Annotated[FunctionClass, OfKind()]`."""

    def __get_pydantic_core_schema__(self, source: type[Kind], handler: GetCoreSchemaHandler) -> CoreSchema:
        self._base = source
        return core_schema.no_info_plain_validator_function(
            source.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(_dumped),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"x-family": self._base.__name__}


def json_schema(model: type[Frozen]) -> dict[str, Any]:
    """The JSON schema of a configuration, every family written out as a choice of its members."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    pending = list(_families_in(schema))
    while pending:
        base = pending.pop()
        if base in definitions:
            continue
        members = _base_by_name(base).family.all_members()
        names = _names_of(members)
        definitions[base] = {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in names.values()]}
        for kind, member in members.items():
            described = member.model_json_schema()
            described["required"] = sorted({"kind", *described.get("required", [])})
            definitions.update(described.pop("$defs", {}))
            definitions[names[kind]] = described
            pending.extend(_families_in(described))
    resolved = _with_references(schema)
    assert isinstance(resolved, dict)
    return resolved


def _names_of(members: dict[str, type[Kind]]) -> dict[str, str]:
    """A name for each kind: that of its class, with the kind behind it where another has that name too."""
    counts = Counter(member.__name__ for member in members.values())
    return {
        kind: member.__name__ if counts[member.__name__] == 1 else f"{member.__name__}.{kind}"
        for kind, member in members.items()
    }


def _base_by_name(name: str) -> type[Kind]:
    return next(base for base in Kind.__subclasses__() if base.__name__ == name)


def _families_in(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "x-family" in node:
            yield node["x-family"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _families_in(child)


def _with_references(node: Any) -> Any:
    if isinstance(node, dict):
        renamed = {key: _with_references(child) for key, child in node.items() if key != "x-family"}
        return {**renamed, "$ref": f"#/$defs/{node['x-family']}"} if "x-family" in node else renamed
    if isinstance(node, list):
        return [_with_references(child) for child in node]
    return node
