"""The download, from a server on this machine: what arrives whole is kept; what does not leaves nothing behind."""

import gzip
import socket
from pathlib import Path

import numpy as np
import pytest

from ohmloom import data
from ohmloom.data import idx
from ohmloom.errors import DataError
from tests.data.tiny import FILES, Server, Tiny

IMAGES = FILES["training_images"]


@pytest.fixture
def served(tiny: Tiny, server: Server) -> Tiny:
    server.content.update(tiny.files)
    tiny.mirrors = [server.address]
    return tiny


def test_good_transfer(served: Tiny, server: Server, cache: Path) -> None:
    images = data.load(served.toml)
    assert (images.origin, images.source) == ("real", str(cache))
    for part, array in served.arrays.items():
        np.testing.assert_array_equal(getattr(images, part), array)
    assert sorted(p.name for p in cache.iterdir()) == sorted(FILES.values())  # and no scraps
    assert sorted(server.asked) == sorted(FILES.values())


def test_nothing_is_downloaded_twice(served: Tiny, server: Server, cache: Path) -> None:
    assert data.get(served.toml) == cache
    server.asked.clear()
    (cache / IMAGES).unlink()
    assert data.get(served.toml) == cache
    assert server.asked == [IMAGES]


def test_nothing_is_downloaded_when_the_user_has_the_files(
    served: Tiny, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path / "mine"))
    own = served.write(tmp_path / "mine" / "tiny")
    assert data.get(served.toml) == own
    assert data.load(served.toml).source == str(own)
    assert server.asked == []
    assert not cache.exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda body: (len(body), body[: len(body) // 2]), "IncompleteRead|incomplete"),  # the line went dead
        (lambda body: (len(body) // 2, body[: len(body) // 2]), "must be a whole gzip file"),  # the server's is cut off
        (lambda body: (len(body), bytes(len(body))), "must be a whole gzip file"),
    ],
)
def test_cut_off_transfer_leaves_nothing(served: Tiny, server: Server, cache: Path, spoil, reason: str) -> None:
    server.spoil[IMAGES] = spoil
    with pytest.raises(DataError, match=reason):
        data.get(served.toml)
    assert list(cache.iterdir()) == []
    server.spoil.clear()
    assert data.load(served.toml).origin == "real"  # the next try begins afresh


def test_wrong_checksum_leaves_nothing(served: Tiny, server: Server, cache: Path) -> None:
    server.content[IMAGES] = gzip.compress(idx.encode(255 - served.arrays["training_images"]))
    with pytest.raises(DataError, match=rf"{IMAGES}: must have the md5 [0-9a-f]+ uncompressed, got [0-9a-f]+"):
        data.get(served.toml)
    assert list(cache.iterdir()) == []


def test_what_came_whole_before_the_failure_is_kept(served: Tiny, server: Server, cache: Path) -> None:
    del server.content[FILES["test_labels"]]
    with pytest.raises(DataError, match="404"):
        data.get(served.toml)
    assert FILES["test_labels"] not in {p.name for p in cache.iterdir()}
    assert len(list(cache.iterdir())) == 3
    server.content.update(served.files)
    server.asked.clear()
    data.get(served.toml)
    assert server.asked == [FILES["test_labels"]]


def test_second_mirror_is_asked_when_the_first_fails(served: Tiny, cache: Path) -> None:
    served.mirrors = [f"http://127.0.0.1:{_closed_port()}/", *served.mirrors]
    assert data.get(served.toml) == cache


def test_no_network_says_what_is_missing_where_to_put_it_and_which_command_gets_it(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    tiny.mirrors = [f"http://127.0.0.1:{_closed_port()}/"]
    own = tiny.write(tmp_path / "mine" / "tiny")
    (own / IMAGES).unlink()
    monkeypatch.setenv("OHMLOOM_DATA", str(tmp_path / "mine"))
    with pytest.raises(DataError) as caught:
        data.load(tiny.toml)
    text = str(caught.value)
    assert text.startswith(f"tiny: {IMAGES} must be in one of the places looked at: {own} (lacks {IMAGES})")
    for part in (f"{cache} (absent)", "Connection refused", "$OHMLOOM_DATA/tiny", "`ohmloom data get tiny`"):
        assert part in text
    assert list(cache.iterdir()) == []


def test_cache_that_cannot_be_written(served: Tiny, cache: Path) -> None:
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(DataError, match="must be a folder that can be written"):
        data.get(served.toml)


def _closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
