"""Places for uploads, wrong keys, and who a client is behind a proxy."""

import asyncio

import pytest

from proto.errors import TooManyRequests
from services.chassis.forwarded import client_address, parse_networks
from services.ingest.gate import FailedKeys, Places

PROXIES = parse_networks("127.0.0.0/8, ::1/128, 10.0.0.0/8")


async def test_upload_without_a_place_waits_and_is_then_told_to_come_again() -> None:
    places = Places(per_camera=1, overall=10, wait_s=0.05)
    async with places.take("garden"):
        with pytest.raises(TooManyRequests) as refusal:
            async with places.take("garden"):
                pass
        async with places.take("meadow"):
            pass
    assert refusal.value.retry_after_s

    async with places.take("garden"):
        pass
    assert not places._cameras


async def test_upload_gets_the_place_that_becomes_free() -> None:
    places = Places(per_camera=1, overall=1, wait_s=5)
    order: list[int] = []

    async def upload(number: int) -> None:
        async with places.take("garden"):
            await asyncio.sleep(0.01)
            order.append(number)

    await asyncio.gather(*(upload(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]


def test_guesser_is_stopped_and_its_neighbour_is_not() -> None:
    failed = FailedKeys(per_minute=3)
    failed.succeeded("1.2.3.4", "right")
    for _ in range(3):
        failed.check("1.2.3.4", "guess")
        failed.failed("1.2.3.4")

    with pytest.raises(TooManyRequests) as refusal:
        failed.check("1.2.3.4", "guess")
    assert 0 < (refusal.value.retry_after_s or 0) <= 60
    failed.check("1.2.3.4", "right")
    failed.check("5.6.7.8", "guess")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "8.8.8.8", "8.8.8.8"),
        ("127.0.0.1", "6.6.6.6, 8.8.8.8", "8.8.8.8"),
        ("127.0.0.1", "8.8.8.8, 10.1.1.1", "8.8.8.8"),
        ("9.9.9.9", "8.8.8.8", "9.9.9.9"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        (None, "8.8.8.8", "unknown"),
        ("127.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_client_address_cannot_be_forged_from_outside(peer: str | None, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address
