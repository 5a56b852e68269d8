"""The trained forms, where PyTorch is there: they keep what the tools have made, and bring accuracy
back.
"""

import numpy as np
import pytest
import torch
from helpers.reduction_networks import held, made, node, normal, outputs, packaged
from sklearn.datasets import load_digits

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction import torch_graph, training
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding, fold
from nnc_conformance.reference.reduction.displacement import LowDisplacementRank, reduce_displacement_rank
from nnc_conformance.reference.reduction.graph import Graph
from nnc_conformance.reference.reduction.local_scaling import LocalScaling, scale_locally
from nnc_conformance.reference.reduction.low_rank import LowRank, reduce_rank
from nnc_conformance.reference.reduction.micro_structured import MicroStructured, prune_blocks
from nnc_conformance.reference.reduction.network import Network, diagonal_sums, runnable, weights
from nnc_conformance.reference.reduction.pruning import Pruning, prune
from nnc_conformance.reference.reduction.scoring import Samples
from nnc_conformance.reference.reduction.sparsification import Sparsification, compressibility, sparsify, sparsity
from nnc_conformance.reference.reduction.tool import Resources, TrainingSettings
from nnc_conformance.reference.reduction.unification import Unification, unified_groups, unify

FIT = {"epochs": 3, "learning_rate": 2e-3}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def aid():
    """Samples to train with: the digits that are not held out."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    unseen = {image.tobytes() for image in held("digits-mlp").inputs["image"]}
    chosen = np.array([image.tobytes() not in unseen for image in images])
    return Resources(training=Samples({"image": images[chosen]}, digits.target[chosen].astype(np.int64)))


def right(network: Network, name: str) -> float:
    samples = held(name)
    return float(np.mean(outputs(network, dict(samples.inputs)).argmax(axis=1) == samples.labels))


@pytest.mark.parametrize("name", ["digits-cnn", "digits-depthwise", "digits-mlp"])
def test_pytorch_gives_what_onnx_runtime_gives(name):
    network, inputs = packaged(name), held(name, 50).inputs
    tensors = {key: torch.from_numpy(np.array(array)) for key, array in network.parameters.items()}
    with torch.no_grad():
        found = torch_graph.run(Graph.of(network.topology), tensors, {"image": torch.from_numpy(inputs["image"])}).numpy()
    np.testing.assert_allclose(found, outputs(network, dict(inputs)), atol=2e-5)


@pytest.mark.parametrize(
    ("nodes", "shape"),
    [
        ([node("AveragePool", "x", "y", kernel_shape=[2, 3], strides=[1, 2])], [2, 3, 6, 7]),
        ([node("AveragePool", "x", "y", kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1)], [2, 3, 6, 7]),
        ([node("MaxPool", "x", "y", kernel_shape=[3, 3], pads=[1, 1, 0, 1], strides=[2, 1])], [2, 3, 6, 7]),
        ([node("Conv", "x w", "y", pads=[1, 0, 2, 1], dilations=[1, 2], strides=[2, 1])], [2, 3, 9, 9]),
        ([node("Transpose", "x", "a", perm=[0, 2, 1, 3]), node("Tanh", "a", "y")], [2, 3, 4, 5]),
        ([node("Mul", "x x", "a"), node("Sub", "a x", "b"), node("Sigmoid", "b", "y")], [2, 3]),
        ([node("LeakyRelu", "x", "a", alpha=0.2), node("Dropout", "a", "b"), node("Identity", "b", "y")], [2, 3]),
    ],
)
def test_operators_give_what_onnx_runtime_gives(nodes, shape):
    network, x = made(nodes, {"w": normal(4, 3, 3, 3)}, shape), normal(*shape, seed=1)
    tensors = {key: torch.from_numpy(array) for key, array in network.parameters.items()}
    found = torch_graph.run(Graph.of(network.topology), tensors, {"x": torch.from_numpy(x)}).numpy()
    np.testing.assert_allclose(found, outputs(network, {"x": x}), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 2), (3, 9), (9, 3), (16, 64)])
def test_diagonals_are_summed_as_without_pytorch(shape):
    matrix = normal(*shape).astype(np.float64)
    np.testing.assert_allclose(training._diagonal_sums(torch.from_numpy(matrix)).numpy(), diagonal_sums(matrix), atol=1e-12)


def test_the_compressibility_loss_makes_weights_compressible(aid):
    network = packaged("digits-mlp")
    fit = {**FIT, "compressibility": 0.01}
    sparse = sparsify(network, Sparsification(zeros=(0.6,), train=fit), aid).network
    assert sparsity(sparse) == pytest.approx(0.4, abs=0.001)
    penalty = training.compressibility(weights(network), 0.01)
    trained = training.retrained(network, TrainingSettings(**FIT), aid.training, penalty=penalty)
    for name in weights(network):
        assert compressibility(trained.parameters[name]) < 0.97 * compressibility(network.parameters[name])
    data_free = sparsify(network, Sparsification(zeros=(0.6,)), Resources()).network
    assert right(sparse, "digits-mlp") > max(right(data_free, "digits-mlp"), 0.95)


def test_masked_blocks_stay_zero(aid):
    network = packaged("digits-mlp")
    data_free = prune_blocks(network, MicroStructured(ratios=(0.4,)), Resources()).network
    trained = prune_blocks(network, MicroStructured(ratios=(0.4,), train=FIT), aid).network
    for name in weights(network):
        assert not trained.parameters[name][data_free.parameters[name] == 0].any()
        assert not np.array_equal(trained.parameters[name], data_free.parameters[name])
    assert right(trained, "digits-mlp") > right(data_free, "digits-mlp")


def test_a_pruned_network_is_trained_back(aid):
    network = packaged("digits-cnn")
    data_free = prune(network, Pruning(ratios=(0.25,), zeros=0.3), Resources()).network
    trained = prune(network, Pruning(ratios=(0.25,), zeros=0.3, train=FIT), aid).network
    assert trained.pruned == data_free.pruned
    assert sparsity(trained) == pytest.approx(0.7, abs=0.002)
    assert right(trained, "digits-cnn") > max(right(data_free, "digits-cnn"), 0.95)
    assert np.array_equal(trained.parameters["bn1.running_var"], data_free.parameters["bn1.running_var"])


def test_unified_blocks_keep_one_magnitude_and_their_signs(aid):
    network = packaged("digits-mlp")
    trained = unify(network, Unification(thresholds=(0.03,), train=FIT), aid).network
    for name in weights(network):
        before, after = network.parameters[name], trained.parameters[name]
        groups = unified_groups(before, (2, 2), 0.03)
        inside = groups >= 0
        assert inside.any()
        assert (np.sign(after[inside]) * np.sign(before[inside]) >= 0).all()
        for number in np.unique(groups[inside])[:50]:
            assert np.unique(np.abs(after[groups == number])).size == 1
        assert not np.array_equal(after[~inside], before[~inside])


@pytest.mark.parametrize(
    ("tool", "settings"),
    [(reduce_rank, LowRank), (reduce_displacement_rank, LowDisplacementRank)],
    ids=["low rank", "low displacement rank"],
)
def test_generators_are_trained(tool, settings, aid):
    network = packaged("digits-mlp")
    chosen = {"mse_thresholds": (4e-3,), "tensors": ("fc1.weight",)}
    data_free, trained = tool(network, settings(**chosen), Resources()).network, tool(network, settings(**chosen, train=FIT), aid).network
    assert trained.decomposed == data_free.decomposed
    assert trained.decomposed
    changed = {name for name, array in trained.parameters.items() if not np.array_equal(array, data_free.parameters[name])}
    assert changed == set(trained.decomposed["fc1.weight"].names("fc1.weight"))
    assert right(trained, "digits-mlp") >= right(data_free, "digits-mlp")


def test_folding_trains_gamma_and_beta_first(aid):
    network = packaged("digits-cnn")
    trained = training.retrained(network, TrainingSettings(**FIT), aid.training, only=("bn1.weight", "bn1.bias"))
    changed = {name for name, array in trained.parameters.items() if not np.array_equal(array, network.parameters[name])}
    assert changed == {"bn1.weight", "bn1.bias"}
    folded = fold(network, BatchNormFolding(train=FIT), aid).network
    assert not any("running" in name for name in folded.parameters)
    assert right(folded, "digits-cnn") > 0.97


@pytest.mark.parametrize("biases", [False, True])
def test_local_scaling_is_trained_with_the_weights_fixed(aid, biases):
    network = packaged("digits-mlp")
    originals = {name: network.parameters[name] for name in weights(network)}
    coarse = network.with_parameters({name: np.rint(array / 0.45) * 0.45 for name, array in originals.items()})
    data_free = scale_locally(coarse, LocalScaling(), Resources(), originals=originals).network
    trained = scale_locally(coarse, LocalScaling(train=FIT, biases=biases), aid, originals=originals).network
    changed = {name for name, array in trained.parameters.items() if not np.array_equal(array, data_free.parameters[name])}
    assert changed == set(trained.scaled.values()) | ({"fc1.bias", "fc2.bias", "fc3.bias"} if biases else set())
    assert right(trained, "digits-mlp") > right(data_free, "digits-mlp")
    assert set(runnable(trained)) == set(network.parameters)


def test_training_says_what_it_cannot_do(aid):
    samples = Samples({"x": normal(4, 3)}, np.zeros(4, np.int64))
    network = made([node("MatMul", "x w", "a"), node("Erf", "a", "y")], {"w": normal(3, 2)}, [4, 3])
    with pytest.raises(ModelError, match="training does not support the operator of Erf 'y'"):
        training.retrained(network, TrainingSettings(epochs=1), samples)
    network = made([node("MatMul", "x w", "y")], {"w": normal(3, 2)}, [4, 3])
    with pytest.raises(ModelError, match="the network cannot be trained: "):
        training.retrained(network, TrainingSettings(epochs=1), Samples(samples.inputs, np.full(4, 7)))
    deep = made([node("MatMul", "x w", "a"), node("MatMul", "a v", "y")], {"w": normal(3, 5), "v": normal(5, 2)}, [4, 3])
    with pytest.raises(ModelError, match=r"training made values of '[wv]' infinite or NaN"):
        training.retrained(deep, TrainingSettings(epochs=9, learning_rate=1e30), samples)
    assert training.retrained(network, TrainingSettings(epochs=1), samples, only=()) is network


def test_training_repeats_itself(aid):
    network = packaged("digits-mlp")
    first, second = (training.retrained(network, TrainingSettings(epochs=1, seed=4), aid.training) for _ in range(2))
    assert all(np.array_equal(first.parameters[name], second.parameters[name]) for name in first.parameters)
