"""Descriptions: frozen pydantic models with parts chosen by ``kind``, read from TOML presets and users' files.

:class:`Description` is the base of everything a user can configure; a :class:`Part` is a description that can be
exchanged for another one of its family: the abstract class right below `Part`. A part comes as a Python object or, in
a file, as a table with its ``kind``; users' parts register themselves by being defined or through the entry-point
group ``ohmloom.parts``, never by an import string in a file.
"""

from __future__ import annotations

import inspect
import tomllib
from abc import ABC
from collections.abc import Mapping
from functools import partial
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny, ValidationError

from ohmloom.errors import ConfigurationError, UnknownNameError, message, unknown
from ohmloom.quantities import reading_file


class Description(BaseModel):
    """A frozen description; unknown fields are refused, and errors are :class:`ConfigurationError`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, ser_json_inf_nan="null"
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ConfigurationError(_sentences(type(self), error)) from None

    @classmethod
    def parse(cls, table: Mapping[str, Any], *, file: str | None = None) -> Self:
        """Build from a table; with ``file`` bare numbers are refused where a unit is needed."""
        token = reading_file.set(file is not None)
        try:
            return cls(**table)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}: {error}" if file else str(error)) from None
        finally:
            reading_file.reset(token)

    def table(self) -> dict[str, Any]:
        """The description as a table that :meth:`parse` reads back to an equal object (quantities as exact text)."""
        return _without_none(self.model_dump(mode="json"))

    def replace(self, **changes: Any) -> Self:
        """A checked copy with some fields changed."""
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changes)


class Preset(Description, ABC):
    """A description that lives in TOML files: shipped presets of ``folder``, or a user's own file.

    A file may name another preset with ``extends``; its own fields then replace those of the other one, table by
    table. ``sources`` says for each number whether it is published, fitted or assumed, and from where.
    """

    folder: ClassVar[str]  # package that holds the shipped files, such as "ohmloom.devices.presets"
    noun: ClassVar[str]

    name: str
    summary: str = ""
    sources: dict[str, str] = {}

    @classmethod
    def names(cls) -> list[str]:
        """The names of the shipped presets."""
        return sorted(f.name.removesuffix(".toml") for f in files(cls.folder).iterdir() if f.name.endswith(".toml"))

    @classmethod
    def load(cls, source: str | Path, *, parts: tuple[Part, ...] | list[Part] = ()) -> Self:
        """Load a shipped preset by name or a file by path; ``parts`` replace those of the same family.

        Raises UnknownNameError for an unknown preset and ConfigurationError for a file that breaks a rule.
        """
        description = cls.parse(cls.raw(source), file=str(source))
        return description.with_parts(parts) if parts else description

    @classmethod
    def raw(cls, source: str | Path, _seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """The table of a preset or file with ``extends`` resolved."""
        file = cls._find(source)
        if str(file) in _seen:
            raise ConfigurationError(message(f"{cls.noun}.extends", "must not form a circle", source, "Break it."))
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(message(str(source), "must be valid TOML", error, "Mend that line.")) from None
        base = table.pop("extends", None)
        if base is None:
            return table
        return _merge(cls.raw(beside(source, base), (*_seen, str(file))), table)

    @classmethod
    def _find(cls, source: str | Path) -> Traversable:
        path = Path(source)
        if path.suffix == ".toml" or isinstance(source, Path):
            if not path.is_file():
                raise UnknownNameError(message(cls.noun, "no such file", repr(str(source)), "Check the path."))
            return path
        shipped = files(cls.folder) / f"{source}.toml"
        if not shipped.is_file():
            raise unknown(cls.noun, str(source), cls.names())
        return shipped

    def with_parts(self, parts: tuple[Part, ...] | list[Part]) -> Self:
        """A copy in which each given part takes the place of its family's, here or in a description held here."""
        changed = self
        for part in parts:
            replaced = _with_part(changed, part)
            if replaced is None:
                rule = f"must belong to a family that this {self.noun} has"
                raise ConfigurationError(message("parts", rule, type(part).__name__, "Give another part."))
            changed = replaced
        return changed


