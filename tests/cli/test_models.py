"""`ohmloom summary` and `ohmloom evaluate` with a user's own model, weights and data."""

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file
from typer.testing import CliRunner

from ohmloom.cli import app
from tests.cli.models_for_tests import network

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
