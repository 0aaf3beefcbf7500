"""What a search tries: a user's network on a changed chip, or a run of a system with changed settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ohmloom import atomic
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, FormatError, message
from ohmloom.experiments.search import Search, replaced, values

COSTS = ("energy_joule", "latency_second", "area_square_metre")
FILE = "trial.json"


class Evaluated(Description):
    """``[evaluate]``: the options of `ohmloom evaluate`. Variables are ``chip.…`` (any field of the chip's file, its
    device as ``chip.device.…``), ``dies`` and ``age``. Figures: the metric by its name, that in ``software``, and
    ``energy_joule``, ``latency_second``, ``area_square_metre`` of one inference."""

    model: str
    data: str
    weights: str | None = None
    subset: Literal["full", "embedded"] = "full"
    metric: str = "accuracy"
    chip: str = "neurram"
    dies: int = Field(default=3, ge=1)
    age: str = "1 day"
    samples: int = Field(default=300, ge=1)

    def check(self, middle: Mapping[str, Any]) -> None:
        """Raises ConfigurationError for a variable that does not exist, and if the middle of all ranges is no chip."""
        self._changed(middle)

    def __call__(self, values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
        from ohmloom.cli.given import load_metric, load_model, load_task
        from ohmloom.experiments.evaluate import evaluate

        chip, own = self._changed(values)
        judge, task = load_metric(self.metric), load_task(self.data, self.subset, self.samples)
        network = load_model(self.model, None if self.weights is None else Path(self.weights))
        found = evaluate(network, chip, task, judge=judge, seed=seed, **own)
        figures = {judge.name: found.chip.value, "software": found.software.value}
        figures |= {name: getattr(found.cost, name) for name in COSTS}
        record = {"values": dict(values), "seed": seed, "figures": figures, "chip": chip.table()}
        record["over dies"] = found.chip.model_dump(mode="json")
        atomic.write_text(folder / FILE, json.dumps(record, indent=1, ensure_ascii=False, default=str))
        return {name: float("nan") if value is None else float(value) for name, value in figures.items()}

    def _changed(self, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        from ohmloom.chips import Chip
        from ohmloom.cli.given import load_chip

        table = load_chip(self.chip).table()
        of_chip = {path.removeprefix("chip."): value for path, value in values.items() if path.startswith("chip.")}
        own: dict[str, Any] = {"dies": self.dies, "age": self.age}
        for path in values.keys() - {f"chip.{name}" for name in of_chip}:
            if path not in own:
                rule = f"must begin with 'chip.', or be one of {', '.join(own)}"
                raise ConfigurationError(message(f"variable {path}", rule, path, "Mend the path."))
            own[path] = values[path]
        changed = replaced(table, of_chip)
        return Chip.parse(changed, file="search"), own


class Run(Description):
    """``[run]``: a system's run in a tier. Variables are its settings, by dotted path. Figures are the run's own, and
    ``energy_joule``, ``latency_second``, ``area_square_metre`` of its cost."""

    system: str
    tier: str = "smoke"

    def check(self, middle: Mapping[str, Any]) -> None:
        """Raises ConfigurationError for a variable that does not exist, and if the middle of all ranges is no setting;
        UnknownNameError for a system or tier that does not exist."""
        from ohmloom.systems import load

        settings = load(self.system).tier(self.tier).settings
        type(settings).parse(replaced(settings.table(), middle), file="search")

    def __call__(self, values: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
        from ohmloom.experiments import run
        from ohmloom.systems import load

        system = load(self.system)
        settings = replaced(system.tier(self.tier).settings.table(), values)
        result = run(system, tier=self.tier, seed=seed, out=folder, settings=settings)
        figures = {name: figure.value for name, figure in result.figures.items()}
        if result.cost is not None:
            figures |= {name: getattr(result.cost, name) for name in COSTS}
        return {name: float(value) for name, value in figures.items() if value is not None}


class SearchFile(Search):
    """A search as a file: `[evaluate]` or `[run]`, `[[variables]]`, `[[objectives]]`, and how it is looked for."""

    evaluate: Evaluated | None = None
    run: Run | None = None

    @model_validator(mode="after")
    def _one_trial(self) -> Self:
        if (self.evaluate is None) == (self.run is None):
            raise ValueError("a search must have [evaluate] or [run], got neither or both. Give one of the two.")
        return self

    @property
    def trial(self) -> Evaluated | Run:
        """What is tried."""
        chosen = self.evaluate or self.run
        assert chosen is not None
        return chosen

    @classmethod
    def read(cls, file: Path) -> SearchFile:
        """Raises FormatError for a file that is missing or breaks a rule, and for variables that do not exist."""
        import tomllib

        try:
            found = cls(**tomllib.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise FormatError(message(str(file), "must be a file", error, "Check the path.")) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FormatError(message(str(file), "must be valid TOML", error, "Mend that line.")) from None
        except ConfigurationError as error:
            raise FormatError(f"{file}: {error}") from None
        found.trial.check(values(found.variables, [0.5] * len(found.variables)))
        return found
