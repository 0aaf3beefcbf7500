"""The repository itself: the floors hold and would be noticed if they did not; the wheel has what it must."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import ohmloom

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}

FLOORS = [  # DESIGN: from the roof to the ground, with data between those who may use it and those who may not
    {"cli", "reports"},
    {"systems"},
    {"codesign", "experiments"},
    {"data"},
    {"nn", "spiking", "dynamics", "reservoirs", "attractors"},
    {"chips"},
    {"crossbars"},
    {"devices"},
    {"atomic", "descriptions", "ledger", "markup", "random", "errors", "quantities"},
]


def lint_imports(sources: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of this repository against the package in ``sources``."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    options = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(sources)}
    return subprocess.run([*command, *options], capture_output=True, text=True, env=environment, cwd=sources)


def floors_of(contract: str) -> list[set[str]]:
    return [set(re.findall(r"\w+", layer)) for layer in CONTRACTS[contract]["layers"]]


def test_contracts_state_the_floors_of_the_design() -> None:
    assert floors_of("floors") == FLOORS
    assert CONTRACTS["floors"]["exhaustive"] is True
    assert floors_of("data") == [set().union(*FLOORS[4:8]), {"data"}]


def test_every_package_keeps_to_its_floor() -> None:
    pytest.importorskip("importlinter")
    done = lint_imports(ROOT / "src")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "imports", "broken"),
    [
        ("devices/cell.py", "ohmloom.crossbars", "A lower floor never imports a higher one"),
        ("errors.py", "ohmloom.devices", "A lower floor never imports a higher one"),
        ("chips/use.py", "ohmloom.data", "A lower floor never imports a higher one"),
        ("data/use.py", "ohmloom.devices", "Data imports floor 0 only"),
        ("novelty.py", "ohmloom.errors", "A lower floor never imports a higher one"),  # stands on no floor
    ],
)
def test_a_break_is_noticed(module: str, imports: str, broken: str, tmp_path: Path) -> None:
    pytest.importorskip("importlinter")
    package = tmp_path / "ohmloom"
    for name in ("", "devices", "crossbars", "chips", "data"):
        (package / name).mkdir()
        (package / name / "__init__.py").touch()
    for name in FLOORS[-1]:
        (package / f"{name}.py").touch()
    assert lint_imports(tmp_path).returncode == 0
    (package / module).write_text(f"import {imports}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert re.search(rf"{broken} BROKEN", done.stdout), done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_is_pure_python(wheel: zipfile.ZipFile) -> None:
    assert Path(str(wheel.filename)).name == f"ohmloom-{ohmloom.__version__}-py3-none-any.whl"


def test_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    package = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src" / "ohmloom").rglob("*") if p.is_file()}
    wanted = {name for name in package if "__pycache__" not in name}
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == wanted  # presets, embedded data and templates among them
    embedded = {f"ohmloom/data/embedded/{n}/train-images-idx3-ubyte.gz" for n in ("mnist", "fashion-mnist")}
    assert embedded | {"ohmloom/py.typed", "ohmloom/data/sets/mnist.toml"} <= held


def test_wheel_carries_the_licences_and_the_command(wheel: zipfile.ZipFile) -> None:
    info = f"ohmloom-{ohmloom.__version__}.dist-info"
    licences = {name for name in wheel.namelist() if name.startswith(f"{info}/licenses/")}
    assert f"{info}/licenses/LICENSE" in licences
    held = {name.split("/")[-2] for name in licences if name.endswith("LICENCE.txt")}
    assert held == {path.parent.name for path in (ROOT / "src" / "ohmloom").rglob("LICENCE.txt")} > {"mnist", "arrays"}
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0 AND CC-BY-SA-3.0 AND CC-BY-SA-4.0 AND MIT" in metadata
    assert "ohmloom = ohmloom.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_versions_agree() -> None:
    assert f"version: {ohmloom.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_make_knows_its_targets() -> None:
    for target in ("demo", "test", "lint", "types", "bench", "docs", "clean"):
        plan = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
        assert plan.returncode == 0, plan.stderr


def test_a_chosen_torch_is_kept_and_the_default_one_is_pinned() -> None:
    def plan(*arguments: str) -> str:
        done = subprocess.run(
            ["make", "--dry-run", "--always-make", "lint", *arguments], cwd=ROOT, capture_output=True, text=True
        )
        return done.stdout

    assert plan().count("-c constraints.txt") == 2
    chosen = plan("TORCH=torch==2.8.0", "PIP_ARGS=--extra-index-url HERE")
    assert "constraints.txt" not in chosen
    assert chosen.count("--extra-index-url HERE") == 2
    assert chosen.index("'torch==2.8.0'") < chosen.index("'.[dev]'")  # torch first, so that nothing brings another


def test_continuous_integration_is_executable() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
