"""Presets: they load, every number has a source, files that break a rule say which."""

import pytest

from ohmloom.devices import Device, Ideal, Ohmic, OpenLoop, Relaxation, WriteVerify, numbers, unsourced
from ohmloom.errors import ConfigurationError, UnknownNameError


def test_shipped_presets():
    assert {"ideal", "generic-rram", "neurram-hfox"} <= set(Device.names())


@pytest.mark.parametrize("name", Device.names())
def test_every_number_has_a_source(name):
    device = Device.load(name)
    assert numbers(device)
    assert unsourced(device) == []


@pytest.mark.parametrize("name", Device.names())
def test_no_source_is_left_without_its_number(name):
    device = Device.load(name)
    paths = numbers(device)
    stale = [key for key in device.sources if key not in paths and not any(p.startswith(key + ".") for p in paths)]
    assert stale == []


def test_a_number_without_a_source_is_found():
    """The control: the check can fail, for a missing source and for one that does not say of which kind it is."""
    device = Device.load("neurram-hfox")
    sources = {k: v for k, v in device.sources.items() if k not in ("g_max", "retention.coefficients")}
    assert len(unsourced(device.replace(sources=sources))) == 16
    assert unsourced(device.replace(sources={**device.sources, "g_max": "the paper"})) == ["g_max"]


@pytest.mark.parametrize("name", Device.names())
def test_a_device_survives_being_written_and_read(name):
    device = Device.load(name)
    assert Device.parse(device.table()) == device


def test_units_of_the_main_preset():
    device = Device.load("neurram-hfox")
    assert (device.g_min, device.g_max) == (1e-6, 40e-6)
    assert isinstance(device.programming, WriteVerify)
    assert device.programming.tolerance == 1e-6
    assert isinstance(device.retention, Relaxation)
    assert device.retention.times == (1.0, 86400.0, 172800.0)


def test_parts_replace_their_family():
    device = Device.load("neurram-hfox", parts=[Ideal(), Ohmic()])
    assert isinstance(device.programming, Ideal)
    assert isinstance(device.retention, Relaxation)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(UnknownNameError, match="Did you mean 'neurram-hfox'"):
        Device.load("neuram-hfox")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('g_max = "40 V"', "a conductance such as"),
        ("g_max = 40", "a conductance such as"),
        ('g_max = "0.5 uS"', r"device.g_max: must exceed g_min, 1 µS, got 500 nS"),
        ('g_mex = "40 uS"', "unknown field"),
        ('[retention]\nkind = "relaxaton"', "Did you mean 'relaxation'"),
        ('[retention]\nkind = "power-law"\nexponent = 0.1', r"start: must be given"),
        ("[retention]\ncoefficients = [[1.0], [2.0]]", "must have one row of equal length for each of the 3 times"),
        ('[retention]\ntimes = ["1 s", "1 s", "2 s"]', "must be positive and increasing"),
    ],
)
def test_files_that_break_a_rule_say_which(tmp_path, text, words):
    file = tmp_path / "mine.toml"
    file.write_text(f'extends = "neurram-hfox"\nname = "mine"\n{text}\n')
    with pytest.raises((ConfigurationError, UnknownNameError), match=words):
        Device.load(file)


def test_a_preset_can_extend_another(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('extends = "neurram-hfox"\nname = "mine"\n[programming]\nkind = "open-loop"\ndeviation = [0.05]\n')
    device = Device.load(file)
    assert device.programming == OpenLoop(deviation=(0.05,))
    assert device.retention == Device.load("neurram-hfox").retention
