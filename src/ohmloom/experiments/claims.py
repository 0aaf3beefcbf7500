"""Claims and controls: what was published, what must fail, and how a run's figures judge both.

A claim that does not hold is reported in the same table as one that does, and so is a control that did not fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from ohmloom.descriptions import Description
from ohmloom.errors import unknown
from ohmloom.experiments.figures import Figure, Name, check_same_unit, say

Origin = Literal["real", "embedded", "synthetic stand-in"]
Verdict = Literal["reproduced", "not reproduced", "not comparable", "not run"]
_ROUNDING = 1e-9  # of the numbers compared: 99.0 - 0.5 must accept 98.5


class Claim(Description):
    """A published figure and, once judged, ours beside it.

    ``tolerance`` loosens the bound, or is the half width of ``within``; ``tolerance_source`` says where it comes from.
    ``figure`` names our figure. ``data`` names the data set that the published figure belongs to: ours is *not
    comparable* unless it was computed on the real one. A claim about training rests on ``least_seeds`` training seeds.
    """

    name: Name
    published: float
    unit: str = ""
    version: str  # of the publication: preprint, journal, erratum
    source: str
    direction: Literal["at_least", "at_most", "within"]
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    tolerance_source: str = ""
    figure: Name
    data: str | None = None
    least_seeds: PositiveInt = 1
    ours: float | None = None
    verdict: Verdict = "not run"
    reason: str = ""

    @model_validator(mode="after")
    def _tolerance_has_a_source(self) -> Self:
        if self.tolerance > 0 and not self.tolerance_source:
            raise ValueError(f"a tolerance must have a source, got {self.tolerance} without. Say where it comes from.")
        return self

    def judge(
        self,
        figures: Mapping[str, Figure],
        origins: Mapping[str, Origin],
        objection: str | None = None,
        *,
        guess: bool = True,
    ) -> Claim:
        """This claim with ours, the verdict and the reason; an ``objection`` makes it not comparable.

        With ``guess`` a missing figure's reason names a similar one, which takes long if it is done for every save.
        """
        figure = figures.get(self.figure)
        if figure is None:
            return self.replace(ours=None, verdict="not run", reason=_missing(self.figure, figures, guess))
        check_same_unit(f"claim '{self.name}'", self.unit, figure)
        if figure.value is None:
            verdict = "not comparable" if objection else "not run"
            return self.replace(ours=None, verdict=verdict, reason=objection or figure.reason)
        objection = objection or self._objection(figure, origins)
        if objection:
            return self.replace(ours=figure.value, verdict="not comparable", reason=objection)
        slack = _ROUNDING * max(abs(self.published), abs(figure.value), self.tolerance)
        holds = self._excess(figure.value) >= -slack
        verdict = "reproduced" if holds else "not reproduced"
        return self.replace(ours=figure.value, verdict=verdict, reason=self._comparison(figure, holds))

    def _objection(self, figure: Figure, origins: Mapping[str, Origin]) -> str | None:
        if self.data is not None and (origin := origins.get(self.data)) != "real":
            ours = f"{self.data} ({origin})" if origin else "other data"
            return f"published for the whole {self.data} data set, ours is from {ours}"
        seeds = len(figure.values) if figure.spread_over == "seeds" else 1
        if seeds < self.least_seeds:
            return f"a claim about training: needs {self.least_seeds} training seeds, ours rests on {seeds}"
        return None

    def _excess(self, value: float) -> float:
        """How far inside the bound a value is; negative outside."""
        above = value - self.published
        room = {"at_least": above, "at_most": -above, "within": -abs(above)}
        return room[self.direction] + self.tolerance

    def _comparison(self, figure: Figure, holds: bool) -> str:
        assert figure.value is not None
        difference = figure.value - self.published
        side = "the same as" if difference == 0 else f"{say(abs(difference), _step(self.unit))} above"
        if difference < 0:
            side = side.replace("above", "below")
        allowed = f"; allowed {say(self.tolerance, _step(self.unit))}" * (self.tolerance > 0)
        return f"ours is {side} published{allowed}{self._doubt(figure, holds)}"

    def _doubt(self, figure: Figure, holds: bool) -> str:
        if figure.interval is None:
            return ""
        ends = [self._excess(figure.interval.low) >= 0, self._excess(figure.interval.high) >= 0]
        straddles = not all(ends) if holds else any(ends)
        return f"; the {100 * figure.interval.level:g} % interval reaches across the bound" if straddles else ""


class Control(Description):
    """An experiment that must come out in a stated way if the rest is to be believed, and, once judged, how it did.

    The rule: ``figure`` (minus the figure ``against``, if given) is ``at_least`` or ``at_most`` the ``bound``. Each
    control can fail: it then says so in the report, next to the claims that it was to protect.
    """

    name: Name
    expectation: Name
    figure: Name
    rule: Literal["at_least", "at_most"]
    bound: float
    unit: str = ""
    against: str | None = None
    ours: float | None = None
    verdict: Literal["held", "failed", "not run"] = "not run"
    reason: str = ""

    def judge(self, figures: Mapping[str, Figure], *, guess: bool = True) -> Control:
        """This control with ours, the verdict and the reason; ``guess`` as for a claim."""
        wanted = [self.figure] + ([self.against] if self.against is not None else [])
        values = []
        for name in wanted:
            figure = figures.get(name)
            if figure is None or figure.value is None:
                reason = figure.reason if figure is not None else _missing(name, figures, guess)
                return self.replace(ours=None, verdict="not run", reason=reason)
            check_same_unit(f"control '{self.name}'", _level(self.unit) if self.against else self.unit, figure)
            values.append(figure.value)
        ours = values[0] - sum(values[1:])
        room = ours - self.bound if self.rule == "at_least" else self.bound - ours
        holds = room >= -_ROUNDING * max(abs(self.bound), *(abs(value) for value in values))
        less = f" less '{self.against}'" if self.against is not None else ""
        rule = f"'{self.figure}'{less} must be {self.rule.replace('_', ' ')} {say(self.bound, self.unit)}"
        return self.replace(ours=ours, verdict="held" if holds else "failed", reason=rule)


def _missing(name: str, figures: Mapping[str, Figure], guess: bool) -> str:
    sentence = str(unknown("figure", name, figures)) if guess else ""
    near = sentence[sentence.find("Did you mean") :].split("? ")[0] + "?" if "Did you mean" in sentence else ""
    return f"this run has no figure '{name}'. {near}".strip()


def _step(unit: str) -> str:
    """The unit of a difference: two accuracies in per cent differ by points."""
    return "points" if unit == "%" else unit


def _level(unit: str) -> str:
    return "%" if unit == "points" else unit
