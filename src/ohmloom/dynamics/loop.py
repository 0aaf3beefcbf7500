"""A loop of stored matrices that integrates a differential equation in physical time.

    loop = Loop((first, second, third), Circuit(unit="0.1 V", capacitance="10 nF"), ("relu", "relu", "identity"))
    course = loop.run(loop.units.volts(x0), times)

Volts, seconds and siemens throughout; `Loop.units` is the one map to the network's own numbers.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ohmloom.chips import StoredMatrix
from ohmloom.dynamics.circuit import Circuit, Units, pole
from ohmloom.dynamics.grids import check_times, refine, stage_times
from ohmloom.dynamics.linearisation import eigenvalues
from ohmloom.dynamics.methods import Heun, Method, RungeKutta4
from ohmloom.dynamics.noise import LoopNoise, loop_noise
from ohmloom.dynamics.poles import solve_with_poles
from ohmloom.dynamics.signals import Signal
from ohmloom.dynamics.solving import solve
from ohmloom.dynamics.stack import Activation, Drives, Layer, Stack
from ohmloom.dynamics.stochastic import Reading, solve_noisy
from ohmloom.errors import ConfigurationError, ShapeError, message
from ohmloom.ledger import Event, open_ledgers, record
from ohmloom.quantities import TIME, VOLTAGE, show


class Course(NamedTuple):
    """What a loop did: ``volts`` (times, dies, trajectories, states) and the ``substeps`` of each interval."""

    volts: Tensor
    substeps: int
    at_rail: float  # share of the samples at which a state was at its rail


@dataclass(frozen=True, eq=False)
class Loop:
    """Layers in arrays, closed through integrators: C dv/dt = I(v, signal).

    ``matrices``: the layers, each (out, in) in network units; the first sees the states and then the first ``driven``
    channels of the signal. ``added[l]`` is the range of the signal's channels that is added before stage l (absent:
    none), as currents of a converter are. ``biases`` in network units.

    Raises ShapeError for layers that do not follow one another.
    """

    matrices: tuple[StoredMatrix, ...]
    circuit: Circuit
    activations: tuple[Activation, ...]
    biases: tuple[Tensor | None, ...] | None = None
    driven: int = 0
    added: tuple[tuple[int, int] | None, ...] | None = None

    def __post_init__(self) -> None:
        widths = [matrix.shape for matrix in self.matrices]
        states = widths[-1][0]
        wanted = [states + self.driven, *(out for out, _ in widths[:-1])]
        if [inputs for _, inputs in widths] != wanted:
            rule = f"must follow one another from {wanted[0]} inputs to {states} states"
            raise ShapeError(message("loop.matrices", rule, widths, "Check driven, and the order of the layers."))
        if not len(self.activations) == len(widths) == len(self.each_bias) == len(self.each_added):
            rule = f"must be one for each of the {len(widths)} matrices"
            raise ShapeError(message("loop.activations", rule, self.activations, "Also biases and added."))

    @property
    def each_bias(self) -> tuple[Tensor | None, ...]:
        """The bias of every layer, None where there is none."""
        return (None,) * len(self.matrices) if self.biases is None else self.biases

    @property
    def each_added(self) -> tuple[tuple[int, int] | None, ...]:
        """The channels added at every layer, None where there are none."""
        return (None,) * len(self.matrices) if self.added is None else self.added

    @property
    def states(self) -> int:
        return self.matrices[-1].shape[0]

    @property
    def dies(self) -> int:
        return max(matrix.dies for matrix in self.matrices)

    @property
    def units(self) -> Units:
        g0 = weight_conductance(self.matrices[-1])
        return Units(self.circuit.unit, self.circuit.capacitance / g0, g0)

    @property
    def poles(self) -> tuple[Tensor, ...]:
        """Time constants of the hidden stages, s: each (dies, 1, out). Absent without a ``gain_bandwidth``."""
        if self.circuit.gain_bandwidth is None:
            return ()
        return tuple(
            pole(self.circuit.gain_bandwidth, 1 / weight_conductance(m), line_conductance(m)).unsqueeze(1)
            for m in self.matrices[:-1]
        )

    @property
    def delay(self) -> float:
        """What the hidden stages together delay the drift by, s, where ``lag`` is a delay; else zero."""
        return sum(float(lag.mean()) for lag in self.poles) if self.circuit.lag == "delay" else 0.0

    def stack(self) -> Stack:
        """The drift function of the loop in volts and seconds, with all that the circuit does but the poles."""
        units, circuit = self.units, self.circuit
        layers = []
        for number, (matrix, bias, kind) in enumerate(
            zip(self.matrices, self.each_bias, self.activations, strict=True)
        ):
            weight = matrix.effective()[..., : self.states] if number == 0 else matrix.effective()
            layers.append(self._layer(number, weight, bias, kind))
        leak = 0.0 if circuit.leak is None else 1 / (circuit.leak * circuit.capacitance)
        rail = math.inf if circuit.rail is None else circuit.rail
        offset = None
        if circuit.offset:
            offset = self._offsets(len(self.matrices) - 1) * line_conductance(self.matrices[-1]) / circuit.capacitance
            offset = offset.unsqueeze(1)
        factors = None
        if circuit.multipliers is not None:
            gains, shifts = self._multiplier_errors()
            factors = (1 + gains[:, 0], 1 + gains[:, 1])
            drawn = shifts.sum(1) / units.time
            offset = drawn if offset is None else offset + drawn
        return Stack(tuple(layers), 1 / units.time, -leak, offset, rail, self.delay, factors)

    def _layer(self, number: int, weight: Tensor, bias: Tensor | None, kind: Activation) -> Layer:
        """One layer in volts; the last has no stage, its currents go to the integrators."""
        unit, last = self.circuit.unit, number == len(self.matrices) - 1
        total = None if bias is None else bias.to(weight) * unit
        if self.circuit.offset and not last:
            matrix = self.matrices[number]
            gain = 1 + line_conductance(matrix) / weight_conductance(matrix)
            shift = (self._offsets(number) * gain).unsqueeze(1)
            total = shift if total is None else total + shift
        limit = math.inf if self.circuit.clamp is None or last else self.circuit.clamp
        return Layer(weight, total, kind, -limit, limit, unit)

    def _offsets(self, number: int) -> Tensor:
        """Input-referred offsets of a layer's amplifiers, V: (dies, out), each die's own."""
        matrix = self.matrices[number]
        drawn = [torch.randn(matrix.shape[0], generator=matrix.streams.generator("amplifier offset", die))
                 for die in range(matrix.dies)]  # fmt: skip
        return torch.stack(drawn).to(matrix.effective()) * self.circuit.offset

    def _multiplier_errors(self) -> tuple[Tensor, Tensor]:
        """Errors of gain, and offsets in V: (dies, 2, 1, states) each, of the multipliers of output and of state."""
        last, errors = self.matrices[-1], self.circuit.multipliers
        assert errors is not None
        drawn = [
            torch.stack([torch.randn(2, 1, self.states, generator=last.streams.generator(what, die))
                         for die in range(last.dies)])
            for what in ("multiplier gain", "multiplier offset")
        ]  # fmt: skip
        gains, shifts = (part.to(last.effective()) for part in drawn)
        return gains * errors.gain, shifts * errors.offset

    def drives(self, times: Tensor, method: Method, signal: Signal | None, gains: Signal | None = None) -> Drives:
        """Signals (V) sampled at the stages of a grid. ``gains``: two channels, the multiplier before the integrator
        (a factor) and the one that feeds the state back (a factor of 1 / time constant). A delay of the stages is one
        of the signal too."""
        stages = stage_times(times, method.nodes)
        driven: list[Tensor | None] = [None] * len(self.matrices)
        if signal is not None:
            channels = signal.stages((stages - self.delay).clamp_min(float(times[0]))).to(self.matrices[0].effective())
            self._check_signal(channels)
            if self.driven:
                weight = self.matrices[0].effective()[..., self.states :]  # (dies, out, driven)
                first = channels[..., : self.driven]  # (steps, stages, trajectories, driven)
                driven[0] = first.unsqueeze(2) @ weight.transpose(-1, -2)
            for number, chosen in enumerate(self.each_added):
                if chosen is not None:
                    more = channels[..., slice(*chosen)].unsqueeze(2)
                    held = driven[number]
                    driven[number] = more if held is None else held + more
        elif self.driven or any(self.each_added):
            raise ConfigurationError(message("signal", "must be given", "none", "This loop is driven."))
        if gains is None:
            return Drives(tuple(driven))
        factors = gains.stages(stages)[..., 0, :]
        return Drives(tuple(driven), factors[..., 0], factors[..., 1] / self.units.time)

    def _check_signal(self, channels: Tensor) -> None:
        needed = max([self.driven, *(chosen[1] for chosen in self.each_added if chosen is not None)])
        if channels.shape[-1] < needed:
            rule = f"must have {needed} channels"
            raise ShapeError(message("signal", rule, channels.shape[-1], "Add the missing ones."))
        largest = float(channels.abs().max())
        if self.circuit.rail is not None and largest > self.circuit.rail:
            rule = f"must stay within the rails, {show(self.circuit.rail, VOLTAGE)}"
            remedy = "Lower circuit.unit or scale the signal."
            raise ConfigurationError(message("signal", rule, show(largest, VOLTAGE), remedy))

    def noise(self, frequency: float = 1e6) -> LoopNoise:
        """Read noise of the arrays as white noise of its density at ``frequency``; hidden layers through their poles.

        Raises ConfigurationError where hidden layers are noisy and have no poles: their noise would have no bandwidth.
        """
        return loop_noise(self.matrices, self.poles, frequency, self.states)

    def run(
        self,
        start: Tensor,
        times: Tensor,
        *,
        signal: Signal | None = None,
        gains: Signal | None = None,
        method: Method | None = None,
        long_steps: Literal["subdivide", "refuse"] = "subdivide",
        growth: Literal["warn", "accept"] = "warn",
        noise: LoopNoise | None = None,
        reading: Reading = "stratonovich",
        generator: torch.Generator | None = None,
    ) -> Course:
        """Integrate from ``start`` ((dies,) trajectories, states), V, over ``times``, s.

        A step longer than the loop's fastest time constant (of its linearisation at the start, and of its poles) is
        subdivided, with a warning, or refused. A start near which the loop runs away is warned of, with its
        eigenvalue, unless ``growth`` is accepted, as where the loop follows a chaotic system. With ``noise`` the
        equation is stochastic and needs a ``generator``.
        """
        check_times(times)
        method = method or (RungeKutta4() if noise is None else Heun())
        stack = self.stack()
        exact = self.circuit.gain_bandwidth is not None and self.circuit.lag == "poles"
        first = self.drives(times[:2], method, signal, gains).at(0, 0)
        values = eigenvalues(stack, start, first)
        if growth == "warn":
            _warn_of_growth(values, float(times[-1] - times[0]))
        fastest = max(float(values.abs().max()), 1 / min(float(p.min()) for p in self.poles) if exact else 0.0)
        substeps = _substeps(float(times.diff().max()), fastest, long_steps)
        drives = self.drives(refine(times, substeps), method, signal, gains)
        if noise is not None:
            if generator is None:
                raise ConfigurationError(message("generator", "must be given with noise", "none", "Give a stream's."))
            if exact:
                stack = stack._replace(delay=sum(float(lag.mean()) for lag in self.poles))
            volts = solve_noisy(stack, noise, start, times, generator, method=method, reading=reading, drives=drives,
                                substeps=substeps)  # fmt: skip
        elif exact:
            volts = solve_with_poles(stack, self.poles, start, times, method=method, drives=drives, substeps=substeps)
        else:
            volts = solve(stack, start, times, method=method, drives=drives, substeps=substeps)
        volts = volts if volts.dim() == 4 else volts.unsqueeze(1)
        self._record(volts, float(times[-1] - times[0]))
        return Course(volts, substeps, float((volts.detach().abs() >= stack.rail).double().mean()))

    def _record(self, volts: Tensor, span: float) -> None:
        if open_ledgers():
            last = self.matrices[-1]
            seconds = span * volts.shape[-1] * volts.shape[-2]
            dies = range(volts.shape[1])
            record(last.owner, last.name, dies, {Event.INTEGRATOR_SECOND: [seconds] * len(dies)})


def weight_conductance(matrix: StoredMatrix) -> float:
    """The difference of conductances that stands for a weight of one, g0, S: 1 / R_f of the stage behind it."""
    return matrix.unit / float(matrix.scale)


def line_conductance(matrix: StoredMatrix) -> Tensor:
    """Σ (G⁺ + G⁻) of the cells behind each output, S: (dies, out)."""
    held = matrix.conductance().sum((1, 2))  # (dies, segments, rows, columns)
    return matrix.segments.unfold(held).sum(-2)[..., : matrix.shape[0]]


def _substeps(step: float, fastest: float, long_steps: Literal["subdivide", "refuse"]) -> int:
    needed = max(math.ceil(step * fastest * (1 - 1e-9)), 1)
    if needed == 1:
        return 1
    limit = show(1 / fastest, TIME)
    if long_steps == "refuse":
        rule = f"must not be longer than the fastest time constant, {limit}"
        raise ConfigurationError(message("times", rule, show(step, TIME), "Use a finer grid, or subdivide."))
    warnings.warn(f"steps of {show(step, TIME)} exceed the fastest time constant, {limit}: each is taken in {needed}.",
                  stacklevel=3)  # fmt: skip
    return needed


def _warn_of_growth(values: Tensor, span: float) -> None:
    """Warn of a linearisation that grows, with its eigenvalue, where it does so within the run."""
    worst = values[values.real.argmax()]
    if float(worst.real) * span > 1:
        number = f"{worst.real:.4g}{worst.imag:+.4g}j"
        warnings.warn(f"the loop is unstable where it starts: eigenvalue {number} per second, it grows e-fold in "
                      f"{show(1 / float(worst.real), TIME)}.", stacklevel=3)  # fmt: skip
