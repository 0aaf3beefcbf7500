"""`ohmloom summary` and `ohmloom evaluate` with a user's own model, weights and data."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

from ohmloom.cli import app
from tests.cli.models_for_tests import data, network

HERE = "tests.cli.models_for_tests"


def call(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_evaluate_own_model_and_data() -> None:
    code, out, _ = call("evaluate", "--model", f"{HERE}:network", "--data", f"{HERE}:data", "--json", "--dies", "2")
    assert code == 0
    found = json.loads(out)
    assert found["figures"]["accuracy in software"]["value"] > 95
    assert found["figures"]["accuracy on the chip after 1 day"]["value"] > 80
    assert found["cost"]["energy_joule"] == pytest.approx(sum(found["cost"]["components"].values()))


def test_summary_says_where_it_sits() -> None:
    code, out, _ = call("summary", "--model", f"{HERE}:network", "--chip", "ideal")
    assert code == 0
    assert "4 x 12" in out


def test_weights_are_loaded_and_refused(tmp_path: Path) -> None:
    good, other, broken = tmp_path / "good.safetensors", tmp_path / "other.safetensors", tmp_path / "broken.safetensors"
    state = network().state_dict()
    save_file(state, good)
    save_file({"weight": state["0.weight"]}, other)
    broken.write_bytes(good.read_bytes()[:50])
    model = ("summary", "--model", f"{HERE}:network", "--chip", "ideal", "--weights")
    assert call(*model, str(good))[0] == 0
    for path, words in (
        (other, "must fit the model"),
        (broken, "whole safetensors"),
        (tmp_path / "no", "must be a file"),
    ):
        code, _, err = call(*model, str(path))
        assert code == 2
        assert words in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "nowhere:network"), "must exist"),
        (("--model", "nowhere"), "package.module:callable"),
        (("--model", f"{HERE}:not_a_network"), "torch.nn.Module"),
        (("--model", f"{HERE}:network", "--chip", "neuram"), "neurram"),
        (("--model", f"{HERE}:network", "--chip", "gone.toml"), "no such file"),
    ],
)
def test_bad_models_and_chips_are_named(words: tuple[str, ...], message: str) -> None:
    code, _, err = call("summary", *words)
    assert code == 2
    assert message in err


def test_evaluate_refuses_a_data_set_that_holds_no_images() -> None:
    code, _, err = call("evaluate", "--model", f"{HERE}:network", "--data", "cora", "--subset", "embedded")
    assert code != 0
    assert "--data: must be a set of images" in err.replace("\n", " ")
    assert "'cora' (CitationGraph)" in err.replace("\n", " ")


def test_evaluate_with_a_fitted_device_shows_what_the_fit_leaves_open(tmp_path: Path) -> None:
    """The tables of a device that this repository has never seen, to accuracy on a chip, by commands alone."""
    tables, device, report = tmp_path / "tables", tmp_path / "my.toml", tmp_path / "report"
    assert call("fit", "template", str(tables))[0] == 0
    files = [str(path) for path in sorted(tables.iterdir())]
    options = ("--out", str(device), "--report", str(report), "--resamples", "50", "--draws", "3", "--json")
    code, out, err = call("fit", "device", *files, *options)
    assert code == 0, err
    found = json.loads(out)
    assert found["report"] == str(report / "report.html")
    assert {"programming", "reads", "sweeps"} == set(found["fit"]["tables"])
    page = (report / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 9
    assert "What these tables cannot tell" in page
    assert json.loads((report / "fit.json").read_text(encoding="utf-8")) == found["fit"]
    model = ("--model", f"{HERE}:network", "--data", f"{HERE}:data", "--chip", "generic-40nm", "--device", str(device))
    code, out, err = call("evaluate", *model, "--dies", "2", "--json")
    assert code == 0, err
    figures = json.loads(out)["figures"]
    draws = figures["accuracy after 1 day, over draws of the fit"]
    assert draws["spread_over"] == "draws"
    assert len(draws["values"]) == 3
    assert draws["interval"]["low"] <= draws["value"] <= draws["interval"]["high"]
    assert figures["accuracy on the chip after 1 day"]["value"] > 80


def test_fit_speaks_to_people_and_refuses_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "reads.csv"
    path.write_text("cell,time_s,conductance_uS\nc1,1,2\n", encoding="utf-8")
    code, _, err = call("fit", "device", str(path))
    assert code == 2
    assert "Multiply 'conductance_uS' by 1e-06 and name it 'conductance_S'." in err
    code, _, err = call("fit", "device", str(path), "--read-time", "5")
    assert code == 2
    assert "read_time: must be a time" in err
    rows = "\n".join(f"c{i},0,{(i + 1) * 1e-6:.7g}" for i in range(30))
    path.write_text(f"cell,time_s,conductance_S\n{rows}\n", encoding="utf-8")
    code, out, _ = call("fit", "device", str(path), "--out", str(tmp_path / "my.toml"), "--resamples", "50")
    assert code == 0
    assert "nothing is known about retention" in out


def test_summary_puts_other_cells_on_a_chip() -> None:
    code, out, _ = call("summary", "--model", f"{HERE}:network", "--chip", "ideal", "--device", "generic-rram")
    assert code == 0
    assert "4 x 12" in out
    code, _, err = call("summary", "--model", f"{HERE}:network", "--device", "generic-ram")
    assert code == 2
    assert "generic-rram" in err


@pytest.mark.parametrize(
    ("model", "data"), [("network", "loaders"), ("pair", "pair_data")], ids=["loaders", "several inputs"]
)
def test_other_data_and_metrics(model: str, data: str) -> None:
    own = ("--model", f"{HERE}:{model}", "--data", f"{HERE}:{data}", "--metric", f"{HERE}:margin")
    code, out, err = call("evaluate", *own, "--chip", "generic-40nm", "--dies", "2", "--json")
    assert code == 0, err
    figures = json.loads(out)["figures"]
    assert figures["margin in software"]["value"] == pytest.approx(
        figures["margin on the chip after 1 day"]["value"], rel=0.3
    )
    code, out, err = call("diagnose", *own, "--chip", "generic-40nm", "--dies", "2", "--age", "1 hour", "--json")
    assert code == 0, err
    assert json.loads(out)["metric"] == "margin"


@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_data_from_a_file(kind: str, tmp_path: Path) -> None:
    calibration, inputs, labels = data()
    arrays = {"calibration": calibration, "inputs": inputs, "targets": labels}
    file = tmp_path / f"data.{kind}"
    if kind == "npz":
        np.savez(file, **{name: value.numpy() for name, value in arrays.items()})
    else:
        save_file(arrays, file)
    own = ("--model", f"{HERE}:network", "--data", str(file), "--chip", "generic-40nm", "--age", "1 hour")
    code, out, err = call("diagnose", *own, "--dies", "2", "--report", str(tmp_path / "page"))
    assert code == 0, err
    assert "The hardware loses" in out
    assert (tmp_path / "page" / "report.html").is_file()
    assert json.loads((tmp_path / "page" / "diagnosis.json").read_text())["software"] > 95
    file.write_bytes(file.read_bytes()[:200])
    code, _, err = call("diagnose", *own)
    assert code == 2
    assert "must be whole arrays" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", f"{HERE}:nothing"), "must yield at least one batch"),
        (("--data", f"{HERE}:data", "--metric", f"{HERE}:undefined"), "must be finite"),
        (("--data", f"{HERE}:data", "--metric", "acuracy"), "Did you mean 'accuracy'"),
        (("--data", "gone.npz"), "must be a file"),
        (("--data", f"{HERE}:not_a_network"), "(calibration inputs, inputs, targets) or two loaders"),
    ],
)
def test_bad_data_and_metrics(words: tuple[str, ...], message: str) -> None:
    code, _, err = call("evaluate", "--model", f"{HERE}:network", "--chip", "ideal", *words)
    assert code == 2
    assert message in err.replace("\n", " ")
