"""The models at hand: the one in use, and at most one other that jobs ask for by name. Follows the registry.

When another model is activated, it is loaded beside the old one, takes over between two runs, and the old one goes when
its last run is done: no restart, no job dropped. A model that is refused changes nothing but :attr:`Shelf.trouble`.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from proto.errors import KrabbelError, ModelNotFound, ModelRefused, NotFound, Unavailable
from services.chassis.logging import get_logger
from services.chassis.models import Models, RegisteredModel
from services.chassis.object_store import ObjectStore
from services.classifier.engine import Engine, Workshop
from services.classifier.metrics import MODEL
from services.classifier.model_file import Card, LoadedModel, Options, load_bytes, load_model
from services.classifier.network import ModelIdentity

FOLLOW_S = 2.0
log = get_logger(__name__)


@dataclass(slots=True)
class _Slot:
    """An engine, who uses it, and how to end it."""

    engine: Engine
    ending: AsyncExitStack
    users: int = 0
    retired: bool = False


class Shelf:
    """All models of a worker."""

    def __init__(self, workshop: Workshop, models: Models, store: ObjectStore, default: Path, options: Options) -> None:
        """``default``: the model file to use while none is activated."""
        self.trouble: str | None = None
        self.default: LoadedModel | None = None
        """The model of the settings, once it has been loaded"""
        self._workshop = workshop
        self._models = models
        self._store = store
        self._path = default
        self._options = options
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load-model")
        self._loading = asyncio.Lock()
        self._wanted: str | None = None
        self._current: _Slot | None = None
        self._other: _Slot | None = None

    @property
    def current(self) -> Engine:
        """The model in use. There is one once :meth:`open` has returned."""
        if self._current is None:
            raise ModelNotFound("No model is loaded yet.")
        return self._current.engine

    async def open(self) -> None:
        """Load the activated model, or the one in the settings where none is, or where the database is away.

        Raises:
            ModelRefused: neither can be used.
        """
        try:
            self._wanted = await self._models.active_id()
        except Unavailable:
            log.warning("the database is away; starting with the model in the settings")
        if self._wanted is not None:
            try:
                self._current = await self._set_to_work(await self._fetch(self._wanted))
            except KrabbelError as error:
                self._complain(error)
        if self._current is None:
            self._current = await self._set_to_work(await self._load_default())
        self._announce()

    async def close(self) -> None:
        """End all engines."""
        for slot in (self._current, self._other):
            if slot is not None:
                await slot.ending.aclose()
        self._current = self._other = None
        self._loader.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def use(self, model_id: str | None) -> AsyncIterator[Engine]:
        """Hold a model (None: the one in use) for one run.

        Raises:
            ModelNotFound: the registry does not know it.
            ModelRefused: its file is not what it should be.
            Unavailable: database or object store are away.
        """
        slot = await self._slot(model_id)
        slot.users += 1
        try:
            yield slot.engine
        finally:
            slot.users -= 1
            await self._end_unused(slot)

    async def follow_forever(self) -> None:
        """Look at the registry every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await self.follow()
            except Unavailable:
                continue
            except Exception as error:  # following must not end with the first surprise
                log.error("the registry cannot be followed", exc_info=error)

    async def follow(self) -> None:
        """Change to the activated model if it is another one than before."""
        wanted = await self._models.active_id()
        if wanted == self._wanted:
            return
        try:
            loaded = await self._load_default() if wanted is None else await self._fetch(wanted)
        except Unavailable:
            raise
        except KrabbelError as error:
            self._wanted = wanted
            self._complain(error)
            return
        old, self._current = self._current, await self._set_to_work(loaded)
        self._wanted, self.trouble = wanted, None
        self._announce()
        if old is not None:
            await self._retire(old)

    async def _slot(self, model_id: str | None) -> _Slot:
        for slot in (self._current, self._other):
            if slot is not None and (model_id is None or slot.engine.identity.model_id == model_id):
                return slot
        if model_id is None:
            raise ModelNotFound("No model is loaded yet.")
        async with self._loading:
            if self._other is not None and self._other.engine.identity.model_id == model_id:
                return self._other
            slot = await self._set_to_work(await self._fetch(model_id))
            old, self._other = self._other, slot
            if old is not None:
                await self._retire(old)
            return slot

    async def _retire(self, slot: _Slot) -> None:
        slot.retired = True
        await self._end_unused(slot)

    async def _end_unused(self, slot: _Slot) -> None:
        if slot.retired and slot.users == 0:
            await slot.ending.aclose()

    async def _set_to_work(self, model: LoadedModel) -> _Slot:
        ending = AsyncExitStack()
        return _Slot(await ending.enter_async_context(self._workshop.engine(model)), ending)

    async def _load_default(self) -> LoadedModel:
        loaded = await self._load(partial(load_model, self._path, self._options))
        self.default = loaded
        return loaded

    async def _fetch(self, model_id: str) -> LoadedModel:
        """Load a model from the registry."""
        model = await self._models.get(model_id)
        try:
            data = await self._store.get(model.object_key)
        except NotFound as error:
            raise ModelRefused(f"The file of {model_id} is not in the object store (any more).") from error
        return await self._load(partial(load_bytes, data, _identity(model), self._options, _card(model)))

    async def _load(self, load: "partial[LoadedModel]") -> LoadedModel:
        """Load in a thread of its own, so that the device goes on meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._loader, load)

    def _complain(self, error: KrabbelError) -> None:
        self.trouble = error.detail
        log.error("the activated model cannot be used", model_id=self._wanted, reason=error.detail)

    def _announce(self) -> None:
        model = self.current.model
        network, identity = model.network, model.identity
        MODEL.clear()
        MODEL.labels(identity.model_id, network.runtime, network.device, str(identity.demo).lower()).set(1)
        log.info(
            "model in use",
            model_id=identity.model_id,
            demo=identity.demo,
            sha256=identity.sha256,
            classes=len(network.names),
            image_size=network.image_size,
            device=network.device,
            runtime=network.runtime,
            batch_size=model.batch_size,
            measured={found.runtime: round(found.images_per_s) for found in model.measurements},
        )


def _identity(model: RegisteredModel) -> ModelIdentity:
    return ModelIdentity(model.name, model.version, model.sha256, model.format, model.demo)


def _card(model: RegisteredModel) -> Card:
    return Card(model.name, model.version, model.demo, model.classes, model.image_size, model.card)
