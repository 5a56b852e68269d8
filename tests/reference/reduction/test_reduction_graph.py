"""Tools that change graphs: ONNX Runtime runs the changed network, and its outputs are those that
mathematics asks for.
"""

from dataclasses import replace

import numpy as np
import pytest
from helpers.reduction_networks import NAMES, held, made, network_of, node, normal, outputs, packaged
from onnx import ModelProto

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding, fold
from nnc_conformance.reference.reduction.displacement import LowDisplacementRank, reduce_displacement_rank
from nnc_conformance.reference.reduction.encoder_input import encoder_input, topology
from nnc_conformance.reference.reduction.low_rank import LowRank, reduce_rank
from nnc_conformance.reference.reduction.network import DecompositionForm, Network, runnable, weights
from nnc_conformance.reference.reduction.pruning import Pruning, prune
from nnc_conformance.reference.reduction.tool import Resources
from nnc_conformance.reference.topology.onnx import extract, restore

READERS = {
    "digits-cnn": {"conv1": "conv2", "conv2": "conv3", "conv3": "fc1", "fc1": "fc2"},
    "digits-depthwise": {"stem": "point1", "point1": "point2", "point2": "point3", "point3": "fc"},
    "digits-mlp": {"fc1": "fc2", "fc2": "fc3"},
}
"""The layer that reads the channels of each layer, by the networks' own source; all have their
inputs on axis 1.
"""


def masked(network: Network, name: str, ratio: float) -> Network:
    """The network of the same shape whose least channels, by norm 1, are not looked at by the layer
    behind them.
    """
    changed = dict(network.parameters)
    for layer, reader in READERS[name].items():
        weight = network.parameters[f"{layer}.weight"]
        least = np.argsort(np.abs(weight.astype(np.float64)).reshape(len(weight), -1).sum(axis=1))[: int(ratio * len(weight))]
        behind = changed[f"{reader}.weight"].copy()
        behind.reshape(behind.shape[0], len(weight), -1)[:, least] = 0
        changed[f"{reader}.weight"] = behind
    return replace(network, parameters=changed)


@pytest.mark.parametrize("ratio", [0.1, 0.4])
@pytest.mark.parametrize("name", NAMES)
def test_a_pruned_network_answers_as_the_one_whose_least_channels_are_masked(name, ratio):
    network, inputs = packaged(name), held(name, 64).inputs
    reduction = prune(network, Pruning(ratios=(ratio,)), Resources())
    pruned = reduction.network
    before = outputs(network, inputs)
    expected = outputs(masked(network, name, ratio), inputs)
    np.testing.assert_allclose(outputs(pruned, inputs), expected, atol=2e-5)
    assert np.abs(expected - before).max() > 0.1
    for layer in READERS[name]:
        rows = len(network.parameters[f"{layer}.weight"])
        assert len(pruned.parameters[f"{layer}.weight"]) == rows - int(ratio * rows)
    assert pruned.pruned == {key: array.shape for key, array in pruned.parameters.items() if array.shape != network.parameters[key].shape}
    assert not reduction.rows


def test_nothing_goes_at_a_ratio_of_zero_and_one_channel_stays_at_any():
    network = packaged("digits-mlp")
    same = prune(network, Pruning(ratios=(0.0,)), Resources()).network
    assert all(np.array_equal(same.parameters[name], array) for name, array in network.parameters.items())
    least = prune(network, Pruning(ratios=(0.9999,)), Resources()).network
    assert least.parameters["fc1.weight"].shape == (1, 64)
    assert least.parameters["fc2.weight"].shape == (1, 1)


def test_named_layers_only():
    network = packaged("digits-cnn")
    pruned = prune(network, Pruning(ratios=(0.5,), tensors=("conv3*",)), Resources()).network
    assert set(pruned.pruned) == {"conv3.weight", "bn3.weight", "bn3.bias", "bn3.running_mean", "bn3.running_var", "fc1.weight"}
    assert pruned.parameters["fc1.weight"].shape == (64, 128)


def test_the_weights_left_reach_the_wanted_share_of_zeros():
    pruned = prune(packaged("digits-mlp"), Pruning(ratios=(0.25,), zeros=0.5), Resources()).network
    left = [pruned.parameters[name] for name in weights(pruned)]
    assert sum(np.count_nonzero(array) for array in left) / sum(array.size for array in left) == pytest.approx(0.5, abs=0.001)


CONVOLUTION = {"w": normal(6, 3, 3, 3), "b": normal(6, seed=1), "v": normal(4, 6, 1, 1, seed=2)}
DENSE = {"w": normal(3, 8), "b": normal(8, seed=1), "v": normal(8, 2, seed=2)}


