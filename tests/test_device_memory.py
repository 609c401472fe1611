"""How much a GPU holds, as it is told to the rules that ask."""

from __future__ import annotations

import pytest

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
