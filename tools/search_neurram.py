"""NeuRRAM's front by search against enumeration: `python tools/search_neurram.py FOLDER [RESULT.json]`

All points of `examples/neurram_front/front.toml` are tried (as `ohmloom sweep` does) and half of them are searched (as
`ohmloom search` does), in FOLDER, where an interrupted run goes on. A search's points count with what the enumeration
found for them, so that another die is no gain. The same search and random search without repeats are then repeated
over 5 and 1,000 seeds on the table of the enumeration. Hypervolumes lie between the front and the worst accuracy and
energy of all points, as a share of the enumeration's.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from search_front import Front

from ohmloom.atomic import write_text
from ohmloom.cli.trials import SearchFile
from ohmloom.experiments import open_progress
from ohmloom.experiments.intervals import bootstrap_interval
from ohmloom.experiments.search import Entry, Search, proposal, search, values
from ohmloom.reports.searches import write_search

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, RESULT = ROOT / "examples" / "neurram_front", ROOT / "results" / "search-neurram.json"
SEEDS = {"bayesian": 5, "random": 1000}
Key = tuple[Any, ...]
Table = dict[Key, dict[str, float]]


def run(what: SearchFile, folder: Path) -> list[Entry]:
    """Real trials, and their page."""
    with open_progress() as progress:
        found = search(what, what.trial, folder, progress=progress)
    write_search(found, folder)
    return found.done


def volume(figures: list[dict[str, float]], table: Table) -> float:
    """Of what these figures dominate, above the worst of the table; both scales from worst to best."""
    scale = {name: [one[name] for one in table.values()] for name in ("accuracy", "energy_joule")}
    (worst, best), (least, most) = ((min(column), max(column)) for column in scale.values())
    front = Front((1.0, 1.0))
    for one in figures:
        told = np.array([(best - one["accuracy"]) / (best - worst), (one["energy_joule"] - least) / (most - least)])
        if front.adds(told[None])[0]:
            front.add(told)
    return front.volume


def on_table(what: Search, table: Table, method: str, seed: int) -> list[float]:
    """The share of the hypervolume after each trial of a search in which the table tells what a trial found."""
    what = what.replace(method=method, seed=seed)
    whole, entries, shares = volume(list(table.values()), table), [], []
    for index in range(what.trials):
        point = proposal(what, index, entries, [])
        chosen = values(what.variables, point)
        found = table[tuple(chosen.values())]
        entries.append(Entry(index, point, chosen, (), (), "done", found, "", 1, 0, 0.0))
        shares.append(volume([entry.found for entry in entries if entry.found], table) / whole)
    return shares


def summary(runs: list[list[float]]) -> dict[str, Any]:
    """Shares over seeds, half way and in the end."""
    last, half = [one[-1] for one in runs], [one[len(one) // 2 - 1] for one in runs]
    interval = bootstrap_interval(last)
    return {
        "seeds": len(runs),
        "mean share": float(np.mean(last)),
        "interval": [interval.low, interval.high],
        "lowest": min(last),
        "mean share with half of the trials": float(np.mean(half)),
    }


def main(folder: Path, result: Path = RESULT) -> None:
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for file in EXAMPLE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    from network import trained  # pyright: ignore[reportMissingImports]
    from safetensors.torch import save_file

    if not Path("network.safetensors").exists():
        save_file(trained().state_dict(), "network.safetensors")
    what = SearchFile.read(Path("front.toml"))
    table: Table = {
        tuple(one.values.values()): one.found or {} for one in run(what.replace(method="grid"), Path("sweep"))
    }
    searched = run(what, Path("front"))
    tried = [table[tuple(entry.values.values())] for entry in searched]
    content = {
        "command": "python tools/search_neurram.py FOLDER",
        "points": len(table),
        "trials": what.trials,
        "share of the hypervolume, ohmloom search": volume(tried, table) / volume(list(table.values()), table),
        "on the table": {
            method: summary([on_table(what, table, method, seed) for seed in range(seeds)])
            for method, seeds in SEEDS.items()
        },
        "variables": [one.path for one in what.variables],
        "enumeration": [[*key, found["accuracy"], found["energy_joule"]] for key, found in table.items()],
        "searched": [list(entry.values.values()) for entry in searched],
    }
    write_text(result, json.dumps(content, indent=1) + "\n")
    print(json.dumps({key: content[key] for key in list(content)[:5]}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve() if sys.argv[2:] else RESULT)
