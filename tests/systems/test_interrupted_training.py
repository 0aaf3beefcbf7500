"""Ctrl-C in the middle of a training: the run says so, nothing half-written is left, workers end with it."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path


def test_ctrl_c_in_training_leaves_no_network(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "ohmloom.cli",
        "run",
        "neurram-mnist",
        "--tier",
        "smoke",
        "--out",
        str(out),
        "--quiet",
    ]
    paths = os.pathsep.join(p for p in sys.path if p)
    run = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # jobs of a script's background ignore it
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 240
        while not list(out.glob("networks/*.progress")):
            assert run.poll() is None, run.stderr and run.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)  # long before the training would have ended by itself
    finally:
        run.kill()
    assert run.returncode == 130
    assert "interrupted" in said
    assert json.loads((out / "result.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    assert not list(out.glob("networks/*.safetensors"))
