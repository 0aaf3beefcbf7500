"""Descriptions: exact round trips through files, near names, parts that replace others, presets with their sources."""

import math
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ohmloom import systems
from ohmloom.chips import Chip, Component, Mapping, Timing
from ohmloom.crossbars import (
    Amplitude,
    Analogue,
    AnalogueReadout,
    Bits,
    BitSerial,
    ChargeDecrement,
    CurrentSense,
    Drive,
    LogicReadout,
    Radix,
    Uniform,
    VoltageSense,
)
from ohmloom.descriptions import Description, Part, Preset
from ohmloom.devices import AdditiveNoise, Breakdown, Device, OpenLoop, RelativeNoise, SumOfNoises
from ohmloom.errors import ConfigurationError, UnknownNameError

PRESETS = [(kind, name) for kind in (Device, Chip) for name in kind.names()]


def through_toml(description: Description) -> Any:
    """Written to a file and read again."""
    text = tomli_w.dumps(description.table())
    return type(description).parse(tomllib.loads(text), file="written.toml")


@pytest.mark.parametrize(("kind", "name"), PRESETS)
def test_every_preset_round_trips_exactly(kind: type[Preset], name: str) -> None:
    preset = kind.load(name)
    assert through_toml(preset) == preset
    assert preset.name == name
    assert preset.summary


quantity = st.floats(0, 1e3, allow_nan=False)
positive = st.floats(1e-12, 1e3)
noises = st.one_of(
    st.builds(RelativeNoise, deviation=st.floats(0, 1), read_time=positive),
    st.builds(AdditiveNoise, deviation=quantity, read_time=positive),
)
readouts = st.one_of(
    st.builds(
        AnalogueReadout, front_end=st.builds(CurrentSense, saturation=st.one_of(st.none(), positive), noise=quantity),
        converter=st.one_of(
            st.builds(Uniform, bits=st.integers(2, 16), nonlinearity=st.floats(-3, 3), offset_spread=quantity),
            st.builds(ChargeDecrement, bits=st.integers(2, 9), max_steps=st.one_of(st.none(), st.integers(1, 128))),
        ),
        integration=positive,
    ),
    st.just(AnalogueReadout(front_end=VoltageSense())),
)  # fmt: skip
drives = st.one_of(
    st.builds(Amplitude, bits=st.one_of(st.none(), st.integers(1, 16))), st.builds(BitSerial, bits=st.integers(1, 16))
)
mappings = st.builds(
    Mapping,
    drive=drives,
    encoding=st.builds(Analogue, layout=st.just("pair-rows")),
    readout=readouts,
    voltage=st.floats(-2, 2),
    lowest=st.one_of(st.none(), quantity),
    rows=st.one_of(st.none(), st.integers(2, 999)),
)


@given(mapping=mappings)
def test_mappings_round_trip_exactly(mapping: Mapping) -> None:
    assert through_toml(mapping) == mapping


@given(noise=st.one_of(noises, st.builds(SumOfNoises, parts=st.lists(noises, min_size=1, max_size=3).map(tuple))))
def test_devices_round_trip_exactly(noise: Any) -> None:
    device = Device.load("ideal").replace(read_noise=noise, programming=OpenLoop(deviation=(0.1, 0.2)))
    assert through_toml(device) == device


@given(
    timing=st.builds(Timing, phase=quantity, integration=quantity, growth=positive),
    component=st.builds(Component, event=st.just("conversions"), energy=quantity, power=quantity, area=quantity),
)
def test_chips_round_trip_exactly(timing: Timing, component: Component) -> None:
    chip = Chip.load("ideal").replace(timing=timing, components={"something": component})
    assert through_toml(chip) == chip


