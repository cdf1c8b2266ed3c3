"""What a backup holds, and how it is recognised again."""

import gzip
import hashlib
import os
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field

from proto.errors import Conflict, NotFound

FORMAT = 1
MANIFEST = "manifest.json"


class CollectionFile(BaseModel):
    """One collection's file."""

    name: str
    documents: int
    byte_size: int
    sha256: str = Field(description="Of the compressed file")


class Manifest(BaseModel):
    """The whole backup."""

    format: int = FORMAT
    made_at: datetime
    schema_version: int
    collections: list[CollectionFile]
    objects: int
    object_bytes: int
    missing_objects: list[str] = Field(default_factory=list, description="Referred to, but not in the object store")


def backups(folder: Path) -> list[str]:
    """Return the names of the complete backups in a folder, oldest first."""
    return sorted(file.parent.name for file in folder.glob(f"backups/*/{MANIFEST}"))


def read_manifest(folder: Path, name: str | None) -> tuple[str, Manifest]:
    """Return a backup's name (None: the latest) and manifest.

    Raises:
        NotFound: there is none.
        Conflict: it was made by a newer Krabbel.
    """
    found = backups(folder)
    chosen = name or (found[-1] if found else None)
    if chosen is None or chosen not in found:
        raise NotFound(f"{folder} has no complete backup {name or ''}; it has: {', '.join(found) or 'none'}.")
    manifest = Manifest.model_validate_json((folder / "backups" / chosen / MANIFEST).read_bytes())
    if manifest.format > FORMAT:
        raise Conflict(f"Backup {chosen} was made by a newer Krabbel (format {manifest.format}).")
    return chosen, manifest


def object_path(folder: Path, key: str) -> Path:
    """Return where an object lies in the backup.

    Raises:
        ValueError: the key would lead out of the folder.
    """
    parts = key.split("/")
    if not key or any(part in ("", ".", "..") for part in parts) or "\0" in key or "\\" in key:
        raise ValueError(f"not a key that can be a path: {key!r}")
    return folder.joinpath("objects", *parts)


def hash_in(key: str) -> str | None:
    """Return the SHA-256 that a key promises for its object; None where it promises none."""
    stem = key.rpartition("/")[2].partition(".")[0]
    return stem if len(stem) == 64 and all(digit in "0123456789abcdef" for digit in stem) else None


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that is there whole, or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_documents(path: Path) -> Iterator[bytes]:
    """Yield the BSON documents in a compressed file. Each begins with its length."""
    with gzip.open(path, "rb") as file:
        while head := file.read(4):
            (length,) = struct.unpack("<i", head)
            yield head + file.read(length - 4)