@pytest.mark.parametrize(
    ("nodes", "tensors", "shape"),
    [
        ([node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Relu", "c", "d"), node("MatMul", "d v", "y")], DENSE, [5, 3]),
        ([node("Gemm", "x w b", "a"), node("Sigmoid", "a", "d"), node("Gemm", "d v", "y")], DENSE, [5, 3]),
        ([node("Conv", "x w b", "a"), node("LeakyRelu", "a", "d"), node("Conv", "d v", "y")], CONVOLUTION, [2, 3, 7, 7]),
        (
            [
                node("Constant", "", "s", value_ints=[0, -1]),
                node("Conv", "x w b", "a"),
                node("Reshape", "a s", "d"),
                node("Gemm", "d t", "y", transB=1),
            ],
            {"w": CONVOLUTION["w"], "b": CONVOLUTION["b"], "t": normal(2, 6 * 25, seed=3)},
            [2, 3, 7, 7],
        ),
    ],
    ids=["matmul", "gemm", "conv", "reshape"],
)
def test_other_layers_are_followed(nodes, tensors, shape):
    network = made(nodes, tensors, shape)
    inputs = {"x": normal(*shape, seed=9)}
    pruned = prune(network, Pruning(ratios=(0.5,), tensors=("w",)), Resources()).network
    axis = 0 if tensors["w"].ndim == 4 else 1
    channels = np.abs(np.moveaxis(tensors["w"], axis, 0)).reshape(tensors["w"].shape[axis], -1).sum(axis=1)
    least = np.argsort(channels)[: channels.size // 2]
    changed = dict(network.parameters)
    reader = "t" if "t" in tensors else "v"
    behind = changed[reader].copy()
    if reader == "t":
        behind.reshape(2, 6, 25)[:, least] = 0
    else:
        behind[(least,) if axis else (slice(None), least)] = 0
    changed[reader] = behind
    np.testing.assert_allclose(outputs(pruned, inputs), outputs(replace(network, parameters=changed), inputs), atol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "tensors", "message"),
    [
        ([node("Conv", "x w b", "a"), node("Add", "a x", "y")], {}, "reach Add 'y', which pruning does not follow"),
        ([node("Conv", "x w b", "a"), node("Transpose", "a", "y")], {}, "reach Transpose 'y'"),
        ([node("Conv", "x w b", "a"), node("Flatten", "a", "f", axis=2), node("Relu", "f", "y")], {}, "reach Flatten 'f'"),
        ([node("Conv", "x w b", "a"), node("Add", "a a", "y")], {}, "reach Add 'y'"),
        ([node("Conv", "x w b", "a"), node("Conv", "a w", "y")], {}, "'w', which is not a parameter that one layer alone uses"),
    ],
    ids=["residual", "transpose", "flatten", "twice", "shared"],
)
def test_what_is_not_followed_is_refused_by_name(nodes, tensors, message):
    own = {"w": normal(6, 6, 1, 1), "b": normal(6)}
    network = made(nodes, {**own, **tensors}, [2, 6, 5, 5])
    with pytest.raises(ModelError, match=message):
        prune(network, Pruning(ratios=(0.5,)), Resources())


def test_layers_that_lead_to_the_outputs_stay_and_are_refused_by_name():
    network = packaged("digits-mlp")
    assert prune(network, Pruning(ratios=(0.5,)), Resources()).network.parameters["fc3.weight"].shape == (10, 32)
    with pytest.raises(ModelError, match=r"channels of 'fc3.weight' are an output of the graph"):
        prune(network, Pruning(ratios=(0.5,), tensors=("fc3.weight",)), Resources())
    with pytest.raises(ModelError, match=r"no weight matches 'conv\*'; choose from fc1.weight"):
        prune(network, Pruning(ratios=(0.5,), tensors=("conv*",)), Resources())
    with pytest.raises(ModelError, match=r"'depth1.weight' cannot be pruned: it is not the weight of a Conv, Gemm or MatMul"):
        prune(packaged("digits-depthwise"), Pruning(ratios=(0.5,), tensors=("depth1.weight",)), Resources())
    with pytest.raises(ModelError, match="needs an ONNX model with its graph"):
        prune(replace(network, topology=None), Pruning(ratios=(0.5,)), Resources())


NORM = {
    "gamma": np.array([0.5, -1, 2, 0, 1.5, 1], np.float32),
    "beta": normal(6, seed=3),
    "mean": normal(6, seed=4),
    "variance": np.linspace(0.01, 3, 6, dtype=np.float32),
}
NORMS = [node("BatchNormalization", "a gamma beta mean variance", "n", epsilon=1e-3), node("Relu", "n", "y")]


@pytest.mark.parametrize("into", ["weight", "scaling"])
@pytest.mark.parametrize(
    ("layer", "tensors", "shape"),
    [
        (node("Conv", "x w b", "a"), {"w": normal(6, 3, 3, 3), "b": normal(6, seed=1)}, [2, 3, 7, 7]),
        (node("Conv", "x w", "a"), {"w": normal(6, 3, 3, 3)}, [2, 3, 7, 7]),
        (node("Conv", "x w", "a", group=3), {"w": normal(6, 1, 3, 3)}, [2, 3, 7, 7]),
        (node("Gemm", "x w b", "a"), {"w": normal(3, 6), "b": normal(6, seed=1)}, [5, 3]),
        (node("Gemm", "x w", "a", transB=1), {"w": normal(6, 3)}, [5, 3]),
    ],
    ids=["conv", "conv without bias", "depthwise", "gemm", "gemm without bias"],
)
def test_folding_leaves_the_outputs(layer, tensors, shape, into):
    network = made([layer, *NORMS], {**tensors, **NORM}, shape)
    folded = fold(network, BatchNormFolding(into=into), Resources()).network
    inputs = {"x": normal(*shape, seed=9)}
    np.testing.assert_allclose(outputs(folded, inputs), outputs(network, inputs), atol=1e-5)
    scaled = into == "scaling" and tensors["w"].shape[0] == 6
    assert set(folded.parameters) == {"w", "b" if "b" in tensors else "beta", *(["w_LS"] if scaled else [])}
    assert np.array_equal(folded.parameters["w"], tensors["w"]) == scaled
    assert [each.op_type for each in ModelProto.FromString(folded.topology.data).graph.node] == [layer.op_type, "Relu"]


@pytest.mark.parametrize("into", ["weight", "scaling"])
def test_a_packaged_network_answers_the_same_with_its_norms_folded(into):
    network, inputs = packaged("digits-cnn"), held("digits-cnn", 100).inputs
    folded = fold(network, BatchNormFolding(into=into), Resources()).network
    before, after = outputs(network, inputs), outputs(folded, inputs)
    assert np.abs(after - before).max() < 1e-5 * max(1, np.abs(before).max())
    assert not any("running" in name for name in folded.parameters)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("operator", ["Conv", "Gemm"])
def test_a_norm_goes_into_g_or_h_of_a_decomposed_weight(rows, operator):
    weight = {"Conv": normal(6, 8, 3, 3), "Gemm": normal(8, 6)}[operator]
    shape = [2, 8, 5, 5] if operator == "Conv" else [5, 8]
    network = made([node(operator, "x w", "a"), *NORMS], {"w": weight, **NORM}, shape)
    reduced = reduce_rank(network, LowRank(mse_thresholds=(0.4,), row_dimensions=rows if operator == "Conv" else 1), Resources()).network
    assert set(reduced.decomposed) == {"w"}
    folded = fold(reduced, BatchNormFolding(), Resources()).network
    inputs = {"x": normal(*shape, seed=9)}
    np.testing.assert_allclose(outputs(folded, inputs), outputs(reduced, inputs), atol=3e-5)
    assert set(folded.parameters) == {"w_G", "w_H", "beta"}


@pytest.mark.parametrize(
    ("nodes", "outputs_"),
    [
        ([node("Conv", "x w", "a"), *NORMS, node("Neg", "a", "z")], "y z"),
        ([node("Conv", "x w", "a"), *NORMS], "y a"),
        ([node("Relu", "x", "a"), *NORMS, node("Conv", "x w", "z")], "y z"),
        ([node("Conv", "x w", "a"), *NORMS, node("Conv", "x w", "z")], "y z"),
    ],
    ids=["read twice", "given out", "no layer before it", "weight of two layers"],
)
def test_a_norm_that_cannot_be_folded_stays(nodes, outputs_):
    network = made(nodes, {"w": normal(6, 6, 1, 1), **NORM}, [2, 6, 5, 5], outputs_)
    folded = fold(network, BatchNormFolding(), Resources()).network
    assert folded.parameters.keys() == network.parameters.keys()
    inputs = {"x": normal(2, 6, 5, 5, seed=9)}
    np.testing.assert_array_equal(outputs(folded, inputs), outputs(network, inputs))


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_computes_weights_of_low_displacement_rank(name):
    network = packaged(name)
    settings = LowDisplacementRank(mse_thresholds=(3e-3,), tensors=("fc*", "point2*") if "depth" in name else ("fc*",))
    reduced = reduce_displacement_rank(network, settings, Resources()).network
    displaced = {key for key, how in reduced.decomposed.items() if how.form is DecompositionForm.DISPLACEMENT}
    assert displaced
    parameters, graph, _ = encoder_input(reduced, EncoderOptions())
    assert displaced.isdisjoint(parameters)
    inputs = held(name, 32).inputs
    expected = outputs(reduced, inputs)
    given_out = network_of(restore(graph.data, parameters))
    np.testing.assert_allclose(outputs(given_out, inputs), expected, atol=1e-3 * np.abs(expected).max())
    assert reduced.size < network.size


def test_old_operators_cannot_compute_weights():
    network = made([node("MatMul", "x w", "y")], {"w": normal(12, 12)}, [2, 12], opset=11)
    reduced = reduce_displacement_rank(network, LowDisplacementRank(mse_thresholds=(10,)), Resources()).network
    with pytest.raises(ModelError, match="needs ONNX operator version 13; the graph has 11"):
        topology(reduced)


@pytest.mark.parametrize("name", NAMES)
def test_low_rank_recombines_to_what_it_says(name):
    network = packaged(name)
    reduced = reduce_rank(network, LowRank(mse_thresholds=(1e-3,)), Resources()).network
    assert reduced.decomposed
    for key, array in runnable(reduced).items():
        assert array.shape == network.parameters[key].shape
        assert np.mean((array.astype(np.float64) - network.parameters[key]) ** 2) <= 1e-3 * (key in reduced.decomposed) + 1e-12
    assert extract(packaged_networks.model_bytes(name)).topology == reduced.topology.data
