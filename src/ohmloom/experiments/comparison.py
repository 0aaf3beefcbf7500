"""Runs of one system side by side: their figures, and what differs in their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ohmloom.errors import ConfigurationError, FormatError, message
from ohmloom.experiments.claims import Origin
from ohmloom.experiments.figures import Figure
from ohmloom.experiments.result import Result


@dataclass(frozen=True)
class Comparison:
    """Runs of one system, in the given order. Where a run lacks a figure or a setting it has None."""

    system: str
    title: str
    runs: tuple[str, ...]
    figures: Mapping[str, tuple[Figure | None, ...]]
    settings: Mapping[str, tuple[Any, ...]]  # by dotted path, only those that differ

    def table(self) -> list[tuple[str, ...]]:
        """One row for each figure, as text."""
        return [(name, *("" if one is None else shown(one) for one in of)) for name, of in self.figures.items()]

    def json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "system": self.system,
            "runs": list(self.runs),
            "figures": {
                name: [None if one is None else one.model_dump(mode="json") for one in of]
                for name, of in self.figures.items()
            },
            "settings that differ": {path: list(values) for path, values in self.settings.items()},
        }


def compare(results: Sequence[Result], names: Sequence[str]) -> Comparison:
    """Put runs side by side. Raises ConfigurationError for fewer than two, and for runs of different systems."""
    if len(results) < 2:
        raise ConfigurationError(message("runs", "must be at least two", len(results), "Name two folders of runs."))
    systems = list(dict.fromkeys(result.system for result in results))
    if len(systems) > 1:
        rule, remedy = "must be of one system", "Compare each system's own; `ohmloom board` shows all systems."
        raise ConfigurationError(message("runs", rule, " and ".join(systems), remedy))
    figures = {name: None for result in results for name in result.figures}
    about = [_flat(result.settings) | {"tier": result.tier, "seeds": list(result.seeds)} for result in results]
    paths = {path: None for one in about for path in one}
    columns = {path: tuple(one.get(path) for one in about) for path in paths}
    return Comparison(
        systems[0],
        results[0].about.title,
        tuple(names),
        {name: tuple(result.figures.get(name) for result in results) for name in figures},
        {path: values for path, values in columns.items() if any(value != values[0] for value in values)},
    )


def check_verdicts(result: Result, file: str) -> None:
    """Verdicts must follow from the figures beside them, as they do in every file that a run has written.

    Raises FormatError for a result that was changed by hand.
    """
    origins: dict[str, Origin] = {use.name: use.origin for use in result.data}
    for claim in result.claims:
        if claim.verdict in ("reproduced", "not reproduced"):
            _check(file, f"claim '{claim.name}'", claim, claim.judge(result.figures, origins))
    for control in result.controls:
        _check(file, f"control '{control.name}'", control, control.judge(result.figures))


def _check(file: str, what: str, stands: Any, follows: Any) -> None:
    if (stands.verdict, stands.ours) != (follows.verdict, follows.ours):
        rule = "must say what its figures say; this file was changed by hand"
        given = f"{stands.verdict} ({stands.ours}) where they say {follows.verdict} ({follows.ours})"
        raise FormatError(message(f"{file}: {what}", rule, given, "Take the file that the run wrote."))


def shown(figure: Figure) -> str:
    """A figure with its interval, in a few digits."""
    if figure.interval is None or figure.value is None:
        return figure.text
    return f"{figure.text} ({figure.interval.low:.4g} to {figure.interval.high:.4g})"


def _flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        place = f"{path}.{name}" if path else name
        found |= _flat(value, place) if isinstance(value, Mapping) else {place: value}
    return found
