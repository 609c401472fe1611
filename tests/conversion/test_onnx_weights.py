"""ONNX files into IResNet and AdaFaceIR: exported by torch from twins, read back, and what is refused."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.cli.main import main
from maskedface.conversion import onnx_probe
from maskedface.conversion.onnx_ir import read_onnx
from maskedface.models import weights

pytestmark = pytest.mark.long  # each test exports or reads a whole network

onnx = pytest.importorskip("onnx")
torch = pytest.importorskip("torch")
exports = pytest.importorskip("tests.conversion.onnx_exports")
twins = pytest.importorskip("tests.models.torch_iresnet")

BLOCKS, SIDE, SIZE = (2, 1, 3, 1), 48, 16  # the last map is 3 x 3, so that its order is seen
NAMES = ("IResNet", "AdaFaceIR")


@cache
def twin(name: str) -> Any:
    kind = {"IResNet": twins.InsightFaceNetwork, "AdaFaceIR": twins.AdaFaceNetwork}[name]
    return twins.randomize(kind(4, BLOCKS, SIDE, SIZE))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    for name in NAMES:
        for folded in (True, False):
            path = folder / f"{name}_{'folded' if folded else 'kept'}.onnx"
            exports.export(exports.Embedding(twin(name)), path, SIDE, folded=folded)
    return folder


def faces(count: int = 3) -> np.ndarray:
    slope = np.linspace(0, 120, SIDE)[:, None, None] * np.array([1.0, 0.4, 0.1])
    noise = np.random.default_rng(0).uniform(0, 135, (count, SIDE, SIDE, 3))
    return (slope + noise).astype(np.float32)


def by_torch(network: Any, name: str) -> np.ndarray:
    own = faces()[..., ::-1] if name == "AdaFaceIR" else faces()
    with torch.no_grad():
        batch = torch.from_numpy(((own - 127.5) / 127.5).transpose(0, 3, 1, 2).copy())
        found: np.ndarray = network(batch)["embedding"].numpy()
    return found


def share(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference as a share of the largest value."""
    assert expected.shape == found.shape
    return float(np.abs(expected - found).max() / np.abs(expected).max())


def load(path: Path, name: str = "IResNet") -> keras.Model:
    return getattr(models, name).from_preset(path)


