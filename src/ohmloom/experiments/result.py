"""``result.json``: the whole truth about a run, checked by the same model when it is written and when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from ohmloom import markup
from ohmloom.descriptions import Choice, Description
from ohmloom.errors import ConfigurationError, FormatError, message
from ohmloom.experiments.claims import Claim, Control, Origin
from ohmloom.experiments.figures import Figure, Name, say
from ohmloom.experiments.plots import Plot

if TYPE_CHECKING:
    from ohmloom import chips

SCHEMA = 1
FILE = "result.json"
NotNegative = Annotated[float, Field(ge=0)]


class Paper(Description):
    """The publication that a system reproduces."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]  # of its BibTeX entry
    authors: tuple[str, ...]  # "W. Wan"
    title: str
    journal: str
    year: int
    volume: str = ""
    pages: str = ""
    doi: str = ""
    note: str = ""  # such as a preprint under another title

    @property
    def text(self) -> str:
        """One line for a reference list."""
        names = ", ".join(self.authors[:3]) + (" et al." if len(self.authors) > 3 else "")
        place = " ".join(part for part in (self.journal, self.volume) if part) + (
            f", {self.pages.replace('-', '–')}" * bool(self.pages)
        )
        end = (f", doi:{self.doi}" * bool(self.doi)) + (f". {self.note}" * bool(self.note))
        return f"{names}, “{self.title}”, {place} ({self.year}){end}"

    @property
    def bibtex(self) -> str:
        """The BibTeX entry."""
        fields = {"author": " and ".join(self.authors), "title": f"{{{self.title}}}", "journal": self.journal}
        fields |= {"year": str(self.year), "volume": self.volume, "pages": self.pages.replace("-", "--")}
        fields |= {"doi": self.doi, "note": self.note}
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@article{{{self.key},", *lines, "}"])


class DataUse(Description):
    """A data set that a run used, and what stood for it: the real one, an embedded subset, a synthetic stand-in."""

    name: Name
    origin: Origin
    note: str = ""


class CostShare(Description):
    """What one component or layer costs; None where this cost is not split that way."""

    energy_joule: NotNegative | None = None
    latency_second: NotNegative | None = None
    area_square_metre: NotNegative | None = None


class Cost(Description):
    """Energy, latency and area with their parts, basis and schedule; ``per`` says of what."""

    per: str = "per inference"
    energy_joule: NotNegative | None
    latency_second: NotNegative | None
    area_square_metre: NotNegative | None
    components: dict[str, CostShare] = Field(default_factory=dict)
    layers: dict[str, CostShare] = Field(default_factory=dict)
    basis: str  # which component energies, of which node, from where
    schedule: str  # what overlaps with what
    reason: str | None = None  # why one of the three is None

    @model_validator(mode="after")
    def _parts_sum_to_the_total(self) -> Self:
        if None in (self.energy_joule, self.latency_second, self.area_square_metre) and not self.reason:
            raise ValueError("a missing cost must say why, got no reason. Give a reason.")
        for field in ("energy_joule", "area_square_metre"):
            for split in (self.components, self.layers):
                _check_sum(field, getattr(self, field), [getattr(share, field) for share in split.values()])
        return self

    @classmethod
    def priced(cls, cost: chips.Cost) -> Cost:
        """What `ohmloom.chips` priced, as it stands in a result."""
        parts = {
            n: CostShare(energy_joule=cost.components.get(n), area_square_metre=cost.areas.get(n))
            for n in dict.fromkeys([*cost.components, *cost.areas])
        }
        layers = {
            n: CostShare(energy_joule=joule, latency_second=cost.layer_seconds.get(n))
            for n, joule in cost.layers.items()
        }
        totals = {n: getattr(cost, n) for n in ("energy_joule", "latency_second", "area_square_metre")}
        return cls(per=cost.per, components=parts, layers=layers, basis=cost.basis, schedule=cost.schedule, **totals)


class Table(Description):
    """A table of a run's own, shown in the report as it is."""

    name: Name
    caption: str = ""
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"each row must have {len(self.columns)} cells, got {len(row)}. Fill the row.")
        return self


class Statement(Description):
    """An assumption or a reference: a sentence and where it comes from (a DOI, a paper, a specification)."""

    text: Name
    source: str = ""


class About(Description):
    """What the report says of the system, so that it can be rebuilt without it."""

    title: str
    summary: str
    citation: str
    doi: str = ""


def _named(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: {"name": name, **f} if isinstance(f, Mapping) else f for name, f in value.items()}


class Result(Description):
    """All that a run found. ``status`` is *interrupted* until the run has ended by itself; ``stopped`` says why."""

    model_config = ConfigDict(populate_by_name=True)  # `schema` itself is a name of pydantic's

    schema_number: Literal[1] = Field(default=SCHEMA, alias="schema")
    system: str
    tier: str
    seeds: tuple[int, ...]
    status: Literal["complete", "interrupted"]
    stopped: str | None = None
    seconds: NotNegative
    command: str
    about: About
    settings: dict[str, Any]
    figures: Annotated[dict[str, Figure], BeforeValidator(_named)] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    controls: tuple[Control, ...] = ()
    cost: Cost | None = None
    data: tuple[DataUse, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Choice[Plot], ...] = ()
    assumptions: tuple[Statement, ...] = ()
    references: tuple[Statement, ...] = ()
    environment: dict[str, str | int | bool | None]

    def _repr_html_(self) -> str:
        claims = [
            (c.name, say(c.published, c.unit), c.version, say(c.ours, c.unit) if c.ours is not None else "", c.verdict)
            for c in self.claims
        ]
        spans = {name: figure.interval for name, figure in self.figures.items()}
        figures = [
            (name, figure.text, "" if (span := spans[name]) is None else f"{span.low:.4g} to {span.high:.4g}")
            for name, figure in self.figures.items()
        ]
        controls = [(c.name, c.expectation, c.verdict) for c in self.controls]
        return (
            markup.lines(f"{self.about.title}: {self.system}, {self.tier} tier, {self.status}")
            + markup.table(("claim", "published", "version", "ours", "verdict"), claims)
            + markup.table(("control", "expectation", "verdict"), controls)
            + markup.table(("figure", "value", "interval"), figures)
        )

    def text(self) -> str:
        """The contents of ``result.json``: strict JSON, no NaN."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1, allow_nan=False, ensure_ascii=False)


def read_result(source: str | Path) -> Result:
    """Read the result in a run's folder, or a ``result.json`` itself.

    Raises FormatError for a folder without one, and for a file that is broken or of another version.
    """
    file = Path(source)
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        rule = f"must be a run's folder with its {FILE}"
        raise FormatError(message(str(source), rule, "none there", "Give the folder that `ohmloom run` printed."))
    try:
        table = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse)
    except ValueError as error:
        raise FormatError(message(str(file), "must be strict JSON", error, "Repeat the run.")) from None
    number = table.get("schema") if isinstance(table, dict) else None
    if number != SCHEMA:
        rule = f"must be a result of schema {SCHEMA}"
        raise FormatError(message(str(file), rule, repr(number), "Repeat the run with this version of ohmloom."))
    try:
        return Result(**table)
    except ConfigurationError as error:
        raise FormatError(f"{file}: {error}") from None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _check_sum(field: str, total: float | None, parts: list[float | None]) -> None:
    known = [part for part in parts if part is not None]
    if total is None or not known:
        return
    if abs(sum(known) - total) > 1e-6 * max(total, *known):
        raise ValueError(f"{field}: parts must sum to the total {total}, got {sum(known)}. Count each part once.")
