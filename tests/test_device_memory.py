"""How much a GPU holds, as it is told to the rules that ask."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import pytest

from maskedface import device_memory as measuring
from maskedface.device_memory import device_memory


def test_a_cpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASKEDFACE_DEVICE_MEMORY", raising=False)
    assert device_memory() == 0


@pytest.mark.parametrize(("given", "expected"), [("0", 0), ("1.5", 1610612736)])
def test_the_variable_takes_its_place(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: int
) -> None:
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", given)
    assert device_memory() == expected


@pytest.mark.parametrize("given", ["much", "-1", "nan", "inf"])
def test_what_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("MASKEDFACE_DEVICE_MEMORY", given)
    with pytest.raises(ValueError, match=f"must be a number of GiB, .* Received: '{given}'"):
        device_memory()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's devices")
def test_a_gpu_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf
    from tensorflow.python.client import device_lib

    calls: list[str] = []

    def listed() -> list[SimpleNamespace]:
        calls.append("listed")
        return [SimpleNamespace(device_type="GPU", memory_limit=7)]

    monkeypatch.delenv("MASKEDFACE_DEVICE_MEMORY", raising=False)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    monkeypatch.setattr(device_lib, "list_local_devices", listed)
    measuring._measured.cache_clear()
    try:
        assert [device_memory(), device_memory()] == [7, 7]
    finally:
        measuring._measured.cache_clear()
    assert calls == ["listed"]
