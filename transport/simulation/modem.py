"""Text as sound: a small FSK modem, so that what goes wrong with audio is heard as a wrong word.

A symbol is 5 ms of three tones, one out of each group of four (six bits). Nine bytes of UTF-8 with a
sequence number and a CRC-16 make a block, which begins with a symbol of the pilot tone alone: about 106
characters a second within 600-3000 Hz, the same at 8, 16 and 24 kHz. Nothing is repaired: a block that does
not arrive whole and in its place spoils every word it touches.
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache

import numpy as np
from numpy.typing import NDArray

SPOILT_WORD = "⟂"
"""What is heard instead of a word that did not arrive whole."""

END_OF_UTTERANCE = "\n"
"""Follows the last word of an utterance."""

MOST_CHARS_PER_S = 220.0
"""Characters a second that the modem never exceeds, generously: for who judges speech by its length."""

_SYMBOL_S = 0.005
_TONES = np.arange(600, 2801, 200)
_PILOT = 3000
_LOUDNESS = 0.24  # RMS of every symbol, full scale = 1
_PAYLOAD = 9
_BLOCK_BYTES = 1 + _PAYLOAD + 2  # sequence number, text, CRC
_BLOCK_SYMBOLS = 1 + _BLOCK_BYTES * 8 // 6
_END = 0x04  # ends the utterance
_PAD = 0x00
_SPOILT = 0xFF  # never part of UTF-8

_AUDIBLE = 0.01  # peak, full scale = 1
_PILOT_SHARE = 0.6  # of a window's energy
_SILENCE_S = 0.2  # ends an utterance that did not end itself

_Floats = NDArray[np.float32]


def modulate(text: str, rate: int) -> bytes:
    """The sound of `text` as PCM16 LE mono at `rate` Hz (8000, 16000 or 24000).

    Empty for a text without words. Ends with 20 ms of silence, which lets the last block be
    told from what follows.
    """
    words = "".join(" " if ord(char) < 32 else char for char in text).split()
    if not words:
        return b""
    data = " ".join(words).encode("utf-8", "replace") + bytes([_END])
    blocks = [data[at : at + _PAYLOAD].ljust(_PAYLOAD, b"\0") for at in range(0, len(data), _PAYLOAD)]
    tones, pilot = _sounds(rate)
    sound: list[_Floats] = []
    for number, payload in enumerate(blocks):
        body = bytes([number % 256]) + payload
        bits = np.unpackbits(np.frombuffer(body + crc_hqx(body, 0xFFFF).to_bytes(2), np.uint8))
        picks = bits.reshape(-1, 3, 2) @ np.array([2, 1]) + np.array([0, 4, 8])
        sound += [pilot, tones[picks].sum(axis=1).ravel()]
    sound.append(np.zeros(4 * _samples(rate), np.float32))
    return (np.concatenate(sound) * 32767).astype("<i2").tobytes()


class Demodulator:
    """Hears words in PCM16 LE mono at `rate` Hz (8000, 16000 or 24000), fed in pieces of any length."""

    def __init__(self, rate: int) -> None:
        self._symbol = _samples(rate)
        self._hop = self._symbol // 5
        self._ears = _ears(rate)
        self._silence_limit = int(rate * _SILENCE_S)
        self._click_limit = 4 * self._symbol
        self._odd = b""
        self._sound: _Floats = np.zeros(0, np.float32)
        self._enough = 0  # samples without which it makes no sense to look for a block
        self._silent = 0  # samples of silence so far
        self._loud = 0  # audible samples of this utterance
        self._expected = 0  # number of the next block
        self._word = bytearray()
        self._open = False  # an utterance has begun and not ended

    @property
    def hearing(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._open

    def feed(self, pcm: bytes) -> list[str]:
        """The words completed by `pcm`, each utterance followed by END_OF_UTTERANCE."""
        pcm = self._odd + pcm
        even = len(pcm) & ~1
        self._odd = pcm[even:]
        piece: _Floats = np.frombuffer(pcm[:even], "<i2").astype(np.float32) * np.float32(1 / 32768)
        heard: list[str] = []
        if not piece.size:
            return heard
        if np.abs(piece).max() < _AUDIBLE and not self._open:
            self._sound = piece[-self._symbol :]
            return heard
        self._listen_for_silence(piece)
        self._sound = np.concatenate((self._sound, piece))
        while (block := self._next_block()) is not None:
            if block:
                self._take(block, heard)
        if self._open and self._silent >= self._silence_limit:
            if self._expected or self._loud > self._click_limit:
                self._spoil()
                self._end(heard)
            self._open = False
            self._enough = 0
            self._sound = self._sound[-self._symbol :]
        return heard

    def _listen_for_silence(self, piece: _Floats) -> None:
        audible = np.flatnonzero(np.abs(piece) >= _AUDIBLE)
        if audible.size:
            self._open = True
            self._loud += audible.size
            self._silent = int(piece.size - 1 - audible[-1])
        else:
            self._silent += piece.size

    def _next_block(self) -> bytes | None:
        """The next block in the buffered sound; empty when it is damaged, None when more sound is needed."""
        if self._sound.size < self._enough:
            return None
        self._enough = 0
        start = self._find_pilot()
        if start is None:
            return None
        end = start + _BLOCK_SYMBOLS * self._symbol
        if self._sound.size < end + self._symbol:
            self._sound = self._sound[max(0, start - self._symbol) :]
            self._enough = (_BLOCK_SYMBOLS + 2) * self._symbol
            return None
        body = self._sound[start + self._symbol : end].reshape(-1, self._symbol)
        power = _power(body, self._ears[:, :-1])
        picks = power.reshape(-1, 3, 4).argmax(axis=2).astype(np.uint8)
        bits = np.stack((picks >> 1, picks & 1), axis=2)
        data = np.packbits(bits.ravel()).tobytes()
        intact = crc_hqx(data[:-2], 0xFFFF) == int.from_bytes(data[-2:])
        # After a damaged block the next pilot may stand anywhere.
        self._sound = self._sound[(end - self._hop if intact else start + self._symbol) :]
        return data[:-2] if intact else b""

    def _find_pilot(self) -> int | None:
        """The sample at which the first pilot symbol begins; what cannot hold one any more is dropped."""
        if self._sound.size < 2 * self._symbol:
            return None
        share = self._pilot_share(self._sound, self._hop)
        found = np.flatnonzero(share >= _PILOT_SHARE)
        if not found.size:
            self._sound = self._sound[len(share) * self._hop :]
            return None
        near = int(found[0])
        if near + 6 > len(share):
            return None
        coarse = (near + int(share[near : near + 6].argmax())) * self._hop
        first = max(0, coarse - self._hop)
        fine = self._pilot_share(self._sound[first : coarse + self._hop + self._symbol], 1)
        return first + int(fine.argmax())

    def _pilot_share(self, sound: _Floats, step: int) -> _Floats:
        """For windows of one symbol every `step` samples: how much of their energy is the pilot's."""
        windows = np.lib.stride_tricks.sliding_window_view(sound, self._symbol)[::step]
        energy = np.einsum("ij,ij->i", windows, windows)
        pilot = _power(windows, self._ears[:, -1:])[:, 0]
        audible = energy > self._symbol * _AUDIBLE**2 / 2
        share: _Floats = np.where(audible, 2 * pilot / (self._symbol * np.maximum(energy, 1e-9)), 0)
        return share

    def _take(self, block: bytes, heard: list[str]) -> None:
        number = block[0]
        self._open = True
        if number == 0 and self._expected:
            self._spoil()
            self._end(heard)
            self._open = True
        elif number != self._expected:
            self._spoil()
        self._expected = (number + 1) % 256
        for byte in block[1:]:
            if byte == _END:
                self._end(heard)
                return
            if byte == ord(" "):
                self._finish_word(heard)
            elif byte != _PAD:
                self._word.append(byte)

    def _spoil(self) -> None:
        self._word.append(_SPOILT)

    def _finish_word(self, heard: list[str]) -> None:
        if self._word:
            try:
                heard.append(self._word.decode("utf-8"))
            except UnicodeDecodeError:
                heard.append(SPOILT_WORD)
        self._word.clear()

    def _end(self, heard: list[str]) -> None:
        self._finish_word(heard)
        heard.append(END_OF_UTTERANCE)
        self._expected = 0
        self._open = False
        self._silent = 0
        self._loud = 0


