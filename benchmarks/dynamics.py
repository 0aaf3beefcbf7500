"""Fixed-step solving of small networks' differential equations, against torchdiffeq's `rk4`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.timing import Result, compare, result
from ohmloom.dynamics import Drives, Euler, Layer, RungeKutta4, Samples, Stack, solve, stage_times

STEPS, SPAN = 500, 5.0
NETWORKS = {
    "2-14-14-1, driven": ((2, 14, 14, 1), "relu"),
    "6-64-64-6": ((6, 64, 64, 6), "relu"),
    "3-32-32-32-3, tanh": ((3, 32, 32, 32, 3), "tanh"),
}


def dynamics(pairs: int) -> list[Result]:
    """500 steps of the classical method; with gradient too; and what a sampler's step costs beside its products."""
    try:
        import torchdiffeq  # noqa: F401 (an optional peer)
    except ImportError:
        print("dynamics: torchdiffeq is not installed (extra `ode`); only the sampler is timed")
        return [sampler(pairs)]
    few = max(min(pairs, 5), 2)  # the peer takes a good part of a second
    results = []
    for name, (sizes, activation) in NETWORKS.items():
        for batch in (1, 64):
            ours, peer, peer_adjoint = _contestants(sizes, activation, batch)
            with torch.no_grad():
                torch.testing.assert_close(ours(), peer(), rtol=1e-3, atol=1e-3)  # two methods of order four
                seconds = compare(ours, peer, few)
            bar = f"{1 / (30 if batch == 1 else 3):.3f}"
            results.append(result(f"{name}, batch {batch}", seconds, bar, "torchdiffeq rk4, float32"))
            for what, other, limit in (("rk4", peer, "0.5"), ("rk4, adjoint", peer_adjoint, "0.2")):
                with_gradient = [partial(_descend, call) for call in (ours, other)]
                seconds = compare(*with_gradient, 2)
                label = f"{name}, batch {batch}, with gradient"
                results.append(result(label, seconds, limit, f"torchdiffeq {what}, float32"))
    return [*results, sampler(pairs)]


def _descend(call: Callable[[], Tensor]) -> None:
    call().square().mean().backward()


def _contestants(sizes: tuple[int, ...], activation: str, batch: int) -> list[Callable[[], Tensor]]:
    """Ours, torchdiffeq, and torchdiffeq with its adjoint, of the same network; each returns all states."""
    from torchdiffeq import odeint, odeint_adjoint

    torch.manual_seed(0)
    linears = [nn.Linear(i, o) for i, o in pairwise(sizes)]
    bends: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
    modules = [m for linear in linears for m in (linear, bends[activation]())][:-1]
    start, times = 0.5 * torch.randn(batch, sizes[-1]), torch.linspace(0, SPAN, STEPS + 1)
    field = _Field(nn.Sequential(*modules), driven=sizes[0] > sizes[-1])
    ours = partial(_ours, linears, activation, start, times, field.driven)
    return [ours, partial(odeint, field, start, times, method="rk4"),
            partial(odeint_adjoint, field, start, times, method="rk4")]  # fmt: skip


class _Field(nn.Module):
    """dx/dt = net(x) or net(x, sin 2πt)."""

    def __init__(self, net: nn.Module, driven: bool) -> None:
        super().__init__()
        self.net, self.driven = net, driven

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        if self.driven:
            x = torch.cat([x, torch.sin(2 * torch.pi * t).expand(len(x), 1)], 1)
        return self.net(x)


def _ours(linears: list[nn.Linear], activation: str, start: Tensor, times: Tensor, driven: bool) -> Tensor:
    states, method = start.shape[1], RungeKutta4()
    kinds = [activation] * (len(linears) - 1) + ["identity"]
    layers = [Layer(m.weight, m.bias, kind) for m, kind in zip(linears, kinds, strict=True)]  # type: ignore[arg-type]
    drives = Drives((None,) * len(layers))
    if driven:
        wave = Samples(*(lambda t: (t, torch.sin(2 * torch.pi * t)[:, None]))(torch.linspace(0, SPAN, 4 * STEPS + 1)))
        first = wave.stages(stage_times(times, method.nodes)) @ layers[0].weight[:, states:].T
        layers[0] = layers[0]._replace(weight=layers[0].weight[:, :states])
        drives = drives._replace(layers=(first, *drives.layers[1:]))
    return solve(Stack(tuple(layers)), start, times, method=method, drives=drives)


def sampler(pairs: int) -> Result:
    """A step of a sampler: 10,000 points, 2-14-14-2, Euler-Maruyama, against the three matrix products it needs."""
    torch.manual_seed(0)
    points, steps, sizes = 10_000, 50, (2, 14, 14, 2)
    weights = [torch.randn(o, i) / i**0.5 for i, o in pairwise(sizes)]
    kinds = ("relu", "relu", "identity")
    stack = Stack(tuple(Layer(w, torch.zeros(len(w)), kind) for w, kind in zip(weights, kinds, strict=True)))
    start, times = torch.randn(points, 2), torch.linspace(0, 1, steps + 1)
    increments = 0.1 * torch.randn(steps, points, 2)

    def products() -> None:
        for _ in range(steps):
            held = start
            for weight in weights:
                held = held @ weight.T

    with torch.no_grad():
        run = partial(solve, stack, start, times, method=Euler(), increments=increments)
        seconds = compare(run, products, pairs)
    return result(f"sampler, {points:,} points, {steps} steps", seconds, "2.0", "the matrix products alone, torch")
