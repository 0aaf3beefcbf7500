"""Multiple shooting: a long record cut into windows that are all solved side by side, each from its own start."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message


class Windows(NamedTuple):
    """Windows of a record. A start is the record's own state there: teacher forcing, once a window."""

    starts: Tensor  # (windows, states)
    states: Tensor  # (length + 1, windows, states), the first of them the starts
    first: Tensor  # the index of each window's start in the record: (windows)


def windows(record: Tensor, length: int, chosen: Tensor | None = None) -> Windows:
    """Windows of ``length`` steps of a record (samples, states): all that fit, or those that begin at ``chosen``.

    The solver takes all of them as trajectories of one batch, which costs hardly more than one of them, and errors
    grow over ``length`` steps only, not over the whole record. Raises ConfigurationError for a record shorter than one
    window, ShapeError and NotFiniteError for one that is not (samples, states) or not finite.
    """
    if record.dim() != 2:
        raise ShapeError(message("record", "must be (samples, states)", tuple(record.shape), "Reshape it."))
    if not bool(torch.isfinite(record).all()):
        raise NotFiniteError(message("record", "must be finite", "NaN or inf", "Mend the data."))
    fitting = len(record) - length
    if length < 1 or fitting < 1:
        rule = f"must hold a window of {length} steps"
        raise ConfigurationError(message("record", rule, f"{len(record)} samples", "Shorten the window."))
    first = torch.arange(fitting) if chosen is None else chosen
    if len(first) == 0 or int(first.min()) < 0 or int(first.max()) >= fitting:
        rule = f"must lie between 0 and {fitting - 1}"
        raise ConfigurationError(message("chosen", rule, first.tolist()[:4], "Leave out windows that do not fit."))
    states = record[first[None, :] + torch.arange(length + 1)[:, None]]
    return Windows(states[0], states, first)


def window_drives(sampled: Tensor, taken: Windows) -> Tensor:
    """The part of a drive (steps, stages, 1, out) of the whole record that each window sees: (length, stages, windows,
    out), for `Drives.layers`."""
    length = len(taken.states) - 1
    steps = taken.first[None, :] + torch.arange(length)[:, None]  # (length, windows)
    return sampled[:, :, 0][steps].transpose(1, 2)