@pytest.mark.parametrize("kind", ["folded", "kept"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_gives_the_twins_embeddings(name: str, kind: str, files: Path) -> None:
    backbone = load(files / f"{name}_{kind}.onnx", name)
    assert backbone.input_shape == (None, SIDE, SIDE, 3)
    found = np.asarray(backbone(faces(), training=False))
    assert share(by_torch(twin(name), name), found) < 2e-5
    assert share(found, models.predict(models.fold_batch_norm(backbone), faces())) < 2e-5


# What the exporter does, so that a change in it is seen: the batch norm behind a convolution is folded, the
# one before a convolution or the dense layer, and the one behind the dense layer, is not.
@pytest.mark.parametrize("name", NAMES)
def test_the_exporter_folds_what_is_behind_a_convolution(name: str, files: Path) -> None:
    assert read_onnx(files / f"{name}_kept.onnx").folded == ()
    folded = set(read_onnx(files / f"{name}_folded.onnx").folded)
    backbone = getattr(models, name)(None, (32, 32, 3), blocks=BLOCKS, filters=4)
    norms = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    behind = {
        n.name for n in norms if isinstance(n.input._keras_history.operation, keras.layers.Conv2D)
    }
    assert folded == behind and len(norms) - len(behind) == sum(BLOCKS) + 2


def test_a_folded_batch_norm_changes_nothing_but_adds_the_bias(files: Path) -> None:
    norm = load(files / "IResNet_folded.onnx").get_layer("layer1_0_bn2")
    assert (np.float32(norm.moving_variance) + np.float32(norm.epsilon) == 1).all()
    np.testing.assert_array_equal(norm.gamma, np.ones(4))
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(4))
    values = np.linspace(-3, 3, 8, dtype="float32").reshape(1, 2, 1, 4)
    right = values + np.asarray(norm.beta)
    np.testing.assert_allclose(norm(values), right, rtol=1e-6)


def changed(network: Any) -> Any:
    return copy.deepcopy(network)


def test_a_head_folded_into_the_dense_layer(tmp_path: Path) -> None:
    # As onnxscript's and other optimizers leave it.
    network = changed(twin("IResNet"))
    norm = network.features
    with torch.no_grad():
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        network.fc.weight.mul_(factor[:, None])
        network.fc.bias.sub_(norm.running_mean).mul_(factor).add_(norm.bias)
    network.features = torch.nn.Identity()
    path = exports.export(exports.Embedding(network), tmp_path / "net.onnx", SIDE)
    assert read_onnx(path).folded[-1] == "embedding_bn"
    found = np.asarray(load(path)(faces(), training=False))
    assert share(by_torch(twin("IResNet"), "IResNet"), found) < 2e-5


class Scaled(torch.nn.Module):
    """A network that scales its image itself: (x - middle) * factor."""

    def __init__(self, middle: float, factor: float) -> None:
        super().__init__()
        self.inside = exports.Embedding(twin("IResNet"))
        self.middle, self.factor = middle, factor

    def forward(self, x: Any) -> Any:
        return self.inside((x - self.middle) * self.factor)


@pytest.mark.parametrize(
    ("middle", "factor", "input_range"),
    [(127.5, 1 / 127.5, [0.0, 255.0]), (0.5, 2.0, [0.0, 1.0]), (0.0, 1.0, [-1.0, 1.0])],
)
def test_scaling_inside_the_graph(
    middle: float, factor: float, input_range: list[float], tmp_path: Path
) -> None:
    path = exports.export(Scaled(middle, factor), tmp_path / "net.onnx", SIDE)
    backbone = models.IResNet(None, (SIDE, SIDE, 3), blocks=BLOCKS, filters=4, embedding_size=SIZE)
    facts = weights.load(backbone, path)
    assert facts["input_range"] == input_range
    found = np.asarray(backbone(faces(), training=False))
    assert share(by_torch(twin("IResNet"), "IResNet"), found) < 2e-5


# MXNet's: (x - 127.5) / 128.
def test_another_scaling_is_refused(tmp_path: Path) -> None:
    path = exports.export(Scaled(127.5, 1 / 128), tmp_path / "net.onnx", SIDE)
    assert_refused(path, r"must map one of .* Received: x \* 0.0078125 \+ -0.996094")


def test_a_fixed_number_of_images(tmp_path: Path) -> None:
    path = exports.export(exports.Embedding(twin("IResNet")), tmp_path / "n.onnx", SIDE, free=False)
    found = np.asarray(load(path)(faces(), training=False))
    assert share(by_torch(twin("IResNet"), "IResNet"), found) < 2e-5


def test_a_map_flattened_by_its_sizes(tmp_path: Path) -> None:
    class Viewed(twins.InsightFaceNetwork):
        def forward(self, x: Any) -> Any:
            x = self.prelu(self.bn1(self.conv1(x)))
            x = self.bn2(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
            return {"embedding": self.features(self.fc(x.view(x.size(0), -1)))}

    network = Viewed(4, BLOCKS, SIDE, SIZE)
    network.load_state_dict(twin("IResNet").state_dict())
    path = exports.export(exports.Embedding(network), tmp_path / "net.onnx", SIDE)
    assert {"Shape", "Gather", "Reshape"} <= {node.op_type for node in onnx.load(path).graph.node}
    found = np.asarray(load(path)(faces(), training=False))
    assert share(by_torch(network.eval(), "IResNet"), found) < 2e-5


def rewritten(source: Path, path: Path, change: Callable[[Any], object], **options: Any) -> Path:
    model = onnx.load(source)
    change(model)
    onnx.save(model, path, **options)
    return path


def in_typed_fields(model: Any) -> None:
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor).ravel().tolist()
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.ClearField("raw_data")
            tensor.float_data.extend(values)


def as_constants(model: Any) -> None:
    nodes = [
        onnx.helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in model.graph.initializer
    ]
    del model.graph.initializer[:]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes + rest)


def by_matmul(model: Any) -> None:
    node = next(one for one in model.graph.node if one.op_type == "Gemm")
    where = list(model.graph.node).index(node)
    kernel = next(one for one in model.graph.initializer if one.name == node.input[1])
    turned = np.ascontiguousarray(onnx.numpy_helper.to_array(kernel).T)
    kernel.CopyFrom(onnx.numpy_helper.from_array(turned, kernel.name))
    product = onnx.helper.make_node("MatMul", [node.input[0], node.input[1]], ["product"])
    add = onnx.helper.make_node("Add", ["product", node.input[2]], [node.output[0]])
    model.graph.node.remove(node)
    model.graph.node.insert(where, add)
    model.graph.node.insert(where, product)


def between(model: Any) -> None:
    # Operations that change nothing.
    for number, node in enumerate(list(model.graph.node)):
        if node.op_type == "PRelu":
            kind = "Identity" if number % 2 else "Dropout"
            more = onnx.helper.make_node(kind, [node.output[0]], [f"{node.output[0]}_more"])
            for other in model.graph.node:
                for place, name in enumerate(other.input):
                    if name == node.output[0]:
                        other.input[place] = more.output[0]
            model.graph.node.insert(list(model.graph.node).index(node) + 1, more)


