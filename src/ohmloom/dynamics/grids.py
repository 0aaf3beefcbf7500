"""Time grids: increasing times, their refinement, and the times at which a method looks at what is driven."""

from __future__ import annotations

import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, NotFiniteError, message


def check_times(times: Tensor) -> None:
    """Raises NotFiniteError or ConfigurationError unless ``times`` are at least two, finite and increasing."""
    if times.dim() != 1 or len(times) < 2:
        rule = "must be one axis of at least two times"
        raise ConfigurationError(message("times", rule, tuple(times.shape), "Give start and end."))
    if not bool(torch.isfinite(times).all()):
        raise NotFiniteError(message("times", "must be finite", "NaN or inf", "Check how they were made."))
    gaps = times.diff()
    if not bool((gaps > 0).all()):
        where = int((gaps <= 0).nonzero()[0])
        given = f"{float(times[where]):g} then {float(times[where + 1]):g}"
        raise ConfigurationError(message("times", "must increase", given, "Sort them and drop repeated ones."))


def refine(times: Tensor, substeps: int) -> Tensor:
    """Every interval in ``substeps`` equal ones; the old times are every ``substeps``-th of the new ones."""
    if substeps == 1:
        return times
    share = torch.arange(substeps, dtype=times.dtype, device=times.device) / substeps
    inner = times[:-1, None] + times.diff()[:, None] * share
    return torch.cat([inner.flatten(), times[-1:]])


def stage_times(times: Tensor, nodes: tuple[float, ...]) -> Tensor:
    """The times of a method's stages: (steps, stages)."""
    return times[:-1, None] + times.diff()[:, None] * times.new_tensor(nodes)