class Part(Description, ABC):
    """An exchangeable part of a description. Final classes set a ``kind`` with a default."""

    _kinds: ClassVar[dict[type, dict[str, type[Part]]]] = {}

    @classmethod
    def family(cls) -> type[Part]:
        """The abstract class right below `Part` that this part implements."""
        return next(c for c in reversed(cls.__mro__[: cls.__mro__.index(Part)]) if issubclass(c, Part))

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        kind = cls.model_fields.get("kind")
        if kind is not None and not inspect.isabstract(cls):
            Part._kinds.setdefault(cls.family(), {})[kind.default] = cls


def beside(source: str | Path, name: str) -> str:
    """What ``name`` means in the file ``source``: a shipped preset, or a file relative to this one."""
    return str(Path(source).resolve().parent / name) if name.endswith(".toml") else name


Held = TypeVar("Held", bound=Description)


def _with_part(description: Held, part: Part) -> Held | None:
    """A copy with ``part`` in the field of its family, looked for from the outside in; None if there is none."""
    fields = type(description).model_fields
    for name, info in fields.items():
        if _holds(info.annotation, part.family()):
            return description.replace(**{name: part})
    for name in fields:
        value = getattr(description, name)
        inner = _with_part(value, part) if isinstance(value, Description) else None
        if inner is not None:
            return description.replace(**{name: inner})
    return None


def _holds(annotation: Any, family: type[Part]) -> bool:
    """True for the family, and for the family or nothing."""
    either = annotation is family or get_origin(annotation) in (Union, UnionType, Annotated)
    return annotation is family or (either and any(_holds(a, family) for a in get_args(annotation)))


def _resolve(value: object, *, family: type[Part]) -> object:
    if not isinstance(value, Mapping):
        return value
    name = value.get("kind")
    kinds = Part._kinds.get(family, {})
    if name is None:
        raise ValueError(message("kind", "must be given", "nothing", f"Known: {', '.join(sorted(kinds))}."))
    if name not in kinds:
        for entry in entry_points(group="ohmloom.parts"):
            entry.load()
    if name not in kinds:
        raise ValueError(str(unknown("kind", str(name), kinds)))
    return kinds[str(name)](**value)


if TYPE_CHECKING:
    Family = TypeVar("Family", bound=Part)
    Choice = Annotated[Family, "any part of this family"]
else:

    class Choice:
        """``Choice[ReadNoise]``: a field that holds any part of that family, as an object or as a table with ``kind``.

        To a type checker it is the family itself.
        """

        def __class_getitem__(cls, family: type[Part]) -> Any:
            return Annotated[SerializeAsAny[family], BeforeValidator(partial(_resolve, family=family))]


def _sentences(cls: type[BaseModel], error: ValidationError) -> str:
    """Pydantic's list of errors in the house form, one sentence for each."""
    return " ".join(_sentence(cls, item) for item in error.errors())


def _sentence(cls: type[BaseModel], item: Any) -> str:
    where = ".".join([cls.__name__, *(str(step) for step in item["loc"])])
    if item["type"] == "extra_forbidden":
        return str(unknown(where, str(item["loc"][-1]), cls.model_fields)).replace("no such name", "unknown field", 1)
    if item["type"] == "missing":
        return message(where, "must be given", "nothing", "Add this field.")
    text = item["msg"].removeprefix("Value error, ")
    return f"{where}: {text}" if "got " in text else message(where, text, repr(item["input"]), "Correct this value.")


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """``own`` over ``base``, table by table; a part of another ``kind`` replaces the whole table."""
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        same = both and ("kind" not in value or value["kind"] == old.get("kind"))  # type: ignore[union-attr]
        merged[key] = _merge(old, value) if same else value  # type: ignore[arg-type]
    return merged


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list | tuple) else value
