"""What the nodes of a loop carry: against the drift, ngspice, and cells by hand."""

import numpy as np
import pytest
import torch

from ohmloom.crossbars.circuits.ngspice import available, run_transient
from ohmloom.devices import OpenLoop
from ohmloom.dynamics import Circuit, Loop, Samples, Staircase, array_power, loop_netlist, probe
from ohmloom.errors import ConfigurationError, ShapeError

spice = pytest.mark.skipif(available() is None, reason="ngspice is not installed")
FIRST = [[1.0, 0.6], [-0.7, 0.9], [0.5, -1.0], [-0.4, -0.8]]  # (4, state and signal)
LAST = [[-1.0, 0.8, -0.6, 0.9]]


@pytest.fixture
def driven(stored):
    def make(dies: int = 1, **circuit) -> Loop:
        spread = {"programming": OpenLoop(deviation=(0.0, 0.1))} if dies > 1 else {}
        matrices = (stored(FIRST, "first", dies, **spread), stored(LAST, "last", dies, **spread))
        return Loop(matrices, Circuit(**{"unit": "1 V"} | circuit), ("relu", "identity"), driven=1)

    return make


def course(loop: Loop, steps: int = 400) -> tuple[torch.Tensor, torch.Tensor, Samples]:
    times = torch.linspace(0, 4 * loop.units.time, steps + 1, dtype=torch.float64)
    signal = Samples(times, 0.6 * torch.sin(2 * torch.pi * times / times[-1])[:, None])
    start = torch.tensor([[0.2], [-0.3], [0.1]]).double()
    return loop.run(start, times, signal=signal, growth="accept").volts, times, signal


def test_the_last_array_drives_the_integrators(driven) -> None:
    """C dv/dt = g0 · output on every die and trajectory: central differences of a fine course."""
    loop = driven(dies=3)
    volts, times, signal = course(loop)
    found = probe(loop, volts, times, signal=signal)
    slope = (volts[2:] - volts[:-2]) / (times[2:] - times[:-2])[:, None, None, None]
    wrong = (slope * loop.units.time - found.output[1:-1]).abs()
    opened = found.stages[0] > 0
    smooth = (opened[2:] == opened[:-2]).all(-1)  # a rectifier that opens within a step bends the course
    assert float(smooth.double().mean()) > 0.9
    assert float(wrong[..., 0][smooth].max()) < 1e-3 * float(found.output.abs().max())
    assert [tuple(lines.shape[1:]) for lines in found.lines] == [(3, 3, 2), (3, 3, 4)]
    assert torch.equal(found.lines[0][:, 1, 2, 1], signal.values[:, 0])
    assert float(found.stages[0].min()) == 0.0
    assert not torch.allclose(found.stages[0][:, 0], found.stages[0][:, 1])  # each die its own cells


def test_a_clamp_holds_the_stages(driven) -> None:
    loop = driven(clamp=0.25)
    volts, times, signal = course(loop)
    stages = probe(loop, volts, times, signal=signal).stages[0]
    assert float(stages.max()) == 0.25
    assert float(probe(driven(), volts, times, signal=signal).stages[0].max()) > 0.25


@spice
def test_nodes_are_those_of_ngspice(driven) -> None:
    loop = driven()  # its amplifiers have 1 GHz there
    volts, times, signal = course(loop, 200)
    text = loop_netlist(loop, torch.tensor([0.2]).double(), times, signal=signal)
    wanted = "v(s0) " + " ".join(f"v(u0_{n})" for n in range(4))
    assert text.count(" v(s0)\n") == 1
    found = run_transient(text.replace(" v(s0)\n", f" {wanted}\n"))
    stages = probe(loop, volts, times, signal=signal).stages[0][:, 0, 0]
    at = times.numpy()
    for n in range(4):
        theirs = torch.from_numpy(np.interp(at, found["time"], found[f"v(u0_{n})"]))
        late = slice(2, None)  # amplifiers settle within the first intervals
        assert float((theirs - stages[:, n])[late].abs().max()) < 5e-3 * float(stages.max())


def test_power_is_that_of_every_cell(stored) -> None:
    """Held at 0.5 V and 0.2 V, two lines: Σ over their four cells, and nothing in the second array."""
    loop = Loop((stored([[-1.0, -0.5]], "first"), stored([[1.0]], "last")), Circuit(), ("relu", "identity"), driven=1)
    times = torch.tensor([0.0, 1e-6]).double()
    signal = Samples(times, torch.full((2, 1), 0.2).double())
    found = probe(loop, torch.full((2, 1, 1, 1), 0.5).double(), times, signal=signal)
    assert float(found.stages[0].abs().max()) == 0.0
    first = (100e-6 + 20e-6) * 0.5**2 + (60e-6 + 20e-6) * 0.2**2
    assert float(array_power(loop, found)[0]) == pytest.approx(first, rel=1e-6)


def test_staircases_are_seen_after_their_jumps(stored) -> None:
    loop = Loop((stored([[1.0], [-1.0]], "first"), stored([[1.0, 1.0]], "last")), Circuit(unit="1 V"),
                ("relu", "identity"), added=((0, 2), None))  # fmt: skip
    times = torch.linspace(0, 3e-6, 4).double()
    levels = torch.tensor([[0.1, 0.1], [0.4, 0.1], [0.2, 0.1]]).double()
    still = torch.zeros(4, 1, 1, 1).double()
    stage = probe(loop, still, times, signal=Staircase(levels, 1e-6)).stages[0][:, 0, 0]
    torch.testing.assert_close(stage[:, 0], torch.tensor([0.1, 0.4, 0.2, 0.2]).double())  # the last one is held


def test_bad_courses_are_named(driven) -> None:
    loop = driven()
    volts, times, signal = course(loop, 10)
    with pytest.raises(ShapeError, match=r"volts: must be \(times, dies, trajectories, states\): 11 times, 1 states"):
        probe(loop, volts[1:], times, signal=signal)
    with pytest.raises(ConfigurationError, match="signal: must be given"):
        probe(loop, volts, times)
