"""The spool: what is in it survives anything, what is not leaves nothing behind."""

import asyncio
import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from proto.errors import NotAnImage
from proto.run import RunSource
from services.ingest.acceptance import Upload, accept
from services.ingest.clock import zone_of
from services.ingest.entry_file import BrokenEntry, EntryReader, EntryWriter, Manifest, Slice
from services.ingest.failpoints import Failpoints
from services.ingest.images import inspect
from services.ingest.room import SpoolFull
from services.ingest.spool import Entry, Spool


def check(stream: io.BytesIO, name: str) -> object:
    return inspect(stream, name, 1_000_000)


def crop(number: int, width: int = 60) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 60), (number, 0, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


def write(writer: EntryWriter, *files: tuple[str, bytes]) -> None:
    for name, data in files:
        writer.append(data[:100])
        writer.append(data[100:])
        writer.end_image(name, skip_unusable=False)


def manifest_of(writer: EntryWriter, tracking_id: str = "1") -> Manifest:
    received = datetime.now(UTC)
    upload = Upload(source=RunSource.API, camera_id="garden", tracking_id=tracking_id, start="a", end="b")
    slices = tuple(
        Slice(sha256=image.sha256, offset=image.offset, byte_size=image.byte_size) for image in writer.images
    )
    run = accept(upload, writer.images, zone_of("Europe/Berlin"), received)
    return Manifest(run=run, slices=slices, accepted_at=received)


def opened(folder: Path, limit: int = 10_000_000) -> Spool:
    spool = Spool(folder, limit, 0, Failpoints())
    spool.open()
    return spool


async def put(spool: Spool, tracking_id: str, *files: tuple[str, bytes]) -> Entry:
    writer = spool.writer(check)  # type: ignore[arg-type]
    write(writer, *files)
    claimed = sum(len(data) for _, data in files)
    spool.room.claim(claimed)
    return await spool.commit(writer, manifest_of(writer, tracking_id), claimed)


async def test_accepted_runs_are_found_again_in_order_by_the_next_process(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    entries = [await put(spool, str(number), ("a.jpg", crop(number))) for number in range(5)]
    (tmp_path / "incoming" / "half.part").write_bytes(b"KRABRUN1...")
    spool.close()

    again = opened(tmp_path)

    assert not list((tmp_path / "incoming").iterdir()), "what was never answered is removed"
    assert [(await again.take()).run_id for _ in entries] == [entry.run_id for entry in entries]
    again.close()


async def test_bytes_come_back_as_they_went_in(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    files = [("a.jpg", crop(1)), ("b.jpg", crop(2, 500))]
    entry = await put(spool, "1", *files)

    with await spool.read(entry) as reader:
        stored = [reader.read_image(part) for part in reader.manifest.slices]

    assert stored == [data for _, data in files]
    await spool.remove(entry)
    assert not list((tmp_path / "ready").iterdir())
    assert (len(spool), spool.room.used) == (0, 0)
    spool.close()


async def test_same_run_twice_waits_once(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    first, second = await put(spool, "1", ("a.jpg", crop(1))), await put(spool, "1", ("a.jpg", crop(1)))

    assert first is second
    assert len(spool) == 1
    assert spool.room.used == first.byte_size
    spool.close()


async def test_given_back_entry_keeps_its_place(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    for number in range(3):
        await put(spool, str(number), ("a.jpg", crop(number)))
    first = await spool.take()
    await spool.take()

    await spool.give_back(first)

    assert await spool.take() is first
    spool.close()


async def test_full_spool_says_so_and_frees_itself(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit=20_000)
    spool.room.claim(15_000)
    with pytest.raises(SpoolFull):
        spool.room.claim(6_000)
    spool.room.release(15_000)
    spool.room.claim(20_000)
    with pytest.raises(SpoolFull):
        await spool.room.check()
    spool.close()


async def test_second_process_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    with pytest.raises(RuntimeError, match="Another ingest"):
        opened(tmp_path)
    spool.close()
    opened(tmp_path).close()


async def test_many_commits_at_once_are_all_durable(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    await asyncio.gather(*(put(spool, str(number), ("a.jpg", crop(number))) for number in range(30)))

    assert len(list((tmp_path / "ready").iterdir())) == len(spool) == 30
    spool.close()


def test_duplicate_image_is_stored_once(tmp_path: Path) -> None:
    writer = EntryWriter(tmp_path / "x", check)  # type: ignore[arg-type]
    write(writer, ("a.jpg", crop(1)), ("again.jpg", crop(1)), ("b.jpg", crop(2)))

    assert [image.file_name for image in writer.images] == ["a.jpg", "b.jpg"]
    writer.seal(manifest_of(writer))
    assert (tmp_path / "x").read_bytes().count(crop(1)) == 1


def test_unusable_image_is_left_out_or_refused(tmp_path: Path) -> None:
    writer = EntryWriter(tmp_path / "x", check)  # type: ignore[arg-type]
    for name, data in (("empty.jpg", b""), ("text.jpg", b"hello"), ("good.jpg", crop(1))):
        if data:
            writer.append(data)
        writer.end_image(name, skip_unusable=True)

    assert [image.file_name for image in writer.images] == ["good.jpg"]
    assert writer.skipped == ["empty.jpg", "text.jpg"]
    with pytest.raises(NotAnImage, match="empty"):
        writer.end_image("empty.jpg", skip_unusable=False)


def test_aborted_upload_leaves_no_file(tmp_path: Path) -> None:
    writer = EntryWriter(tmp_path / "x", check)  # type: ignore[arg-type]
    writer.append(b"abc")
    writer.abort()
    writer.abort()

    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="given up"):
        writer.append(b"late thread")


@pytest.mark.parametrize("damage", ["cut", "manifest", "image", "empty"])
def test_damaged_file_is_noticed(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x"
    writer = EntryWriter(path, check)  # type: ignore[arg-type]
    write(writer, ("a.jpg", crop(1)))
    writer.seal(manifest_of(writer))
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-20]
    elif damage == "empty":
        data = bytearray()
    else:
        data[-200 if damage == "manifest" else 50] ^= 0xFF
    path.write_bytes(data)

    def read_all() -> None:
        with EntryReader(path) as reader:
            for part in reader.manifest.slices:
                reader.read_image(part)

    with pytest.raises(BrokenEntry):
        read_all()


async def test_damaged_entry_is_set_aside_not_deleted(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    entry = await put(spool, "1", ("a.jpg", crop(1)))

    await spool.set_aside(await spool.take(), "test")

    assert (tmp_path / "broken" / entry.path.name).exists()
    assert len(spool) == 0
    spool.close()


def test_large_image_is_read_piece_by_piece(tmp_path: Path) -> None:
    noise = io.BytesIO()
    Image.effect_noise((2400, 1800), 90).convert("RGB").save(noise, "JPEG", quality=95)
    data = noise.getvalue()
    assert len(data) > 1024 * 1024
    writer = EntryWriter(tmp_path / "x", lambda stream, name: inspect(stream, name, 16_000_000))
    write(writer, ("frame.jpg", data))
    writer.seal(manifest_of(writer))

    with EntryReader(tmp_path / "x") as reader, reader.open_image(reader.manifest.slices[0]) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == hashlib.sha256(data).hexdigest()
