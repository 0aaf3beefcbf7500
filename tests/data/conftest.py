"""Fixtures of the data tests: a tiny data set, empty folders instead of the user's own, a server that can fail."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tests.data.tiny import Server, Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    draw = np.random.default_rng(0)
    shapes = {"training_images": (20, 5, 4), "training_labels": (20,), "test_images": (6, 5, 4), "test_labels": (6,)}
    return Tiny({part: draw.integers(0, 256, shape, np.uint8) for part, shape in shapes.items()}, tmp_path)


@pytest.fixture(autouse=True)
def no_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of this folder sees or fills the real folders of the person who runs it, unless it asks to."""
    monkeypatch.delenv("OHMLOOM_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The tiny data set's folder in the user's cache, which does not exist yet."""
    return tmp_path / "cache" / "ohmloom" / "tiny"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            state.asked.append(name)
            if name not in state.content:
                return self.send_error(404)
            body = state.content[name]
            length, sent = state.spoil.get(name, lambda b: (len(b), b))(body)
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(sent)
            return None

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state = Server(f"http://127.0.0.1:{http.server_port}/", {}, {}, [])
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield state
        http.shutdown()
        thread.join()