def _samples(rate: int) -> int:
    if rate not in (8000, 16000, 24000):
        raise ValueError(f"the modem speaks at 8000, 16000 or 24000 Hz, not at {rate}")
    return round(rate * _SYMBOL_S)


@cache
def _sounds(rate: int) -> tuple[_Floats, _Floats]:
    """One symbol of each data tone, and the pilot's, as loud as three data tones together."""
    time = np.arange(_samples(rate)) / rate
    level = _LOUDNESS * np.sqrt(2 / 3)
    tones = level * np.sin(2 * np.pi * _TONES[:, None] * time)
    pilot = _LOUDNESS * np.sqrt(2) * np.sin(2 * np.pi * _PILOT * time)
    return tones.astype(np.float32), pilot.astype(np.float32)


@cache
def _ears(rate: int) -> _Floats:
    """Two quadratures of each tone, the pilot last: 2 x 13 x the samples of a symbol."""
    time = np.arange(_samples(rate)) / rate
    angles = 2 * np.pi * np.append(_TONES, _PILOT)[:, None] * time
    return np.stack((np.cos(angles), np.sin(angles))).astype(np.float32)


def _power(windows: _Floats, ears: _Floats) -> _Floats:
    """The power of each tone of `ears` in each window.

    Not by matrix product: for products this small the threads of BLAS cost ten times the work.
    """
    parts = np.einsum("ij,qkj->qik", windows, ears)
    power: _Floats = parts[0] ** 2 + parts[1] ** 2
    return power