@pytest.mark.parametrize("change", [in_typed_fields, as_constants, by_matmul, between])
def test_the_same_network_written_otherwise(
    change: Callable[[Any], None], files: Path, tmp_path: Path
) -> None:
    source = files / "IResNet_folded.onnx"
    right = load(source)
    found = load(rewritten(source, tmp_path / "net.onnx", change))
    for one, other in zip(right.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_arrays_in_a_file_beside_it(files: Path, tmp_path: Path) -> None:
    source = files / "IResNet_folded.onnx"
    beside = {"save_as_external_data": True, "location": "net.bin", "size_threshold": 0}
    path = rewritten(source, tmp_path / "net.onnx", lambda _: None, **beside)
    for one, other in zip(load(source).get_weights(), load(path).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "net.bin").write_bytes((tmp_path / "net.bin").read_bytes()[:-8])
    assert_refused(path, "must be an ONNX file of a network")
    (tmp_path / "net.bin").unlink()
    assert_refused(path, "must be an ONNX file of a network")


def in_half(model: Any) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(half, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    del model.graph.value_info[:]


def in_half_with_full_ends(model: Any) -> None:
    in_half(model)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    nodes = list(model.graph.node)
    for node in nodes:
        for names in (node.input, node.output):
            names[:] = [f"{one}16" if one in ("image", "embedding") else one for one in names]
    del model.graph.node[:]
    first = onnx.helper.make_node("Cast", ["image"], ["image16"], to=onnx.TensorProto.FLOAT16)
    last = onnx.helper.make_node("Cast", ["embedding16"], ["embedding"], to=onnx.TensorProto.FLOAT)
    model.graph.node.extend([first, *nodes, last])


@pytest.mark.parametrize("change", [in_half, in_half_with_full_ends])
def test_a_file_of_half_precision_is_widened(
    change: Callable[[Any], None], files: Path, tmp_path: Path
) -> None:
    path = rewritten(files / "IResNet_folded.onnx", tmp_path / "net.onnx", change)
    backbone = models.IResNet(None, (SIDE, SIDE, 3), blocks=BLOCKS, filters=4, embedding_size=SIZE)
    facts = weights.load(backbone, path)
    assert facts["precision"] == "float16"
    found = np.asarray(backbone(faces(), training=False))
    assert 1e-6 < share(by_torch(twin("IResNet"), "IResNet"), found) < 1e-2


def assert_refused(path: Path, match: str, blocks: tuple[int, ...] = BLOCKS) -> None:
    backbone = models.IResNet(None, (SIDE, SIDE, 3), blocks=blocks, filters=4, embedding_size=SIZE)
    before = [np.array(value) for value in backbone.get_weights()]
    with pytest.raises(ValueError, match=match):
        models.load_weights(backbone, path)
    for old, new in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def relus(model: Any) -> None:
    for node in model.graph.node:
        if node.op_type == "PRelu":
            node.op_type = "Relu"
            del node.input[1:]


def shifted(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    for attribute in node.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [0, 0, 2, 2]


def another_epsilon(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    for attribute in node.attribute:
        if attribute.name == "epsilon":
            attribute.f = 1e-3


def one_left_over(model: Any) -> None:
    more = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "more")
    model.graph.initializer.append(more)


def transposed(model: Any) -> None:
    tensor = next(one for one in model.graph.initializer if list(one.dims[1:]) == [3, 3, 3])
    turned = np.ascontiguousarray(onnx.numpy_helper.to_array(tensor).transpose(1, 0, 2, 3))
    tensor.CopyFrom(onnx.numpy_helper.from_array(turned, tensor.name))


def not_finite(model: Any) -> None:
    tensor = model.graph.initializer[-1]
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nan
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def fused(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    node.op_type, node.domain = "FusedConv", "com.microsoft"


def of_no_shortcut(model: Any) -> None:
    add = next(node for node in model.graph.node if node.op_type == "Add")
    add.input[1] = add.input[0]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (relus, "must have one PRelu after .* as stem_prelu. Received: Relu"),
        (shifted, r"must have pads \[1, 1, 1, 1\]. Received: \[0, 0, 2, 2\]"),
        (another_epsilon, "must have epsilon 1e-05. Received: 0.001"),
        (one_left_over, r"unread \['more'\]"),
        (transposed, "ONNX file that ONNX Runtime can run|have its variable's shape"),
        (not_finite, "not finite"),
        (fused, "the operation FusedConv of com.microsoft"),
        (of_no_shortcut, "must add .* as block0_add"),
    ],
)
def test_another_network_is_refused(
    change: Callable[[Any], None], match: str, files: Path, tmp_path: Path
) -> None:
    source = files / "IResNet_folded.onnx"
    assert_refused(rewritten(source, tmp_path / "net.onnx", change), match)


@pytest.mark.parametrize("blocks", [(2, 1, 2, 1), (2, 2, 3, 1)])
def test_another_depth_is_refused(blocks: tuple[int, ...], files: Path) -> None:
    assert_refused(files / "IResNet_folded.onnx", "once and no other|its variable's", blocks)


def test_the_two_networks_do_not_take_each_others_files(files: Path) -> None:
    assert_refused(files / "AdaFaceIR_folded.onnx", "must go into a models.AdaFaceIR")
    with pytest.raises(ValueError, match="must contain one of these"):
        load(files / "AdaFaceIR_folded.onnx", "IResNet")
    backbone = models.AdaFaceIR(
        None, (SIDE, SIDE, 3), blocks=BLOCKS, filters=4, embedding_size=SIZE
    )
    with pytest.raises(ValueError, match="once and no other"):
        models.load_weights(backbone, files / "IResNet_folded.onnx")


def test_the_order_of_colors_of_adafaces_network_must_be_known(tmp_path: Path) -> None:
    class Bare(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = twin("AdaFaceIR")

        def forward(self, x: Any) -> Any:
            return self.inside(x)["embedding"]

    path = exports.export(Bare(), tmp_path / "net.onnx", SIDE)
    with pytest.raises(ValueError, match="must normalize the embedding"):
        models.AdaFaceIR.from_preset(path)


@pytest.mark.parametrize("kept", [0.3, 0.999, 1 - 1e-5])
def test_a_cut_file_is_refused(kept: float, files: Path, tmp_path: Path) -> None:
    held = (files / "IResNet_folded.onnx").read_bytes()
    path = tmp_path / "net.onnx"
    path.write_bytes(held[: int(len(held) * kept)])
    assert_refused(path, "must be an ONNX file of a network")


@pytest.mark.parametrize(
    "held", [b"", b"<!DOCTYPE html><p>", b"PK\x03\x04 a zip file", b"\x00" * 99]
)
def test_no_onnx_file_is_refused(held: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(held)
    assert_refused(tmp_path / "net.onnx", "must be an ONNX file of a network")


# The shapes fit, and nothing but the probe tells: two kernels exchanged, the order of the colors, slopes.
def exchanged_kernels(arrays: dict[str, np.ndarray]) -> None:
    one, other = "layer3_1_conv1.weight", "layer3_1_conv2.weight"
    arrays[one], arrays[other] = arrays[other], arrays[one]


def exchanged_colors(arrays: dict[str, np.ndarray]) -> None:
    arrays["stem_conv.weight"] = arrays["stem_conv.weight"][:, ::-1]


def without_slopes(arrays: dict[str, np.ndarray]) -> None:
    arrays["layer1_0_prelu.weight"] = np.zeros(4, np.float32)


def rolled_map(arrays: dict[str, np.ndarray]) -> None:
    kernel = arrays["embedding_dense.weight"]
    arrays["embedding_dense.weight"] = kernel.reshape(SIZE, 32, 9).swapaxes(1, 2).reshape(SIZE, -1)


@pytest.mark.parametrize(
    "mistake", [exchanged_kernels, exchanged_colors, without_slopes, rolled_map]
)
def test_the_probe_sees_a_mistake_and_nothing_is_left(
    mistake: Callable[[dict[str, np.ndarray]], None], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: str) -> Any:
        network = read_onnx(path)
        mistake(network.arrays)
        return network

    monkeypatch.setattr(weights, "read_onnx", read)
    assert_refused(files / "IResNet_folded.onnx", "must agree with the file's to 0.0002")


def test_without_onnx_runtime_it_is_said_that_nothing_was_probed(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_probe.importlib.util, "find_spec", lambda _: None)
    source = weights.read_source(files / "IResNet_folded.onnx")
    facts = weights.load(models.IResNet(None, **source.arguments), source)
    assert facts["probed"] == "no: onnxruntime is not installed"


def test_convert_writes_what_is_known(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shutil.copy(files / "IResNet_folded.onnx", tmp_path / "w600k_small.onnx")
    out = tmp_path / "ours.weights.h5"
    assert main(["weights", "convert", str(source), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "folded by the exporter: 19 batch norms" in said and "built as: models.IResNet" in said
    facts = json.loads((tmp_path / "ours.json").read_text())
    assert facts["layout"] == "insightface (.onnx)" and facts["probed"].endswith(
        "of the largest value"
    )
    assert facts["arguments"]["blocks"] == list(BLOCKS) and facts["input_range"] == [-1.0, 1.0]
    found = np.asarray(models.IResNet.from_preset(out)(faces(), training=False))
    assert share(by_torch(twin("IResNet"), "IResNet"), found) < 2e-5


def test_convert_leaves_nothing_of_a_refused_file(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = rewritten(files / "IResNet_folded.onnx", tmp_path / "net.onnx", relus)
    assert main(["weights", "convert", str(path), "--out", str(tmp_path / "o.weights.h5")]) == 2
    assert "must have one PRelu" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["net.onnx"]
