"""Choose how NeuRRAM's MNIST network is trained, on validation images alone: `python tools/choose_training.py FOLDER`.

One thing is changed at a time from 8 epochs, 15 % weight noise (the published figure) and 30 batches that settle the
batch norms before the clips are set. The rule, fixed before the run: the highest accuracy on the simulated chip one day
after programming (mean of 3 dies) on the 5,000 validation images, and of candidates within 0.2 points of it the first.
Finished networks are kept in FOLDER and taken from there; the table is written to ``results/neurram-training.json``.
The test images are never read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

import ohmloom as ol
from ohmloom.systems.neurram import evaluation
from ohmloom.systems.neurram.training import train_to, training_set

SEED = 100  # not one of the seeds of the system's runs
CANDIDATES = {
    "8 epochs, 15 % noise": {"noise": 0.15, "epochs": 8, "settling": 30},
    "4 epochs": {"noise": 0.15, "epochs": 4, "settling": 30},
    "20 % noise": {"noise": 0.2, "epochs": 8, "settling": 30},
    "batch norms not settled": {"noise": 0.15, "epochs": 8, "settling": 0},
}
RESULT = Path(__file__).resolve().parents[1] / "results" / "neurram-training.json"


def measure(path: Path) -> dict[str, object]:
    """Validation accuracies of one trained network, per cent."""
    state, chip = load_file(path), ol.Chip.load("neurram")
    training, held = training_set("full", 55_000, 5_000)
    hardware = evaluation.programmed(state, chip, seed=SEED, dies=3, age="1 day")
    ol.calibrate(hardware, training.images[:500], samples=500, vectors=8192)
    return {
        "software": evaluation.software(state, chip, held),
        "15 % noise of max |W|, 2 draws": evaluation.under_noise(state, chip, held, 0.15, "max", 2, SEED),
        "chip after 1 day, 3 dies": evaluation.on_dies(hardware, held, range(3), workers=1),
    }


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, object] = {}
    for index, (name, how) in enumerate(CANDIDATES.items()):
        path = folder / f"candidate-{index}.safetensors"
        if not path.exists():
            train_to(str(path), "full", 55_000, 5_000, seed=SEED, **how)  # type: ignore[arg-type]
        table[name] = how | measure(path)
        print(name, table[name], flush=True)
        command = "OHMLOOM_DATA=… python tools/choose_training.py FOLDER"
        content = {
            "command": command,
            "data": "5,000 of MNIST's 60,000 training images, drawn at random",
            "candidates": table,
        }
        RESULT.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
