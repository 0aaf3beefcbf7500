"""Training by multiple shooting: windows of many records side by side, then whole records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from ohmloom.descriptions import Description
from ohmloom.dynamics import Windows, window_drives, windows
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message

Predict = Callable[[Tensor, Tensor], Tensor]
"""Starts (windows, states) and stages to the states (length + 1, [draws,] windows, states)."""
Penalty = Callable[[], Tensor]
Error = Callable[[Tensor, Tensor], Tensor]
"""What was found and what was wanted, of shapes that broadcast, to one number."""


class Records(NamedTuple):
    """Records of one length and sampling step: what was observed, and the signals at a solver's stages."""

    states: Tensor  # (samples, records, states)
    stages: Tensor  # (samples - 1, stages, records, channels)

    def check(self, length: int) -> None:
        """Raises ShapeError, NotFiniteError, and ConfigurationError for records shorter than a window of ``length``."""
        if self.states.dim() != 3 or self.stages.dim() != 4 or len(self.stages) != len(self.states) - 1:
            given = (tuple(self.states.shape), tuple(self.stages.shape))
            rule = "must be (samples, records, states) and (samples - 1, stages, records, channels)"
            raise ShapeError(message("records", rule, given, "Sample the signals with `sampled`."))
        if not bool(torch.isfinite(self.states).all()):
            raise NotFiniteError(message("records.states", "must be finite", "NaN or inf", "Mend the data."))
        if len(self.states) <= length:
            rule = f"must hold a window of {length} steps"
            raise ConfigurationError(message("records", rule, f"{len(self.states)} samples", "Shorten the window."))


class Shooting(Description):
    """``windows`` of ``length`` steps in each of ``steps`` of Adam, whose rate falls to nothing; then ``whole`` steps
    on whole records at a tenth of the ``rate``.

    ``relative``: errors count in shares of the state, |found - wanted| / |wanted|, for states that never are zero.
    """

    length: int = Field(default=25, ge=1)
    windows: int = Field(default=64, ge=1)
    steps: int = Field(default=1500, ge=1)
    whole: int = Field(default=100, ge=0)
    rate: float = Field(default=1e-2, gt=0)
    relative: bool = Field(default=False)


def fit(
    parameters: Iterable[nn.Parameter],
    predict: Predict,
    records: Records,
    plan: Shooting,
    generator: torch.Generator,
    *,
    penalty: Penalty | None = None,
    tell: Callable[[float], None] = lambda share: None,
) -> None:
    """Minimise the mean absolute or relative error of ``predict``, plus a penalty, on windows, then on whole records.

    A window starts at its record's own state, so that errors do not pile up beyond it while the network is still bad;
    whole records then weigh what they do pile up to.
    Raises what `Records.check` raises, and ConfigurationError for relative errors of states that are zero.
    """
    records.check(plan.length)
    error = _relative_error(records) if plan.relative else _absolute_error
    learned, line, total = list(parameters), _Line(records), plan.steps + plan.whole

    def window() -> tuple[Tensor, Tensor]:
        return line.take(plan.length, plan.windows, generator)

    def loss(found: Tensor, wanted: Tensor) -> Tensor:
        return error(found, wanted) if penalty is None else error(found, wanted) + penalty()

    _descend(learned, predict, loss, window, plan.steps, plan.rate, lambda step: tell(step / total))
    if plan.whole:
        _descend(learned, predict, loss, lambda: records, plan.whole, plan.rate / 10,
                 lambda step: tell((plan.steps + step) / total))  # fmt: skip


def _absolute_error(found: Tensor, wanted: Tensor) -> Tensor:
    return (found - wanted).abs().mean()


def _relative_error(records: Records) -> Error:
    if not bool(records.states.all()):
        rule = "must be False for records whose states are zero somewhere"
        raise ConfigurationError(message("plan.relative", rule, True, "Train on absolute errors, or shift the states."))
    return lambda found, wanted: ((found - wanted) / wanted).abs().mean()


def _descend(
    learned: list[nn.Parameter], predict: Predict, loss: Error, draw: Callable[[], tuple[Tensor, Tensor]], count: int,
    rate: float, tell: Callable[[int], None],
) -> None:  # fmt: skip
    adam = torch.optim.Adam(learned, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, count)
    for step in range(count):
        wanted, stages = draw()
        found = predict(wanted[0], stages)
        adam.zero_grad()
        loss(found, wanted if found.dim() == 3 else wanted.unsqueeze(1)).backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        adam.step()
        schedule.step()
        tell(step + 1)


class _Line:
    """All records end to end, and where a window of a length may begin without leaving its record."""

    def __init__(self, records: Records) -> None:
        self.samples, self.count = records.states.shape[:2]
        self.states = records.states.transpose(0, 1).flatten(0, 1)  # (records · samples, states)
        pad = torch.cat([records.stages, records.stages[-1:]])  # one step for each sample: the last is never taken
        self.stages = pad.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)  # (records · samples, stages, 1, channels)

    def take(self, length: int, number: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        record = torch.randint(self.count, (number,), generator=generator)
        within = torch.randint(self.samples - length, (number,), generator=generator)
        taken: Windows = windows(self.states, length, record * self.samples + within)
        return taken.states, window_drives(self.stages, taken)
