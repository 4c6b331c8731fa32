"""Caller audio on its way to the model."""

from __future__ import annotations

import asyncio

from engine.uplink import Uplink


async def all_of(uplink: Uplink) -> list[bytes]:
    chunks: list[bytes] = []
    while True:
        try:
            chunks.append(await asyncio.wait_for(uplink.next(), 0.01))
        except TimeoutError:
            return chunks


async def test_any_length_becomes_even_chunks_in_order() -> None:
    uplink = Uplink(chunk_ms=40, queue_ms=2000)
    sound = bytes(range(256)) * 20
    for at in range(0, len(sound), 333):
        uplink.add(sound[at : at + 333])
    uplink.complete()
    uplink.complete()
    chunks = await all_of(uplink)
    assert {len(chunk) for chunk in chunks} == {1280}
    assert b"".join(chunks)[: len(sound)] == sound
    assert not any(b"".join(chunks)[len(sound) :])


async def test_the_oldest_is_dropped_and_counted() -> None:
    uplink = Uplink(chunk_ms=40, queue_ms=120)
    for number in range(5):
        uplink.add(bytes([number]) * 1280)
    uplink.silence()
    assert uplink.dropped_ms == 120
    assert [chunk[0] for chunk in await all_of(uplink)] == [3, 4, 0]


async def test_what_could_not_be_sent_comes_first_again() -> None:
    uplink = Uplink(chunk_ms=40, queue_ms=120)
    uplink.add(bytes([1]) * 1280 + bytes([2]) * 1280)
    chunk = await uplink.next()
    uplink.put_back(chunk)
    assert [chunk[0] for chunk in await all_of(uplink)] == [1, 2]


async def test_what_is_taken_at_once_does_not_wait_and_nothing_overtakes() -> None:
    uplink, taken, open_now = Uplink(chunk_ms=40, queue_ms=2000), bytearray(), True

    def offer(chunk: bytes) -> bool:
        if open_now:
            taken.append(chunk[0])
        return open_now

    uplink.add(bytes([1]) * 1280)
    uplink.offer = offer
    uplink.add(bytes([2]) * 1280)
    assert not taken, "the first has not gone yet"
    assert [chunk[0] for chunk in await all_of(uplink)] == [1, 2]
    uplink.add(bytes([3]) * 1280)
    open_now = False
    uplink.add(bytes([4]) * 1280)
    open_now = True
    uplink.add(bytes([5]) * 1280)
    assert list(taken) == [3]
    assert [chunk[0] for chunk in await all_of(uplink)] == [4, 5]


async def test_a_piece_that_is_a_chunk_goes_as_it_is() -> None:
    uplink = Uplink(chunk_ms=40, queue_ms=2000)
    uplink.add(bytes([1]) * 1280)
    uplink.add(bytes([2]) * 640)
    uplink.add(bytes([3]) * 1280)
    uplink.complete()
    chunks = await all_of(uplink)
    assert b"".join(chunks) == bytes([1]) * 1280 + bytes([2]) * 640 + bytes([3]) * 1280 + bytes(640)
