"""Named streams: what one draws never depends on which others are drawn."""

import itertools

import torch

from ohmloom.random import Streams


def drawn(streams: Streams, purpose: str, die: int = 0) -> list[float]:
    return torch.rand(4, generator=streams.generator(purpose, die)).tolist()


def test_a_stream_is_its_name() -> None:
    first = drawn(Streams(7).child("net", "conv1"), "programming", 3)
    for other in ("conv2", "conv3"):  # drawing others in between changes nothing
        drawn(Streams(7).child("net", other), "programming", 3)
    assert drawn(Streams(7).child("net").child("conv1"), "programming", 3) == first


def test_names_dies_purposes_and_seeds_separate_streams() -> None:
    seeds, paths = (0, 1, -1), ((), ("a",), ("a", "b"), ("ab",), ("b", "a"))
    keys = [
        Streams(seed, path).key(purpose, die)
        for seed, path, purpose, die in itertools.product(seeds, paths, ("a", "b", "reads"), (0, 1, 11))
    ]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**32 for key in keys)


def test_streams_are_uncorrelated() -> None:
    values = torch.stack([torch.randn(20_000, generator=Streams(0).generator("x", die)) for die in range(8)])
    correlation = torch.corrcoef(values).fill_diagonal_(0).abs().max()
    assert float(correlation) < 5 / 20_000**0.5
