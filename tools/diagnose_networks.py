"""Does `diagnose` name planted faults? `python tools/diagnose_networks.py FOLDER`

Three networks are trained on embedded MNIST digits (kept in FOLDER), put on a chip, and diagnosed as they are and with
each of three faults planted into one layer: its converter range halved, all cells of one of its cores stuck off, its
device replaced by one whose reads are ten times as noisy. A fault counts as found if the sentence names its layer and
its effect. The table is written to ``results/diagnosis.json``, and a call goes on after its last row: remove it to
measure anew. Layers are the middle one of each network, chosen beforehand.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.data import Images, load
from ohmloom.experiments import open_progress
from ohmloom.experiments.diagnosis import Diagnosis, diagnose
from ohmloom.systems.neurram.network import Convolutional
from tests.nn.models import ResNet20

RESULT = Path(__file__).resolve().parents[1] / "results" / "diagnosis.json"
DIES, SAMPLES, CALIBRATED = 2, 100, 200
DATA = f"{SAMPLES} embedded MNIST test digits, {DIES} dies"
CORRECTED = {"ResNet-20": 50}  # training digits on which each case is corrected, where fewer do: patches are plenty
CHIPS = {"NeuRRAM's network": "neurram", "transformer": "generic-40nm", "ResNet-20": "generic-40nm"}


class Gray(nn.Module):
    """ResNet-20 on one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.network = ResNet20()

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.expand(-1, 3, -1, -1))


class Rows(nn.Module):
    """A transformer that reads an image row by row."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Linear(28, width)
        self.place = nn.Parameter(0.02 * torch.randn(28, width))
        layer = nn.TransformerEncoderLayer(width, 4, 128, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x.squeeze(1)) + self.place).mean(1))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "NeuRRAM's network": (Convolutional, 3), "ResNet-20": (Gray, 1), "transformer": (Rows, 6),
}  # fmt: skip


def trained(name: str, folder: Path) -> nn.Module:
    """From the folder, or trained now."""
    build, epochs = NETWORKS[name]
    torch.manual_seed(0)
    model, file = build(), folder / f"{name.replace(' ', '-')}.safetensors"
    if file.exists():
        model.load_state_dict(load_file(file))
        return model.eval()
    data = _digits("training")
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    model.train()
    with open_progress() as progress:
        for _ in range(epochs):
            order = torch.randperm(len(data[0])).split(64)
            for batch in progress.track(order, f"training {name}", total=len(order)):
                loss = nn.functional.cross_entropy(model(data[0][batch]), data[1][batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
    return model.eval()


def _digits(part: str) -> tuple[Tensor, Tensor]:
    images = load("mnist", subset="embedded")
    assert isinstance(images, Images)
    held = images.tensors(part)  # type: ignore[arg-type]
    return held.images, held.labels


def programmed(model: nn.Module, chip: str) -> nn.Module:
    """On the chip, one day old, calibrated."""
    x = _digits("training")[0]
    hardware = ol.convert(model, ol.Chip.load(chip))
    ol.calibrate(hardware, x[:CALIBRATED])
    ol.program(hardware, dies=DIES)
    ol.age(hardware, "1 day")
    ol.calibrate(hardware, x[:CALIBRATED])
    return hardware


def halved_range(hardware: nn.Module, layer: str) -> None:
    """The converters of a layer reach half as far."""
    for matrix in ol.converted(hardware)[layer].on_chip.matrices.values():
        assert matrix.calibration.full_range is not None
        matrix.calibration.full_range *= 0.5


def stuck_core(hardware: nn.Module, layer: str) -> None:
    """All cells of one core of a layer do not conduct."""
    matrix = next(iter(ol.converted(hardware)[layer].on_chip.matrices.values()))
    matrix.cells.written[:, :, :, 0] = 0.0
    matrix.refresh()


def other_device(hardware: nn.Module, layer: str) -> None:
    """The cells of a layer read with a relative noise of 30 %."""
    noise = {"kind": "relative", "deviation": 0.3, "read_time": "1 us"}
    held = ol.converted(hardware)[layer].on_chip.matrices
    for part, matrix in held.items():
        held[part] = replace(matrix, device=matrix.device.replace(read_noise=noise), _cache={}, _reads={})


FAULTS = {"converter": halved_range, "programming": stuck_core, "read noise": other_device}


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    x, labels = _digits("test")
    training, table = _digits("training")[0], _earlier()
    for name, chip in CHIPS.items():
        missing = {effect: plant for effect, plant in {"": None, **FAULTS}.items() if not _held(table, name, effect)}
        if not missing:
            continue
        hardware = programmed(trained(name, folder), chip)
        layers = list(ol.converted(hardware))
        layer = layers[len(layers) // 2]
        corrected = training[: CORRECTED.get(name, CALIBRATED)]
        for effect, plant in missing.items():
            faulty = copy.deepcopy(hardware)
            if plant is not None:
                plant(faulty, layer)
            with open_progress() as progress:
                found = diagnose(faulty, (x[:SAMPLES], labels[:SAMPLES]), calibration=(corrected,), progress=progress)
            row = _row(name, layer, effect, found)
            table.append(row)
            print(json.dumps(row, ensure_ascii=False), flush=True)
            content = {"command": "python tools/diagnose_networks.py FOLDER", "data": DATA, "runs": table}
            RESULT.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _earlier() -> list[dict[str, object]]:
    """The rows of an earlier call on the same samples: this one goes on after them."""
    held = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    return held["runs"] if held.get("data") == DATA else []


def _held(table: list[dict[str, object]], name: str, effect: str) -> bool:
    start = FAULTS[effect].__doc__ if effect else "nothing"
    return any(row["network"] == name and str(row["planted"]).startswith(str(start)) for row in table)


def _row(name: str, layer: str, effect: str, found: Diagnosis) -> dict[str, object]:
    worst = next(one for one in found.layers if one.effect)
    return {
        "network": name,
        "planted": f"{FAULTS[effect].__doc__} Layer {layer}." if effect else "nothing",
        "found": None if not effect else (worst.layer, worst.effect) == (layer, effect),
        "named": f"{worst.layer}: {worst.effect}",
        "corrected on": CORRECTED.get(name, CALIBRATED),
        "software": found.software,
        "hardware": found.hardware.value,
        "losses alone": {step.effect: step.alone.value for step in found.steps},
        "losses added": {step.effect: step.added.value for step in found.steps},
        "interaction": found.rest.value,
        "sentence": found.sentence,
    }


if __name__ == "__main__":
    main()
