"""The registry of models: which there are, and which one classifies.

A model's file lies in the object store under its SHA-256, its description here; one small document points at the model
in use, so that activating is one atomic write, which every worker sees within seconds. Where nothing is activated, each
worker uses the file in its own settings.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from proto.administration import ModelInfo
from proto.base import Contract, Sha256, UtcDatetime
from proto.errors import Conflict, ModelNotFound
from proto.taxonomy import taxonomy
from services.chassis.database import Database, available, insert_once
from services.chassis.workers import WorkerStatus

ACTIVE = "active"
EXTENSIONS = {"yolov5": ".pt", "torchscript": ".torchscript", "onnx": ".onnx"}


class ModelDescription(Contract):
    """What is known of a model file without anything around it (``python -m services.classifier.describe``)."""

    name: str = Field(min_length=1, max_length=120, pattern=r"^[^@\s/]+$")
    version: str = Field(min_length=1, max_length=60, pattern=r"^[^@\s/]+$")
    sha256: Sha256
    format: str = Field(pattern=r"^(yolov5|torchscript|onnx)$")
    byte_size: int = Field(ge=1)
    classes: tuple[str, ...] = Field(min_length=1)
    image_size: int = Field(ge=1, description="Side of the square input, px")
    demo: bool = Field(default=False, description="A demonstration, not to be believed")
    card: dict[str, Any] = Field(default_factory=dict, description="The card that came with the file, as it is")

    @property
    def model_id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def object_key(self) -> str:
        """Where the file lies in the object store."""
        return f"models/{self.sha256}{EXTENSIONS[self.format]}"

    @property
    def unknown_classes(self) -> tuple[str, ...]:
        """Classes that the taxonomy does not know; they are shown as they are."""
        return tuple(name for name in self.classes if name not in taxonomy())


class RegisteredModel(ModelDescription):
    """The document of collection ``models``."""

    added_at: UtcDatetime


def model_info(model: RegisteredModel, active_id: str | None, workers: Iterable[WorkerStatus]) -> ModelInfo:
    """Return a model as operators see it: activated or not, and by how many workers it is used."""
    using = sum(worker.model_id == model.model_id for worker in workers)
    return ModelInfo(
        **model.model_dump(include=set(ModelInfo.model_fields)),
        model_id=model.model_id,
        unknown_classes=model.unknown_classes,
        active=model.model_id == active_id,
        workers=using,
    )


class Models:
    """Repository of models. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._models = database.models
        self._pointer = database.handle["active_model"]

    async def all(self) -> list[RegisteredModel]:
        """Return all models, oldest first."""
        documents = await available(lambda: self._models.find().sort("added_at", 1).to_list(None))
        return [RegisteredModel.model_validate(document) for document in documents]

    async def get(self, model_id: str) -> RegisteredModel:
        """Return one model.

        Raises:
            ModelNotFound: there is none with this id.
        """
        document = await available(lambda: self._models.find_one({"_id": model_id}))
        if document is None:
            raise ModelNotFound(f"No model is registered as {model_id!r}. `krabbel model list` shows them.")
        return RegisteredModel.model_validate(document)

    async def add(self, model: ModelDescription) -> bool:
        """Register a model whose file is in the object store already; return False where it is there.

        Raises:
            Conflict: another file has this name and version.
        """
        document = model.model_dump(mode="python") | {"_id": model.model_id, "added_at": datetime.now(UTC)}
        if await available(lambda: insert_once(self._models, document)):
            return True
        known = await self.get(model.model_id)
        if known.sha256 != model.sha256:
            raise Conflict(
                f"{model.model_id} is registered already, with another file (SHA-256 {known.sha256[:12]}...). "
                "Give the new one another version."
            )
        return False

    async def active_id(self) -> str | None:
        """Return the activated model's id; None where each worker uses its own settings."""
        document = await available(lambda: self._pointer.find_one({"_id": ACTIVE}))
        return None if document is None else document["model_id"]

    async def activate(self, model_id: str | None) -> None:
        """Let all workers use this model from now on; None: the one in their settings.

        Raises:
            ModelNotFound: there is none with this id.
        """
        if model_id is None:
            await available(lambda: self._pointer.delete_one({"_id": ACTIVE}))
            return
        await self.get(model_id)
        pointer = {"_id": ACTIVE, "model_id": model_id, "since": datetime.now(UTC)}
        await available(lambda: self._pointer.replace_one({"_id": ACTIVE}, pointer, upsert=True))

    async def remove(self, model_id: str) -> RegisteredModel:
        """Take a model off the registry and return what it was. Its classifications stay.

        Raises:
            ModelNotFound: there is none with this id.
            Conflict: it is in use.
        """
        model = await self.get(model_id)
        if await self.active_id() == model_id:
            raise Conflict(f"{model_id} is in use. Activate another model first.")
        await available(lambda: self._models.delete_one({"_id": model_id}))
        return model
