"""Progressive chip-in-the-loop fine-tuning: layers are programmed one after the other, and what is not in cells yet is
trained on what the programmed layers really give.

A layer that is in cells stays as it is, errors and all: only the layers after it answer for them. The training set runs
through it once (:class:`ohmloom.codesign.measured.Measured`). Each die has errors of its own, so each die is fine-tuned
alone. The same training without cells is the control: software only.
Source of the procedure: Wan et al. 2022, doi:10.1038/s41586-022-04992-8; epochs and rates are the user's.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from rich.progress import Progress
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ohmloom import atomic
from ohmloom.chips import Chip
from ohmloom.codesign.measured import Measured
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError, message, unknown
from ohmloom.nn import (
    Digital,
    Noisy,
    Perturbation,
    age,
    calibrate,
    convert,
    converted,
    digital_state,
    load,
    mode,
    program,
    save,
)

Loss = Callable[[Tensor, Tensor], Tensor]
Samples = tuple[Tensor, Tensor]  # inputs (samples, …), targets (samples, …)


class FineTuning(Description):
    """A recipe: ``epochs`` of Adam in each stage, on batches of ``batch``, at ``rate``.

    ``noise`` perturbs the weights that are no cells yet, afresh in each forward and in quantised arithmetic, so that
    they are ready for their own cells; absent, they compute in software.

    >>> FineTuning(epochs=2).rate
    0.0003
    """

    epochs: int = Field(default=1, ge=1)
    rate: float = Field(default=3e-4, gt=0)
    batch: int = Field(default=64, ge=1)
    noise: Perturbation | None = None


def tune(
    hardware: nn.Module, samples: Samples, loss: Loss, recipe: FineTuning, *, seed: int = 0, progress: bool = False,
    measured: Measured | None = None,
) -> list[float]:  # fmt: skip
    """Train what no cells hold yet, on what the programmed layers give; the mean loss of each epoch.

    The programmed layers run once; ``measured`` is what they gave for the same inputs before, if it is known. Without
    any cells this is noise training, or with ``noise`` absent software-only training. Norms keep their statistics. An
    empty list if cells hold every parameter. Torch's global random numbers are left as they were.

    Raises ShapeError for samples that do not fit, NotFiniteError if the loss is no longer a number.
    """
    inputs, targets = samples
    if not len(inputs) or len(inputs) != len(targets):
        given = f"{len(inputs)} inputs and {len(targets)} targets"
        raise ShapeError(message("samples", "must be one target for each input", given, "Give both, and some."))
    free = _free_parameters(hardware)
    if not free:
        return []
    floating = [name for name, layer in converted(hardware).items() if not layer.on_chip.matrices]
    chip, adam, losses = measured or Measured(hardware, inputs), torch.optim.Adam(free, lr=recipe.rate), []
    with torch.random.fork_rng(devices=[]), _frozen(hardware, free), _bar("fine-tuning", recipe, progress) as advance:
        mode(hardware, Digital(), layers=floating)
        chip.measure()
        mode(hardware, Digital() if recipe.noise is None else Noisy(recipe.noise), layers=floating)
        torch.manual_seed(seed)
        for _ in range(recipe.epochs):
            total = 0.0
            for rows in torch.randperm(len(inputs)).split(recipe.batch):
                adam.zero_grad()
                value = loss(chip.outputs(rows), targets[rows])
                if not bool(torch.isfinite(value)):
                    raise NotFiniteError(message("loss", "must be finite", float(value.detach()), "Lower the rate."))
                value.backward()
                adam.step()
                total += float(value.detach()) * len(rows)
            losses.append(total / len(inputs))
            advance()
    return losses


def program_progressively(
    model: nn.Module, chip: Chip, samples: Samples, loss: Loss, recipe: FineTuning, *,
    groups: Sequence[Sequence[str]] | None = None, rules: Mapping[str, Mapping[str, object]] | None = None,
    since_programming: str | float = 0.0, seed: int = 0, folder: str | Path | None = None, progress: bool = False,
    calibrated: int = 500, tell: Callable[[float], None] | None = None,
) -> Any:  # fmt: skip
    """Hardware of one die on which ``model`` was programmed group by group, the rest fine-tuned after each group.

    In each stage: input ranges are calibrated on ``samples`` (the first ``calibrated``), a group is written, aged to
    ``since_programming``, its read-outs are calibrated, and `tune` trains what is left. ``groups`` are names of layers
    in the order of programming; absent, each layer alone, in the order of a forward. The model is untouched.

    With a ``folder`` each finished stage is kept there, and a call with the same arguments goes on after the last one.
    ``tell`` hears after each stage which share of them is done.

    Raises UnknownNameError and ConfigurationError for groups that are not all layers once, or a folder of another call.
    """
    hardware = convert(model, chip, rules).eval()
    order = [list(group) for group in groups] if groups is not None else [[n] for n in _order(hardware, samples[0][:1])]
    _check_groups(order, converted(hardware))
    kept = None if folder is None else Path(folder)
    done = 0
    if kept is not None:
        _claim(kept, {"groups": order, "seed": seed, "since_programming": since_programming, "recipe": recipe.table(),
                      "chip": chip.table(), "rules": rules})  # fmt: skip
        done = max((n for n in range(1, len(order) + 1) if (kept / f"stage-{n}").is_dir()), default=0)
        hardware = load_stage(kept, done, model) if done else hardware
    measured, few = Measured(hardware, samples[0]), torch.arange(min(calibrated, len(samples[0])))
    for stage, group in enumerate(order[done:], start=done + 1):
        floating = [name for later in order[stage - 1 :] for name in later]
        mode(hardware, Digital(), layers=floating)
        measured.measure()
        with measured.replayed(few):
            calibrate(hardware, samples[0][few])
        program(hardware, seed=seed, layers=group)
        age(hardware, since_programming)
        mode(hardware, Digital(), layers=floating[len(group) :])
        with measured.replayed(few):
            calibrate(hardware, samples[0][few])
        tune(hardware, samples, loss, recipe, seed=seed + stage, progress=progress, measured=measured)
        if kept is not None:
            state = {name: value.detach().contiguous().clone() for name, value in digital_state(hardware).items()}
            atomic.write(kept / f"stage-{stage}.safetensors", lambda file, held=state: save_file(held, str(file)))
            save(hardware, kept / f"stage-{stage}")
        if tell is not None:
            tell(stage / len(order))
    return hardware


def load_stage(folder: Path, stage: int, model: nn.Module) -> Any:
    """The hardware as it was after a stage (from 1) that `program_progressively` kept in ``folder``.

    Layers that had no cells then are in software. Raises FormatError for another model.
    """
    trained = copy.deepcopy(model).eval()
    trained.load_state_dict(load_file(folder / f"stage-{stage}.safetensors"))
    hardware = load(folder / f"stage-{stage}", trained)
    mode(hardware, Digital(), layers=[n for n, layer in converted(hardware).items() if not layer.on_chip.matrices])
    return hardware


def _claim(folder: Path, call: dict[str, Any]) -> None:
    """Write what this folder belongs to. Raises ConfigurationError if it belongs to something else."""
    file, text = folder / "call.json", json.dumps(call, indent=1, sort_keys=True, default=str)
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        atomic.write(file, lambda beside: beside.write_text(text, encoding="utf-8"))
    elif file.read_text(encoding="utf-8") != text:
        rule = "must be of the same groups, seed, age, recipe, chip and rules"
        raise ConfigurationError(message("folder", rule, f"another call in {file}", "Choose another folder."))


def _free_parameters(hardware: nn.Module) -> list[nn.Parameter]:
    """Those that no programmed layer holds in its cells or corrections."""
    held = {id(t) for layer in converted(hardware).values() if layer.on_chip.matrices for t in layer.watched()}
    return [value for value in hardware.parameters() if id(value) not in held and value.requires_grad]


@contextmanager
def _frozen(hardware: nn.Module, free: list[nn.Parameter]) -> Iterator[None]:
    """No gradient for all but ``free``, and norms that keep their statistics."""
    chosen = {id(value) for value in free}
    others = [value for value in hardware.parameters() if value.requires_grad and id(value) not in chosen]
    training = [(module, module.training) for module in hardware.modules()]
    try:
        hardware.eval()
        for value in others:
            value.requires_grad_(False)
        yield
    finally:
        for value in others:
            value.requires_grad_(True)
        for module, setting in training:
            module.training = setting


@contextmanager
def _bar(what: str, recipe: FineTuning, shown: bool) -> Iterator[Callable[[], None]]:
    with Progress(disable=not shown, transient=True) as progress:
        task = progress.add_task(what, total=recipe.epochs)
        yield lambda: progress.advance(task)


def _order(hardware: nn.Module, x: Tensor) -> list[str]:
    """The converted layers in the order in which a forward first calls them."""
    called: dict[str, None] = {}
    layers: dict[str, Any] = dict(converted(hardware))
    hooks = [layer.register_forward_pre_hook(lambda *_, n=name: called.setdefault(n)) for name, layer in layers.items()]
    try:
        with torch.no_grad():
            hardware(x)
    finally:
        for hook in hooks:
            hook.remove()
    return list(called)


def _check_groups(groups: list[list[str]], layers: Mapping[str, object]) -> None:
    names = [name for group in groups for name in group]
    for name in names:
        if name not in layers:
            raise unknown("groups", name, layers)
    if sorted(names) != sorted(layers):
        wrong = sorted(set(layers) - set(names)) or sorted({name for name in names if names.count(name) > 1})
        remedy = "Name each converted layer once; keep layers digital with rules."
        raise ConfigurationError(message("groups", "must hold all layers once", ", ".join(wrong), remedy))
