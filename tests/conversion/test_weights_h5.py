"""Our own format: the weights, their sidecar, and the check of one against the other."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.conversion import weights_h5


def network(seed: int, blocks: tuple[int, ...] = (1, 1, 1, 1)) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return models.ResNet50(None, (None, None, 3), filters=2, blocks=blocks)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    weights_h5.save(network(1), tmp_path / "a.weights.h5", {"variant": "ft"})
    return tmp_path / "a.weights.h5"


# It reads and compares a whole network.
@pytest.mark.long
def test_a_file_comes_back_as_it_was_saved(path: Path) -> None:
    loaded = network(2)
    facts = weights_h5.load(loaded, path)
    assert facts is not None and facts["variant"] == "ft"
    for one, other in zip(network(1).get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_without_its_sidecar_has_no_facts(path: Path) -> None:
    path.with_name("a.json").unlink()
    assert weights_h5.load(network(2), path) is None


def test_one_changed_byte_is_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"sha256 stated by its sidecar.*damaged or was replaced"):
        weights_h5.load(network(2), path)


def test_a_cut_file_without_a_sidecar_is_refused(path: Path) -> None:
    path.with_name("a.json").unlink()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"weights.h5 file .* Received: .*truncated"):
        weights_h5.load(network(2), path)


def test_a_sidecar_that_is_no_json_is_refused(path: Path) -> None:
    path.with_name("a.json").write_text("{")
    with pytest.raises(ValueError, match="sidecar must be JSON"):
        weights_h5.load(network(2), path)


def test_a_deeper_networks_file_is_refused(tmp_path: Path) -> None:
    weights_h5.save(network(1, (1, 1, 1, 2)), tmp_path / "a.weights.h5", {})
    with pytest.raises(ValueError, match="it has 100 arrays, resnet50_vggface2 85"):
        weights_h5.load(network(2), tmp_path / "a.weights.h5")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"end in .weights.h5"):
        weights_h5.save(network(1), tmp_path / "a.h5", {})


def test_the_sidecar_is_json_beside_the_file(path: Path) -> None:
    facts = json.loads(path.with_name("a.json").read_text())
    assert facts["file"] == "a.weights.h5" and len(facts["file_sha256"]) == 64


def test_a_failed_write_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_h5.json, "dump", full)
    with pytest.raises(OSError, match="No space left"):
        weights_h5.save(network(2), path, {})
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
