"""`maskedface weights`: convert, inspect, list; and the script on the same function."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from maskedface import models
from maskedface.cli import weights
from maskedface.cli.main import main
from tests.conversion import layout_files

BLOCKS = (1, 1, 1, 1)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    arrays = layout_files.random_network(2, BLOCKS)
    layout_files.write_python2_pickle(tmp_path / "network.pkl", arrays)
    return tmp_path / "network.pkl"


@pytest.fixture
def converted(source: Path) -> Path:
    out = source.with_name("ours.weights.h5")
    assert main(["weights", "convert", str(source), "--out", str(out), "--variant", "ft"]) == 0
    return out


def test_convert_prints_what_was_mapped(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "convert", str(source), "--out", f"{source}.weights.h5"]) == 0
    said = capsys.readouterr().out
    for line in (
        "known: false",
        "channels: BGR",
        "mapped: 85 tensors: 5 stem, 20 layer1",
        "conv1.weight -> stem_conv/kernel",
        "not used: fc.weight, fc.bias",
    ):
        assert line in said


def test_convert_can_print_every_tensor(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(source.with_name("ours.weights.h5"))
    assert main(["weights", "convert", str(source), "--out", out, "--verbose"]) == 0
    assert capsys.readouterr().out.count(" -> ") == 85


def test_the_sidecar_says_all_that_is_known(converted: Path) -> None:
    facts = json.loads(converted.with_name("ours.json").read_text())
    assert facts["variant"] == "ft" and facts["variant_told_by"] == "user"
    assert facts["layout"] == "VGGFace2-pytorch (.pkl)" and facts["channels"] == "BGR"
    assert facts["scaling"] == "x - (131.0912, 103.8827, 91.4953) in R, G, B"
    assert facts["precision"] == "float32" and facts["architecture"] == "ResNet50"
    assert facts["arguments"] == {"filters": 2, "blocks": [1, 1, 1, 1]}
    assert facts["known"] is False and len(facts["source"]["sha256"]) == 64
    assert facts["license"] and facts["origin"] and facts["date"]
    assert len(facts["probe"]["embedding"]) == 64


def test_inspect_finds_the_same_probe(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "inspect", str(converted)]) == 0
    assert "probe in the sidecar: the same" in capsys.readouterr().out


def test_inspect_finds_another_probe(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sidecar = converted.with_name("ours.json")
    facts = json.loads(sidecar.read_text())
    facts["probe"]["embedding"].reverse()
    sidecar.write_text(json.dumps(facts))
    assert main(["weights", "inspect", str(converted)]) == 1
    assert "probe in the sidecar: ANOTHER" in capsys.readouterr().out


def test_inspect_takes_a_source_file(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "inspect", str(source)]) == 0
    assert "probe in the sidecar: none" in capsys.readouterr().out


def test_inspect_refuses_a_damaged_file(
    converted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    converted.write_bytes(converted.read_bytes()[:-1])
    assert main(["weights", "inspect", str(converted)]) == 2
    assert "error:" in capsys.readouterr().err


def test_a_wrong_ending_of_out_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "convert", str(source), "--out", "ours.h5"]) == 2
    assert ".weights.h5" in capsys.readouterr().err


def test_our_own_file_is_no_source(converted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(converted.with_name("again.weights.h5"))
    assert main(["weights", "convert", str(converted), "--out", out]) == 2
    assert "source must be a .pkl, .pth" in capsys.readouterr().err


@pytest.fixture
def iresnet(tmp_path: Path) -> Path:
    torch = pytest.importorskip("torch")
    from tests.models.torch_iresnet import InsightFaceNetwork, randomize

    state = randomize(InsightFaceNetwork(2, BLOCKS, 32, 8)).half().state_dict()
    torch.save({f"module.{name}": one for name, one in state.items()}, tmp_path / "backbone.pth")
    return tmp_path / "backbone.pth"


# It reads and compares a whole network.
@pytest.mark.long
def test_convert_finds_network_and_size_in_the_file(
    iresnet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = iresnet.with_name("ours.weights.h5")
    assert main(["weights", "convert", str(iresnet), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for line in (
        "layout: insightface (.pth)",
        "scaling: (x - 127.5) / 127.5",
        "precision: float16",
        "exact in float32, but were rounded before",
        "module.conv1.weight -> stem_conv/kernel",
        "not used: module.features.weight, 19 num_batches_tracked",
        "built as: models.IResNet, aligned to 'arcface'",
    ):
        assert line in said
    facts = json.loads(out.with_name("ours.json").read_text())
    assert facts["architecture"] == "IResNet" and len(facts["probe"]["embedding"]) == 8
    assert facts["arguments"]["input_shape"] == [32, 32, 3]
    assert main(["weights", "inspect", str(out)]) == 0
    assert "probe in the sidecar: the same" in capsys.readouterr().out
    assert models.IResNet.from_preset(out).output_shape == (None, 8)


def test_the_network_asked_for_must_be_the_files(
    iresnet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(iresnet.with_name("ours.weights.h5"))
    words = ["weights", "convert", str(iresnet), "--out", out, "--network"]
    assert main([*words, "IResNet"]) == 0
    assert main([*words, "AdaFaceIR"]) == 2
    assert "input_layer.0.weight" in capsys.readouterr().err
    assert main([*words, "IResNets"]) == 2
    assert "did you mean IResNet?" in capsys.readouterr().err


def test_inspect_asks_for_the_network_where_nothing_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models.DlibResNet29(None).save_weights(tmp_path / "bare.weights.h5")
    words = ["weights", "inspect", str(tmp_path / "bare.weights.h5")]
    assert main(words) == 2
    assert "which has no .json file that states it" in capsys.readouterr().err
    assert main([*words, "--network", "DlibResNet29"]) == 0


def test_list_has_a_line_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name, preset in models.PRESETS.items():
        for fact in (preset.architecture, preset.alignment, preset.license):
            assert fact in lines[name]
    assert "165.0 MB" in lines["vggface2_ft"] and lines["vggface2_ft"].split()[-1] == "no"


@pytest.mark.parametrize("name", models.PRESETS)
def test_list_tells_all_of_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", name]) == 0
    said, preset = capsys.readouterr().out, models.PRESETS[name]
    for file in preset.files:
        for fact in (file.name, file.sha256 or "sha256 unknown", file.url or ""):
            assert fact in said
    for fact in (preset.license_note, preset.origin, preset.unverified, preset.convert_command):
        assert fact in said


def test_list_finds_a_file_that_is_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "keras" / "maskedface"
    cache.mkdir(parents=True)
    (cache / "vggface2_ft.weights.h5").touch()
    assert main(["weights", "list", "vggface2_ft"]) == 0
    assert f"here: {cache / 'vggface2_ft.weights.h5'}" in capsys.readouterr().out


def test_list_refuses_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "vggface2-ft"]) == 2
    assert "did you mean vggface2_ft?" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in models.PRESETS if name != "dlib"])
def test_the_convert_command_of_a_preset_is_understood(name: str) -> None:
    parser = argparse.ArgumentParser()
    weights.add_arguments(parser)
    words = models.PRESETS[name].convert_command.split()
    args = parser.parse_args(words[2:])
    assert args.source == models.PRESETS[name].files[0].name and args.out == f"{name}.weights.h5"
