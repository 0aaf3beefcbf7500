"""What a twin is compared with: networks of about as many weights, trained on the same windows and records."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ohmloom.codesign.neural_ode import DrivenODE
from ohmloom.dynamics import Euler

Cell = Literal["rnn", "gru", "lstm"]
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
GATES: dict[Cell, int] = {"rnn": 1, "gru": 3, "lstm": 4}


class Recurrent(nn.Module):
    """x_{k+1} = x_k + s · read-out of a recurrent cell that sees x_k and the signal.

    Its first hidden state is a linear map of x_0. ``share`` s is fixed, so that the read-out learns numbers of order
    one. It has the hidden units that bring it nearest to ``weights``.
    """

    def __init__(self, cell: Cell, states: int, inputs: int, weights: int, share: float) -> None:
        super().__init__()
        width = width_of(cell, states, inputs, weights)
        self.cell, self.share = CELLS[cell](states + inputs, width), share
        self.begin, self.end = nn.Linear(states, width), nn.Linear(width, states)

    def predict(self, start: Tensor, stages: Tensor) -> Tensor:
        """The states (steps + 1, trajectories, states) from ``start``; only first stages are looked at."""
        hidden = self.begin(start)
        memory, state, states = torch.zeros_like(hidden), start, [start]
        for seen in stages[:, 0]:
            inputs = torch.cat([state, seen.expand(len(state), -1)], -1)
            if isinstance(self.cell, nn.LSTMCell):
                hidden, memory = self.cell(inputs, (hidden, memory))
            else:
                hidden = self.cell(inputs, hidden)
            state = state + self.share * self.end(hidden)
            states.append(state)
        return torch.stack(states)


def width_of(cell: Cell, states: int, inputs: int, weights: int) -> int:
    """The hidden units whose network has nearest to ``weights`` learned numbers, those of both linear maps too."""

    def count(width: int) -> int:
        seen = states + inputs
        return GATES[cell] * width * (seen + width + 2) + 2 * states * width + width + states

    return min(range(1, weights), key=lambda width: abs(count(width) - weights))


class ResidualNet(nn.Module):
    """x_{k+1} = x_k + s · net(x_k, v_k): the twin's own network in a residual block that is run again and again.

    ``share`` s is fixed, so that the net learns numbers of the same size as the twin's; nothing in it knows how long a
    step is.
    """

    def __init__(self, states: int, inputs: int, hidden: tuple[int, ...], share: float,
                 generator: torch.Generator) -> None:  # fmt: skip
        super().__init__()
        self.net = DrivenODE(states, inputs, hidden, generator, gain=share)

    def predict(self, start: Tensor, stages: Tensor, update: float = 1.0) -> Tensor:
        """The states (steps + 1, trajectories, states); ``update`` scales s, as Euler's method does at another step."""
        return self.net.solve(start, stages[:, :1], update, method=Euler())


class Memoryless(nn.Module):
    """x from the signal alone: cannot tell the two branches of a hysteresis apart."""

    def __init__(self, states: int, inputs: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        stages = [part for into, out in zip(widths, hidden, strict=False) for part in (nn.Linear(into, out), nn.ReLU())]
        self.layers = nn.Sequential(*stages, nn.Linear(hidden[-1], states))

    def predict(self, start: Tensor, stages: Tensor) -> Tensor:
        """The states (steps + 1, trajectories, states)."""
        return torch.cat([start.unsqueeze(0), self.layers(stages[:, -1])])
