"""Logic: AND, XOR and popcount equal plain integers, bit for bit; keys open what they closed, and nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ohmloom.chips import Mapping, StoredMatrix, store
from ohmloom.crossbars import Affine, Amplitude, Analogue, Bipolar, Bits, BitSerial, LogicReadout, Pulses
from ohmloom.devices import Device, RandomFaults, RelativeNoise
from ohmloom.errors import ConfigurationError, ShapeError
from ohmloom.random import Streams

IDEAL = Device.load("ideal")


def integers(shape: tuple[int, int], low: int, high: int, seed: int) -> Tensor:
    return torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed)).double()


def logic(
    drive: BitSerial | Pulses,
    encoding: Bits | Bipolar,
    operation: str = "and",
    **fields: object,
) -> Mapping:
    return Mapping(drive=drive, encoding=encoding, readout=LogicReadout(operation=operation), **fields)


def loops(x: Tensor, weights: Tensor) -> Tensor:
    """Plain Python integers."""
    rows = [[sum(int(a) * int(b) for a, b in zip(r, w, strict=True)) for w in weights.tolist()] for r in x.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


@given(
    bits=st.integers(2, 8), input_bits=st.integers(2, 8), number=st.sampled_from(["sign-magnitude", "twos-complement"]),
    code=st.sampled_from(["signed", "twos-complement", "unsigned", "two-phase"]), seed=st.integers(0, 9999),
    rows=st.sampled_from([None, 3, 5]),
)  # fmt: skip
def test_products_are_exact_integers(
    bits: int, input_bits: int, number: str, code: str, seed: int, rows: int | None
) -> None:
    top, drive = 2 ** (bits - 1) - 1, BitSerial(bits=input_bits, code=code)
    reach = 2 ** (input_bits - 1) - 1 if drive.signed else 2**input_bits - 1
    lowest = {"signed": -reach, "twos-complement": -reach - 1}.get(code, 0)
    weights, x = integers((4, 7), -top, top, seed), integers((5, 7), lowest, reach, seed + 1)
    weights[0, 0] = top  # the scale is the integers' own
    mapping = logic(drive, Bits(bits=bits, number=number, layout="single"), rows=rows)
    matrix = store(weights, mapping, IDEAL, Streams(0), dies=2, limit=float(reach))
    product = matrix.product(x)
    assert torch.equal(product, loops(x, weights).expand(2, -1, -1))
    assert torch.equal(matrix.effective()[1], weights)
    assert float(matrix.clips.drive) == 0


def test_large_codes_are_exact_in_float64() -> None:
    """16 by 16 bits and 1000 inputs: sums near 10^12, where float32 has a step of 65536."""
    weights, x = integers((3, 1000), -32767, 32767, 0), integers((2, 1000), 0, 32767, 1)
    weights[0, 0] = 32767
    mapping = logic(BitSerial(bits=16), Bits(bits=16, layout="single"))
    matrix = store(weights, mapping, IDEAL, Streams(0), limit=32767.0)
    wanted = loops(x, weights)
    assert float(wanted.abs().max()) > 2**32
    assert torch.equal(matrix.product(x)[0], wanted)
    single = store(weights.float(), mapping, IDEAL, Streams(0), limit=32767.0)
    assert torch.equal(single.product(x.float())[0], wanted.float())


@given(seed=st.integers(0, 9999), bits=st.integers(1, 6))
def test_xor_counts_differing_bits(seed: int, bits: int) -> None:
    """Each bit of the input against each stored bit, weighted by both powers, in plain loops."""
    drive, encoding = BitSerial(bits=bits, code="unsigned"), Bits(bits=4, number="twos-complement", layout="single")
    weights, x = integers((3, 5), -8, 7, seed), integers((4, 5), 0, 2**bits - 1, seed + 1)
    weights[0, 0] = 7
    weights = weights.clamp(min=-7)
    matrix = store(weights, logic(drive, encoding, "xor"), IDEAL, Streams(0), limit=float(2**bits - 1))
    wanted = torch.zeros(4, 3, dtype=torch.float64)
    for b in range(4):
        for o in range(3):
            for i in range(5):
                w, v = int(weights[o, i]) & 15, int(x[b, i])
                for l in range(4):  # noqa: E741 - the index of a slice
                    for k in range(bits):
                        power = (-8 if l == 3 else 2**l) * 2**k
                        wanted[b, o] += power * (((w >> l) & 1) ^ ((v >> k) & 1))
    assert torch.equal(matrix.product(x)[0], wanted)


def test_xor_of_one_bit_is_the_hamming_distance() -> None:
    bits, x = integers((6, 40), 0, 1, 0), integers((9, 40), 0, 1, 1)
    matrix = store(bits * 2 - 1, logic(Pulses(), Bipolar(layout="single"), "xor"), IDEAL, Streams(0))
    assert torch.equal(matrix.product(x)[0], (x.unsqueeze(1) != bits.unsqueeze(0)).double().sum(-1))


def keyed(key: Tensor | None, device: Device = IDEAL) -> tuple[StoredMatrix, Tensor, Tensor]:
    weights, x = integers((5, 30), -127, 127, 0), integers((8, 30), -127, 127, 1)
    weights[0, 0] = 127
    mapping = logic(BitSerial(bits=8), Bits(bits=8, layout="single"), rows=16)
    return store(weights, mapping, device, Streams(0), key=key, limit=127.0), weights, x


@given(seed=st.integers(0, 999), density=st.floats(0.0, 1.0))
def test_the_right_key_is_exact(seed: int, density: float) -> None:
    key = (torch.rand(8, 5, 30, generator=torch.Generator().manual_seed(seed)) < density).float()
    matrix, weights, x = keyed(key)
    assert torch.equal(matrix.product(x)[0], loops(x, weights))


def test_a_wrong_key_is_not() -> None:
    key = (torch.rand(8, 5, 30, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    matrix, weights, x = keyed(key)
    right = matrix.key
    assert right is not None
    wrong = right.clone()
    wrong[3, 0, 4, 2] = 1 - wrong[3, 0, 4, 2]  # one bit of one weight
    matrix.key = wrong
    differs = matrix.product(x)[0] != loops(x, weights)
    assert bool(differs[:, 2].any())
    assert not bool(differs[:, [0, 1, 3, 4]].any())
    matrix.key = None
    assert float((matrix.product(x)[0] != loops(x, weights)).double().mean()) > 0.95


def test_the_cells_hold_the_encrypted_bits() -> None:
    key = torch.ones(8, 5, 30)
    encrypted, plain = keyed(key)[0], keyed(None)[0]
    on_encrypted = encrypted.conductance() > 20e-6
    on_plain = plain.conductance() > 20e-6
    present = plain.segments.present.bool()
    assert bool(((on_encrypted != on_plain) | ~present).all())


def test_faults_and_noise_flip_bits() -> None:
    faulty, weights, x = keyed(None, IDEAL.replace(faults=RandomFaults(stuck_on=0.01)))
    assert not torch.equal(faulty.product(x)[0], loops(x, weights))
    small = IDEAL.replace(read_noise=RelativeNoise(deviation=0.05, read_time="100 ns"))
    quiet, weights, x = keyed(None, small)
    assert torch.equal(quiet.product(x)[0], loops(x, weights))  # ten deviations from the threshold
    large = IDEAL.replace(read_noise=RelativeNoise(deviation=0.5, read_time="100 ns"))
    noisy, weights, x = keyed(None, large)
    first, second = noisy.product(x)[0], noisy.product(x)[0]
    assert not torch.equal(first, loops(x, weights))
    assert not torch.equal(first, second)


def test_affine_offsets_meet_the_integers_row_sums() -> None:
    weights = integers((4, 9), -7, 7, 0)
    weights[0, 0] = 7
    x = torch.rand(6, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3 + 20
    mapping = Mapping(drive=Affine(bits=6), encoding=Bits(bits=4, layout="single"), readout=LogicReadout(), rows=4)
    product = store(weights, mapping, IDEAL, Streams(0)).product(x)[0]
    assert torch.allclose(product, Affine(bits=6).encode(x).value() @ weights.T)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"encoding": Analogue()}, "one stored bit per cell"),
        ({"encoding": Bits(bits=4)}, "one stored bit per cell"),
        ({"drive": Amplitude()}, "needs bits"),
        ({"drive": Amplitude(bits=4)}, "needs bits"),
        ({"readout": LogicReadout(operation="xor"), "drive": BitSerial(bits=4)}, "xor compares bits 0 and 1"),
        ({"readout": LogicReadout(operation="xor"), "drive": Pulses(code="bipolar")}, "xor compares bits 0 and 1"),
    ],
)
def test_what_is_no_logic_is_refused(fields: dict[str, object], says: str) -> None:
    right: dict[str, object] = {
        "drive": BitSerial(bits=4), "encoding": Bits(bits=4, layout="single"), "readout": LogicReadout(),
    }  # fmt: skip
    Mapping(**right)
    with pytest.raises(ConfigurationError, match=says):
        Mapping(**(right | fields))


def test_keys_and_biases_that_do_not_fit_are_refused() -> None:
    weights = integers((5, 30), -127, 127, 0)
    mapping = logic(BitSerial(bits=8), Bits(bits=8, layout="single"))
    for key in (torch.ones(7, 5, 30), torch.full((8, 5, 30), 0.5)):
        with pytest.raises(ShapeError, match=r"key: must hold 0 and 1 in the shape \(8, 5, 30\)"):
            store(weights, mapping, IDEAL, Streams(0), key=key)
    with pytest.raises(ConfigurationError, match="one stored bit per cell"):
        store(weights, Mapping(drive=Amplitude(), encoding=Bits(bits=8), readout={"kind": "analogue"}), IDEAL,
              Streams(0), key=torch.ones(7, 5, 30))  # fmt: skip
    with pytest.raises(ConfigurationError, match="Keep the bias digital"):
        store(weights, mapping, IDEAL, Streams(0), bias=torch.ones(5), limit=127.0)
