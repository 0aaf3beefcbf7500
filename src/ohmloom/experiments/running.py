"""Run a system into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ohmloom import atomic
from ohmloom.descriptions import Description
from ohmloom.errors import ConfigurationError, message
from ohmloom.experiments.environment import environment
from ohmloom.experiments.findings import RUNNING, Findings
from ohmloom.experiments.folder import FILE, RunFile, default_folder, open_folder
from ohmloom.experiments.progress import Progress, Silent
from ohmloom.experiments.result import About, Result
from ohmloom.experiments.system import Context, System, Tier, check_system


def run(
    system: System,
    *,
    tier: str = "smoke",
    seed: int = 0,
    out: str | Path | None = None,
    settings: Description | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run ``system`` and leave ``run.toml``, ``result.json`` and the finished arms in ``out``.

    ``out`` is a new folder (default ``runs/SYSTEM-<time>``), or one that holds the same run, interrupted: it is then
    taken up after its last finished arm. ``settings`` replace those of the tier; a table is read like a file, with
    units. If the run is interrupted or fails, ``result.json`` says so and holds all that was found until then.

    Raises UnknownNameError, ConfigurationError or OutputError (also for a folder that a run under way writes to) before
    any work starts, and whatever the system raises.
    """
    check_system(system)
    chosen = system.tier(tier)
    parsed = _settings(chosen, settings)
    ask = RunFile(system=system.name, tier=tier, seed=seed, settings=parsed.table())
    folder = Path(out) if out is not None else default_folder(system.name)
    earlier = open_folder(folder, ask)
    with atomic.alone(folder):
        return _run(system, chosen, ask, parsed, folder, earlier, progress or Silent())


def _run(
    system: System, tier: Tier, ask: RunFile, settings: Description, folder: Path, earlier: Result | None,
    progress: Progress,
) -> Result:  # fmt: skip
    start = _start(system, tier, ask, folder, earlier)
    same = earlier is not None and earlier.environment.get("ohmloom") == start.environment["ohmloom"]
    asked = ask.model_dump(mode="json")
    findings = Findings(folder, start, asked, progress, earlier=earlier if same else None)
    findings.close(stopped=RUNNING)
    try:
        system.run(Context(settings, ask.tier, ask.seed, start.seeds, findings, progress))
    except KeyboardInterrupt:
        findings.close(stopped="interrupted by the user")
        raise
    except Exception as error:
        findings.close(stopped=f"{type(error).__name__}: {error}")
        raise
    return findings.close()


def _settings(tier: Tier, given: Description | Mapping[str, Any] | None) -> Description:
    if given is None:
        return tier.settings
    if isinstance(given, Mapping):
        return type(tier.settings).parse(given, file=f"{FILE}: settings")
    if type(given) is not type(tier.settings):
        rule = f"must be a {type(tier.settings).__name__}"
        raise ConfigurationError(message("settings", rule, type(given).__name__, "Change a copy of the tier's."))
    return given


def _start(system: System, tier: Tier, ask: RunFile, folder: Path, earlier: Result | None) -> Result:
    """The result of a run that has found nothing yet."""
    usual = ask.settings == tier.settings.table()
    command = f"ohmloom run {system.name} --tier {ask.tier} --seed {ask.seed}"
    paper = system.paper
    return Result(
        system=system.name,
        tier=ask.tier,
        seeds=tuple(range(ask.seed, ask.seed + tier.seeds)),
        status="interrupted",
        seconds=earlier.seconds if earlier else 0.0,
        command=command if usual else f"ohmloom run {folder.name}/{FILE}",
        about=About(title=system.title, summary=system.summary, citation=paper.text, doi=paper.doi),
        settings=ask.settings,
        claims=system.claims,
        controls=system.controls,
        environment=environment(),
    )
