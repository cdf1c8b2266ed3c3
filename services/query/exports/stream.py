"""From batches of runs to a stream of bytes: the work of each batch is done in a thread, one after the other."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Writer(Protocol[T_contra]):
    """A format being written. Plain and synchronous; it is never called from two threads at once."""

    def begin(self) -> bytes:
        """Return what stands before the first run."""

    def add(self, items: Sequence[T_contra]) -> bytes:
        """Return what can be sent after these runs."""

    def end(self) -> Iterator[bytes]:
        """Yield the rest."""

    def close(self) -> None:
        """Let go of temporary files, also where the export was given up."""


async def streamed(writer: Writer[T], batches: AsyncIterator[Sequence[T]]) -> AsyncGenerator[bytes, None]:
    """Yield what the writer makes of the runs; readers of other pages are not kept waiting meanwhile."""
    try:
        yield writer.begin()
        async for items in batches:
            if piece := await asyncio.to_thread(writer.add, items):
                yield piece
        rest = writer.end()
        while (last := await asyncio.to_thread(next, rest, None)) is not None:
            if last:
                yield last
    finally:
        writer.close()