def test_descriptions_are_frozen_and_replaced_with_a_check() -> None:
    drive = BitSerial(bits=4)
    with pytest.raises(ValidationError):
        drive.bits = 5  # type: ignore[misc]
    assert drive.replace(bits=5) == BitSerial(bits=5)
    with pytest.raises(ConfigurationError, match=r"BitSerial\.bits"):
        drive.replace(bits=0)
    assert drive == BitSerial(bits=4)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"bits": 4, "cod": "signed"}, r"BitSerial\.cod: unknown field, got 'cod'\. Did you mean 'code'\?"),
        ({}, r"BitSerial\.bits: must be given, got nothing\. Add this field\."),
        ({"bits": 99}, r"BitSerial\.bits: .*16.*got 99"),
        ({"bits": math.nan}, r"BitSerial\.bits: "),
        ({"bits": 4, "code": "sined"}, r"BitSerial\.code: .*'signed'.*got 'sined'"),
    ],
)
def test_messages_name_the_field_the_rule_and_the_value(table: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        BitSerial(**table)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mapping": {"voltage": "0.2 S"}}, r"Mapping\.voltage: must be a voltage such as \"0\.5 V\", got '0\.2 S'"),
        ({"mapping": {"drive": {"kind": "bit-seria", "bits": 4}}}, r"Did you mean 'bit-serial'\?"),
        ({"mapping": {"drive": {"bit": 4}}}, r"Amplitude\.bit: unknown field, got 'bit'\. Did you mean 'bits'\?"),
        ({"mapping": {"voltage": 0.2}}, r"Write a number and its unit as text"),
        ({"cores": {"rowz": 3}}, r"Cores\.rowz: unknown field, got 'rowz'\. Did you mean 'rows'\?"),
        ({"corez": {}}, r"Chip\.corez: unknown field, got 'corez'\. Did you mean 'cores'\?"),
        ({"components": {"adc": {"energy": "1 pJ"}}}, r"energy needs the event"),
        ({"components": {"adc": {"event": "conversion", "energy": "1 pJ"}}}, r"components\.adc"),
        ({"device": "neuram-hfox"}, r"Did you mean 'neurram-hfox'\?"),
        ({"mapping": {"rows": 1000}}, r"must fit a core"),
    ],
)
def test_a_users_file_is_checked_field_by_field(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(tomli_w.dumps({"extends": "generic-40nm", "name": "mine", **change}))
    with pytest.raises((ConfigurationError, UnknownNameError), match=says):
        Chip.load(file)


def test_a_file_extends_a_preset_table_by_table(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    changes = {"cores": {"count": 3}, "mapping": {"encoding": {"kind": "bits", "bits": 4}}}
    file.write_text(tomli_w.dumps({"extends": "generic-40nm", "name": "mine", **changes}))
    mine, base = Chip.load(file), Chip.load("generic-40nm")
    assert mine.cores == base.cores.replace(count=3)
    assert mine.mapping.encoding == Bits(bits=4)  # another kind replaces the whole table
    assert mine.mapping.drive == base.mapping.drive
    assert mine.components == base.components


def test_files_are_looked_for_beside_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "cell.toml").write_text('extends = "ideal"\nname = "cell"\ng_max = "33 uS"\n')
    (inside / "base.toml").write_text('extends = "ideal"\nname = "base"\ndevice = "cell.toml"\n')
    (tmp_path / "top.toml").write_text('extends = "inside/base.toml"\nname = "top"\n')
    monkeypatch.chdir(tmp_path)
    for source in ("top.toml", tmp_path / "top.toml", "inside/base.toml"):
        assert Chip.load(source).device.g_max == 33e-6


def test_circles_and_broken_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(ConfigurationError, match="circle"):
        Device.load(tmp_path / "a.toml")
    (tmp_path / "c.toml").write_text("name = \n")
    with pytest.raises(ConfigurationError, match=r"c\.toml: must be valid TOML"):
        Device.load(tmp_path / "c.toml")
    with pytest.raises(UnknownNameError, match="no such file"):
        Device.load(tmp_path / "d.toml")


def test_unknown_presets_offer_near_names() -> None:
    with pytest.raises(
        UnknownNameError, match=r"chip: no such name, got 'neuram'\. Did you mean 'neurram'\?"
    ) as caught:
        Chip.load("neuram")
    assert isinstance(caught.value, LookupError)


def test_parts_replace_those_of_their_family_wherever_they_are() -> None:
    noise, drive, adc = RelativeNoise(deviation=0.1, read_time="1 us"), BitSerial(bits=3), Uniform(bits=5)
    forming = Breakdown(voltage="3 V", mean="3 V", spread="0.1 V", on="12 uS", off="0.1 uS")
    chip = Chip.load("generic-40nm", parts=[noise, drive, adc, forming])
    assert chip.device.read_noise == noise
    assert chip.device.forming == forming  # which generic cells do not have
    assert chip.mapping.drive == drive
    assert isinstance(chip.mapping.readout, AnalogueReadout)
    assert chip.mapping.readout.converter == adc
    assert Device.load("ideal", parts=[noise]).read_noise == noise
    with pytest.raises(ConfigurationError, match="parts: must belong to a family that this device has, got BitSerial"):
        Device.load("ideal", parts=[drive])


def test_a_users_part_registers_itself_and_is_exchanged() -> None:
    class Doubled(Radix):
        """A user's own encoding, defined in a notebook."""

        kind: Literal["doubled"] = "doubled"  # type: ignore[assignment]

    mapping = Mapping.parse(
        {"drive": {"kind": "amplitude"}, "encoding": {"kind": "doubled"}, "readout": {"kind": "analogue"}}
    )
    assert type(mapping.encoding) is Doubled
    assert through_toml(mapping) == mapping
    del Part._kinds[Doubled.family()]["doubled"]


def test_a_part_needs_its_kind() -> None:
    with pytest.raises(
        ConfigurationError, match=r"Mapping\.drive: kind: must be given, got nothing\. Known: affine, amp"
    ):
        Mapping.parse({"drive": {"bits": 4}, "encoding": {"kind": "analogue"}, "readout": {"kind": "analogue"}})


def test_a_part_of_another_family_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Mapping\.drive"):
        Mapping(drive=LogicReadout(), encoding=Analogue(), readout=AnalogueReadout())
    assert BitSerial.family() is Drive


def leaves(table: dict[str, Any], path: str = "") -> list[str]:
    """Dotted names of everything that is a number: a bare one, or text that begins with one."""
    found = []
    for key, value in table.items():
        name = f"{path}{key}"
        number = isinstance(value, list | int | float) and not isinstance(value, bool)
        quantity = isinstance(value, str) and re.match(r"^-?[\d.]+(e-?\d+)? \S+$", value)
        if isinstance(value, dict):
            found += leaves(value, f"{name}.")
        elif number or quantity:
            found.append(name)
    return found


@pytest.mark.parametrize("name", Chip.names())
def test_every_number_of_a_chip_says_where_it_comes_from(name: str) -> None:
    table = Chip.raw(name)
    sources = table.pop("sources")
    for text in sources.values():
        assert re.match(r"^(published|fitted|assumed)(: .+)?$", text), text
    named = leaves(table)
    assert named
    missing = [leaf for leaf in named if not any(leaf == s or leaf.startswith(f"{s}.") for s in sources)]
    assert not missing
    assert not [s for s in sources if not any(leaf == s or leaf.startswith(f"{s}.") for leaf in named)]  # none is stale


def test_no_field_may_be_none_whose_default_is_another_value() -> None:
    """A file has no word for None: what it leaves out is read as the default."""
    for name in systems.names():
        systems.load(name)
    found, todo = [], [Description]
    while todo:
        described = todo.pop()
        todo += described.__subclasses__()
        for name, info in described.model_fields.items():
            if type(None) in get_args(info.annotation) and not info.is_required() and info.default is not None:
                found.append(f"{described.__name__}.{name}")
    assert not found
