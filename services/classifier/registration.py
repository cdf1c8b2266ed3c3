"""Puts the model of the settings into the registry, so that it can be listed, activated and asked for by name."""

import asyncio
from pathlib import Path

from pydantic import ValidationError

from proto.errors import Conflict, ModelNotFound, ModelRefused, Unavailable
from services.chassis.logging import get_logger
from services.chassis.models import Models
from services.chassis.object_store import ObjectStore
from services.classifier.describe import describe
from services.classifier.model_file import LoadedModel

RETRY_S = 10.0
log = get_logger(__name__)


async def register(model: LoadedModel, path: Path, models: Models, store: ObjectStore) -> bool:
    """Register a model and return whether it was new. The file first, then the document that points at it.

    Raises:
        Conflict: another file has this name and version.
        ModelRefused: its name or version cannot be used in a model id, or the file has changed meanwhile.
        Unavailable: database or object store are away.
    """
    try:
        description = describe(model)
    except ValidationError as error:
        raise ModelRefused(f"The name or version of {path.name} cannot be used: {error.errors()[0]['msg']}") from error
    try:
        if (await models.get(description.model_id)).sha256 == description.sha256:
            return False
    except ModelNotFound:
        pass
    await store.put_file(description.object_key, path, "application/octet-stream")
    return await models.add(description)


async def register_soon(model: LoadedModel, path: Path, models: Models, store: ObjectStore) -> None:
    """Register a model as soon as database and object store are there; a refusal is only logged: it still works."""
    while True:
        try:
            if await register(model, path, models, store):
                log.info("model registered", model_id=model.identity.model_id)
            return
        except Unavailable:
            await asyncio.sleep(RETRY_S)
        except (Conflict, ModelRefused) as error:
            log.warning("model not registered", model_id=model.identity.model_id, reason=error.detail)
            return
