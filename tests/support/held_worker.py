"""A classifier that stops dead at one stage of its work, given by KRABBEL_HOLD_AT, and says so on its output.

With ``poison`` as stage it ends by itself when it decodes :data:`POISON`.

The test kills it there: no sleeps, no luck.
"""

import asyncio
import os
import time
from typing import Any

from services.chassis.broker import Delivery
from services.chassis.object_pull import ObjectPull
from services.chassis.runs import Runs
from services.classifier import pull
from services.classifier.__main__ import main
from services.classifier.onnx_model import OnnxNetwork

POISON = b"poison"
STAGES = ("fetch", "decode", "inference", "before-write", "after-write", "before-ack")


def _say_held() -> None:
    os.write(1, b"HELD\n")


async def _hold() -> None:
    _say_held()
    await asyncio.Event().wait()


def _hold_in_thread() -> None:
    _say_held()
    time.sleep(3600)


def hold_at(stage: str) -> None:
    """Replace one step of the work by one that never ends."""
    if stage == "fetch":
        ObjectPull.get = lambda *_: _hold_in_thread()  # type: ignore[assignment, method-assign, return-value]
    elif stage == "decode":
        pull.prepare = lambda *_: _hold_in_thread()  # type: ignore[assignment, return-value]
    elif stage == "inference":
        warmed: list[Any] = []
        real = OnnxNetwork.predict

        def predict(self: OnnxNetwork, batch: Any) -> Any:
            if warmed.count(1) < 2:  # the warm-up predicts twice
                warmed.append(1)
                return real(self, batch)
            return _hold_in_thread()

        OnnxNetwork.predict = predict  # type: ignore[method-assign]
    elif stage in ("before-write", "after-write"):
        complete = Runs.complete

        async def held(self: Runs, classification: Any) -> bool:
            if stage == "after-write":
                await complete(self, classification)
            await _hold()
            return True

        Runs.complete = held  # type: ignore[method-assign]
    elif stage == "before-ack":

        async def ack(_self: Delivery) -> None:
            await _hold()

        Delivery.ack = ack  # type: ignore[method-assign]
    elif stage == "poison":
        prepare = pull.prepare

        def dying(data: bytes, size: int) -> Any:
            if data == POISON:
                os._exit(9)  # as a decoder that crashes would
            return prepare(data, size)

        pull.prepare = dying
    else:
        raise ValueError(stage)


if __name__ == "__main__":
    hold_at(os.environ["KRABBEL_HOLD_AT"])
    main()
