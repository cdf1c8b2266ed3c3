"""Device memory is told where PyTorch holds some; no GPU is needed to see that the sum is right."""

import sys
from types import SimpleNamespace

import pytest

from services.classifier.device_memory import device_memory_bytes


def cuda(held: list[int], *, used: bool = True) -> SimpleNamespace:
    devices = SimpleNamespace(
        is_initialized=lambda: used, device_count=lambda: len(held), memory_reserved=held.__getitem__
    )
    return SimpleNamespace(cuda=devices)


def test_memory_of_all_devices_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", cuda([100, 23]))
    assert device_memory_bytes() == 123


def test_there_is_none_without_torch_or_where_it_has_not_touched_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", cuda([100], used=False))
    assert device_memory_bytes() == 0
    monkeypatch.delitem(sys.modules, "torch")
    assert device_memory_bytes() == 0
