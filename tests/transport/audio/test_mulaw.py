"""μ-law against the values of G.711."""

import numpy as np
import pytest

from transport.audio import mulaw


@pytest.mark.parametrize(
    ("byte", "sample"),
    [
        (0xFF, 0), (0x7F, 0), (0xFE, 8), (0x7E, -8), (0xF0, 120), (0xEF, 132), (0xE0, 372),
        (0x80, 32124), (0x00, -32124), (0xA0, 7932), (0x9F, 8316), (0x20, -7932), (0x1F, -8316),
    ],
)  # fmt: skip
def test_bytes_of_the_standard(byte: int, sample: int) -> None:
    assert np.frombuffer(mulaw.decode(bytes([byte])), dtype="<i2").tolist() == [sample]
    if byte != 0x7F:  # the second zero is never written
        assert mulaw.encode(np.array([sample], dtype="<i2").tobytes()) == bytes([byte])


def test_every_sample_comes_back_within_half_a_step_of_its_segment() -> None:
    samples = np.arange(-32768, 32768)
    back = np.frombuffer(mulaw.decode(mulaw.encode(samples.astype("<i2").tobytes())), dtype="<i2").astype(int)
    assert (abs(samples - back) <= (abs(samples) + 132) / 32).all()
    assert (np.diff(back) >= 0).all()
    assert (back[1:] == -back[:0:-1]).all(), "as far below zero as above"


def test_nothing_becomes_nothing() -> None:
    assert (mulaw.encode(b""), mulaw.decode(b"")) == (b"", b"")
