"""Sizes that the twins share, and what their networks are called."""

from __future__ import annotations

from pydantic import Field

from ohmloom.codesign.neural_ode import Shooting
from ohmloom.descriptions import Description

WRITE = 0.05  # write noise of the noise-aware training, of each target
TESTED = (0.03, 0.05)  # at which noise-aware and plain training are compared
LIMIT, WEIGHT = 1.0, 1.0  # of the penalty on weights that take much of the range

CELLS = 4  # in parallel for each half of a pair, where a twin is held in several

TWIN, AWARE, ONE = "the twin", "the noise-aware twin", "the twin of one sine"
MILD = "the twin of half the noise"
RESIDUAL, NO_STATE, RNN, GRU, LSTM = "the residual net", "a net without state", "an RNN", "a GRU", "an LSTM"
NOISY = {AWARE: WRITE, MILD: WRITE / 2}  # the write noise of those that are trained with any
FILES = {TWIN: "twin", AWARE: "aware", MILD: "mild", ONE: "one-sine", RESIDUAL: "residual",
         NO_STATE: "no-state", RNN: "rnn", GRU: "gru", LSTM: "lstm"}  # fmt: skip


class TwinSettings(Description):
    """How long networks are trained, how many dies are written, and how noisy they are."""

    plan: Shooting  # of all networks but the noise-aware twins
    aware: Shooting  # of the noise-aware twins
    draws: int = Field(default=4, ge=1)  # of fresh write noise for each of their steps
    dies: int = Field(default=5, ge=1)
    noises: tuple[float, ...] = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1)  # write noise, of each target
    read_noises: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0)  # of each cell, relative, in a read of 1 µs; empty: left out
