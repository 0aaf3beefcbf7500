"""The registry: light to list, exact about names."""

import subprocess
import sys
from pathlib import Path

import pytest

from ohmloom import systems
from ohmloom.errors import ConfigurationError, UnknownNameError
from ohmloom.experiments import check_system
from tests.toy_system import Toy


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "_entries", dict(systems._entries))
    systems.register("toy", Toy.title, "tests.toy_system:Toy")


@pytest.mark.usefixtures("registered")
def test_a_registered_system_is_listed_loaded_and_run(tmp_path: Path) -> None:
    assert "toy" in systems.names()
    assert systems.entries()["toy"].title == Toy.title
    assert isinstance(systems.load("toy"), Toy)
    assert systems.run_system("toy", out=tmp_path / "run").status == "complete"


@pytest.mark.usefixtures("registered")
def test_unknown_systems_offer_near_names() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'toy'"):
        systems.load("tyo")


@pytest.mark.usefixtures("registered")
def test_a_name_belongs_to_one_system() -> None:
    systems.register("toy", Toy.title, "tests.toy_system:Toy")
    with pytest.raises(ConfigurationError, match="name of its own"):
        systems.register("toy", "Another", Toy)
    systems.register("toy2", Toy.title, Toy)
    with pytest.raises(ConfigurationError, match="must have the registered name"):
        systems.load("toy2")


@pytest.mark.parametrize("name", systems.names())
def test_every_shipped_system_keeps_the_contract(name: str) -> None:
    check_system(systems.load(name))


def test_listing_brings_in_neither_torch_nor_numpy() -> None:
    code = "import sys, ohmloom.systems as s; s.entries(); print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
