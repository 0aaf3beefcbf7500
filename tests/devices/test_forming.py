"""Forming by breakdown, pairs, and switching formed cells."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

from ohmloom.devices import (
    Device,
    Fault,
    Measured,
    RandomFaults,
    arrays,
    check_device,
    conductance,
    form,
    read_array,
    switch,
)
from ohmloom.errors import ConfigurationError, DataError, ShapeError, UnknownNameError


@pytest.fixture(scope="module")
def taox() -> Device:
    return Device.load("taox-40nm")


@pytest.mark.parametrize("voltage", [3.2, 3.35, 3.433, 3.5, 3.7])
def test_the_voltage_sets_the_sparsity(taox, generator, voltage):
    """40,000 cells: 5 deviations of a share are at most 0.0125."""
    cells = form(taox, (200, 200), generator, voltage=voltage)
    zeros = float((cells.faults == Fault.UNFORMED).double().mean())
    assert zeros == pytest.approx(1 - norm.cdf((voltage - 3.433) / 0.114), abs=0.0125)
    assert taox.forming.probability(voltage) == pytest.approx(norm.cdf((voltage - 3.433) / 0.114))


def test_formed_cells_have_the_published_statistics(taox, generator):
    """About 20,000 formed cells: the mean is known to 0.1 %, the deviation to 0.5 %."""
    cells = form(taox, (200, 200), generator)
    formed = cells.written[cells.faults == Fault.NONE]
    assert float(formed.mean()) == pytest.approx(12.34e-6, rel=0.005)
    assert float(formed.std()) == pytest.approx(1.84e-6, rel=0.025)
    assert cells.written[cells.faults == Fault.UNFORMED].unique().tolist() == [pytest.approx(0.1e-6)]


def test_exactly_the_weaker_cell_of_a_pair_forms(taox, generator):
    cells = form(taox, (3, 2, 64, 64), generator, voltage=10.0, extrapolate=True, one_of_pair=True)
    formed = cells.faults == Fault.NONE
    assert bool((formed.sum(1) == 1).all())
    assert float(formed[:, 0].double().mean()) == pytest.approx(0.5, abs=0.025)  # fair: 12,288 pairs, 5 deviations
    assert bool((cells.pulses == 1).all())  # both saw the voltage


def test_a_low_voltage_forms_only_pairs_with_a_weak_cell(taox, generator):
    """A pair forms if the weaker of two is below the voltage: 1 - (1 - p)^2."""
    cells = form(taox, (2, 150, 150), generator, voltage=3.433, one_of_pair=True)
    alive = (cells.faults == Fault.NONE).sum(0)
    assert int(alive.max()) == 1
    assert float(alive.double().mean()) == pytest.approx(0.75, abs=0.015)


def test_switching_reaches_the_wanted_states_and_counts_flips(taox, generator):
    cells = form(taox, (64, 64), generator, voltage=10.0, extrapolate=True)
    keep = torch.rand(64, 64, generator=generator) < 0.5
    switched, flips = switch(taox, cells, keep, generator)
    assert torch.equal(flips, ~keep)
    assert bool((switched.written[keep] > 5e-6).all())
    assert bool((switched.written[~keep] < 2e-6).all())
    assert torch.equal(switched.written[keep], cells.written[keep])  # not touched
    assert torch.equal(switched.latent[keep], cells.latent[keep])
    assert torch.equal(switched.pulses, cells.pulses + flips)
    _, again = switch(taox, switched, keep, generator)
    assert not again.any()


def test_a_cell_comes_back_to_its_own_on_state(taox, generator):
    """With the cycle-to-cycle deviation of 0.15 %, not with the 15 % from cell to cell; and it does not wander."""
    cells = form(taox, (100, 100), generator, voltage=10.0, extrapolate=True)
    current = cells
    for keep in (False, True) * 10:
        current, _ = switch(taox, current, torch.tensor(keep).expand(100, 100), generator)
    change = current.written / cells.written - 1
    assert float(change.std()) == pytest.approx(0.0015, rel=0.05)
    assert bool((current.pulses == 21).all())


def test_faulty_and_unformed_cells_do_not_switch(taox, generator):
    device = taox.replace(faults=RandomFaults(stuck_on=0.2, stuck_off=0.2))
    cells = form(device, (64, 64), generator)
    dead = cells.faults != Fault.NONE
    current = cells
    for keep in (False, True):
        current, flips = switch(device, current, torch.full((64, 64), keep), generator)
        assert not flips[dead].any()
    assert torch.equal(current.written[dead], cells.written[dead])


def test_absent_cells_are_neither_formed_nor_switched(taox, generator):
    wanted = torch.rand(32, 32, generator=generator) < 0.5
    cells = form(taox, (32, 32), generator, voltage=10.0, extrapolate=True, wanted=wanted)
    switched, flips = switch(taox, cells, torch.zeros(32, 32, dtype=torch.bool), generator)
    assert torch.equal(flips, wanted)
    assert not conductance(taox, switched, 1.0)[~wanted].any()


def test_same_generator_same_cells(taox):
    first, second = (form(taox, (2, 8, 8), torch.Generator().manual_seed(4), one_of_pair=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_what_cannot_be_formed_is_refused(generator):
    with pytest.raises(ConfigurationError, match=r"device.forming: must be given"):
        form(Device.load("ideal"), (4, 4), generator)
    with pytest.raises(ShapeError, match=r"shape: must be \(..., 2, rows, columns\)"):
        form(Device.load("taox-40nm"), (3, 4, 4), generator, one_of_pair=True)


def test_voltages_beyond_the_measured_ones_are_refused_unless_asked_for(taox, generator):
    for voltage in (3.13, 3.71):
        with pytest.raises(
            ConfigurationError, match=r"voltage: must lie where breakdown was measured, 3.14 V to 3.7 V"
        ):
            form(taox, (4, 4), generator, voltage=voltage)
        form(taox, (4, 4), generator, voltage=voltage, extrapolate=True)
    form(taox, (4, 4), generator, voltage=3.7)
    with pytest.raises(ConfigurationError, match="must be lowest, then highest"):
        taox.forming.replace(measured=("3.7 V", "3.14 V"))


@pytest.fixture(scope="module")
def measured() -> Device:
    return Device.load("taox-40nm-measured")


def published(name: str) -> torch.Tensor:
    """The file itself: one line per output."""
    text = (files("ohmloom.devices.arrays") / f"{name}.csv").read_text()
    return torch.from_numpy(np.array([[float(v) for v in line.split(",")] for line in text.splitlines()]))


@pytest.mark.parametrize(("name", "shape"), [("esgnn-input", (8, 50)), ("esgnn-recurrent", (50, 50))])
def test_an_array_of_the_measured_size_is_the_measured_array(measured, name, shape):
    assert name in arrays()
    for seed in range(3):
        cells = form(measured, (1, 1, *shape), torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert torch.allclose(cells.written[0, 0] * 1e6, published(name).T, rtol=1e-12, atol=0)
        assert torch.equal(cells.faults[0, 0] == Fault.UNFORMED, published(name).T == 0)


def test_other_sizes_draw_measured_cells(measured, generator):
    """40,000 cells: 5 deviations of a share are at most 0.0125."""
    cells = form(measured, (200, 200), generator, dtype=torch.float64)
    pool = torch.cat([read_array(name).flatten() for name in arrays()])
    assert set(cells.written.unique().tolist()) == set(pool.unique().tolist())
    assert float((cells.written == 0).double().mean()) == pytest.approx(float((pool == 0).double().mean()), abs=0.0125)
    formed = cells.written[cells.written > 0]
    assert float(formed.mean()) == pytest.approx(float(pool[pool > 0].mean()), rel=0.005)
    two = form(measured, (2, 50, 50), generator)  # two arrays of that size: neither is the one measured
    assert not torch.equal(two.written[0], two.written[1])


def test_measured_cells_answer_to_the_voltage(measured):
    """Less forms some of them, more forms all of them and others; those that had formed keep their conductance."""
    held = published("esgnn-recurrent").T * 1e-6
    cells = {v: form(measured, (50, 50), torch.Generator().manual_seed(1), voltage=v, dtype=torch.float64)
             for v in (3.3, 3.433, 3.6)}  # fmt: skip
    few, same, many = (cells[v].written for v in cells)
    assert torch.allclose(same, held, rtol=1e-12, atol=0)
    assert torch.allclose(few[few > 0], held[few > 0])
    assert torch.allclose(many[held > 0], held[held > 0])
    for written, voltage in ((few, 3.3), (many, 3.6)):
        assert float((written > 0).double().mean()) == pytest.approx(norm.cdf((voltage - 3.433) / 0.114), abs=0.05)


def test_the_measured_device_keeps_the_contract(measured):
    assert "forming" in check_device(measured)


def test_files_of_arrays_that_break_a_rule_say_which(tmp_path: Path, measured):
    file = tmp_path / "own.csv"
    file.write_text("1,2\n3,0\n")
    own = measured.forming.replace(arrays=(str(file),))
    assert isinstance(own, Measured)
    assert torch.allclose(own.array((2, 2)), torch.tensor([[1.0, 3.0], [2.0, 0.0]], dtype=torch.float64) * 1e-6)
    for text, words in (
        ("1,2\n3\n", "equally many"),
        ("0,0\n", "one above 0"),
        ("1,-2\n", ">= 0"),
        ("nan\n", "finite"),
    ):
        bad = tmp_path / f"bad-{len(text)}-{text[0]}.csv"
        bad.write_text(text)
        with pytest.raises(DataError, match=words):
            read_array(str(bad))
    with pytest.raises(UnknownNameError, match="Did you mean 'esgnn-input'"):
        read_array("esgnn-inptu")
    with pytest.raises(UnknownNameError, match="no such file"):
        read_array(str(tmp_path / "none.csv"))


def test_only_selected_cells_see_the_voltage(taox, generator):
    selected = torch.rand(40, 50, generator=generator) < 0.5
    cells = form(taox, (40, 50), generator, voltage=3.7, selected=selected)
    assert bool((cells.faults[~selected] == Fault.UNFORMED).all())
    assert torch.equal(cells.pulses.bool(), selected)
    with pytest.raises(ShapeError, match="selected: must be bool"):
        form(taox, (40, 50), generator, voltage=3.7, selected=selected.float())


def test_cycle_noise_is_clipped_where_the_device_says_so(taox, generator):
    on = torch.full((100, 100), 12e-6)
    pairs = Device.load("taox-40nm-pairs").forming
    again = pairs.set_again(on, generator) / on - 1
    assert float(again.abs().max()) == pytest.approx(2 * 0.0015, rel=1e-3)
    assert float(again.std()) == pytest.approx(0.0015 * 0.959, rel=0.03)  # of a normal clamped at 2 deviations
    free = taox.forming.set_again(on, generator) / on - 1
    assert float(free.abs().max()) > 3 * 0.0015
