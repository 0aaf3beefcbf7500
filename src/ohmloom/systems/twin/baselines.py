"""What the twin is compared with: networks of about as many weights, trained on the same windows and records."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ohmloom.codesign.neural_ode import DrivenODE
from ohmloom.dynamics import Euler

Cell = Literal["rnn", "gru", "lstm"]
KINDS: dict[Cell, tuple[type[nn.RNNBase], int]] = {"rnn": (nn.RNN, 14), "gru": (nn.GRU, 8), "lstm": (nn.LSTM, 7)}


class Recurrent(nn.Module):
    """x_{k+1} = read-out of a recurrent cell that sees v_k; its first hidden state is a linear map of x_0.

    Hidden units: 14 (RNN), 8 (GRU), 7 (LSTM), which makes about as many weights as the twin's 252.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        kind, width = KINDS[cell]
        self.cell = kind(1, width)
        self.begin, self.end = nn.Linear(1, width), nn.Linear(width, 1)

    def predict(self, start: Tensor, stages: Tensor) -> Tensor:
        """The states (steps + 1, trajectories, 1) from ``start`` (trajectories, 1); only first stages are looked at."""
        hidden = self.begin(start).unsqueeze(0)
        first = (hidden, torch.zeros_like(hidden)) if isinstance(self.cell, nn.LSTM) else hidden
        return torch.cat([start.unsqueeze(0), self.end(self.cell(stages[:, 0], first)[0])])


class ResidualNet(nn.Module):
    """x_{k+1} = x_k + s · net(x_k, v_k): the twin's own network in a residual block that is run again and again.

    ``share`` s is fixed, so that the net learns numbers of the same size as the twin's; nothing in it knows how long a
    step is.
    """

    def __init__(self, hidden: tuple[int, ...], share: float, generator: torch.Generator) -> None:
        super().__init__()
        self.net = DrivenODE(1, 1, hidden, generator, gain=share)

    def predict(self, start: Tensor, stages: Tensor, update: float = 1.0) -> Tensor:
        """The states (steps + 1, trajectories, 1); ``update`` scales s, as Euler's method would at another step."""
        return self.net.solve(start, stages[:, :1], update, method=Euler())


class Memoryless(nn.Module):
    """x from v alone: cannot tell the two branches of a hysteresis apart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                    nn.Linear(width, 1))  # fmt: skip

    def predict(self, start: Tensor, stages: Tensor) -> Tensor:
        """The states (steps + 1, trajectories, 1)."""
        return torch.cat([start.unsqueeze(0), self.layers(stages[:, -1])])
