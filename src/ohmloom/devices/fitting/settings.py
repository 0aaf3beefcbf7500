"""What a user may choose about a fit."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ohmloom.descriptions import Description
from ohmloom.errors import message
from ohmloom.quantities import Amperes, Seconds

Share = Annotated[float, Field(gt=0, lt=1)]


class Settings(Description):
    """How tables are read and fitted.

    ``quantiles``: those of the working cells that become g_min and g_max. ``folds``: in so many parts the cells are
    divided, each of which judges a fit to the others (0: none). ``resamples``: bootstrap resamples of the cells,
    ``draws`` of them are kept as devices. ``read_time``: the duration of one read, which tables do not tell.
    ``current_floor``: smaller currents of sweeps are left out. ``keep_negative`` and ``keep_saturated`` accept
    readings that are else refused.
    """

    quantiles: tuple[Share, Share] = (0.05, 0.95)
    folds: int = Field(default=4, ge=0)
    level: Share = 0.95
    resamples: int = Field(default=400, ge=50)
    draws: int = Field(default=20, ge=0)
    seed: int = 0
    read_time: Seconds | None = Field(default=None, gt=0)
    current_floor: Amperes = Field(default=0.0, ge=0)
    keep_negative: bool = False
    keep_saturated: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.folds == 1:
            raise ValueError(message("folds", "must be 0 or at least 2", 1, "Leave some cells to fit."))
        if self.quantiles[0] >= self.quantiles[1]:
            raise ValueError(message("quantiles", "must be a lower, then a higher one", self.quantiles, "Swap them."))
        if self.draws > self.resamples:
            raise ValueError(message("draws", "must not exceed resamples", self.draws, "Ask for fewer."))
        return self
