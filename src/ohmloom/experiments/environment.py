"""What a run ran on: versions, machine, commit. No names of people, hosts or folders."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ohmloom


def environment() -> dict[str, str | int | bool | None]:
    """Versions of what computes, the kind of machine, and the commit if ohmloom runs from its repository."""
    commit = _commit()
    return {
        "ohmloom": ohmloom.__version__,
        "commit": commit,
        "uncommitted changes": bool(_git("status", "--porcelain", "--untracked-files=no")) if commit else None,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "scipy": _version("scipy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit, but only of a repository that ohmloom's own files belong to: a virtual one may lie in any other."""
    tracked = _git("ls-files", "--error-unmatch", "__init__.py")
    return _git("rev-parse", "HEAD") if tracked else None


def _git(*arguments: str) -> str | None:
    folder = Path(ohmloom.__file__).parent
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
