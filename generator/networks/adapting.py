"""Rounds of training of a last layer whose inputs are given: `python adapting.py` writes them here.

The layer is that of magika 1.0.3 (Apache License 2.0, Google LLC), a classifier of files, cut down
to the types that occur: `tests/wild/cut_out.py` takes it and what it reads for some files from
that package. The files have their letters in the other case, at which the shipped layer does worse.
Needs NumPy and ONNX Runtime only.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference.topology.onnx import extract, restore
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.outputs import write_bytes, write_text
from nnc_conformance.storage.safetensors_format import load_safetensors

Array = npt.NDArray[Any]

HERE: Final = Path(__file__).resolve().parent
NETWORK: Final = "magika-types"
SEQUENCE: Final = "magika-types-adapted"
WEIGHTS: Final = "types.weight"
"""The layer's matrix, float32 (512, 61)."""
BIAS: Final = "types.bias"
"""The layer's bias, float32 (61,)."""
HELD_FILE: Final = f"{NETWORK}-held.safetensors"
"""The file of features and labels, for training and held out, in `HERE`."""
ROUNDS: Final = 4
"""Rounds of training of the packaged sequence."""
STEPS: Final = 10
"""Steps of gradient descent in a round."""
RATE: Final = 0.05
"""Length of a step, times the gradient of the mean cross entropy."""


def trained(features: Array, truth: Array, weights: Array, bias: Array) -> tuple[Array, Array]:
    """Train a softmax regression for one round; return its new weights and bias.

    Args:
        features: Inputs of the layer, (N, inputs).
        truth: The right class of each, int64 (N,).
        weights: float64 (inputs, classes).
        bias: float64, (classes,) or (1, classes).

    Returns:
        New arrays of the shapes of ``weights`` and ``bias``, float64.
    """
    for _ in range(STEPS):
        logits = features @ weights + bias
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        likely[np.arange(len(truth)), truth] -= 1
        weights = weights - RATE / len(truth) * features.T @ likely
        bias = bias - RATE / len(truth) * likely.sum(axis=0)
    return weights, bias


def rounds() -> Iterator[dict[str, Array]]:
    """Yield the layer's parameters after each round, which goes on from what is written.

    The changes of a round are rounded to multiples of `packaged_networks.STEP`.
    """
    held = load_safetensors((HERE / HELD_FILE).read_bytes())
    features, truth = held["training_features"].astype(np.float64), held["training_labels"]
    parameters = dict(extract(packaged_networks.model_bytes(NETWORK)).parameters)
    for _ in range(ROUNDS):
        after = trained(features, truth, *(parameters[name].astype(np.float64) for name in (WEIGHTS, BIAS)))
        for name, array in zip((WEIGHTS, BIAS), after, strict=True):
            parameters[name] = packaged_networks.rounded_to_steps(parameters[name], array)
        yield dict(parameters)


def accuracy(parameters: dict[str, Array]) -> float:
    """Return the share of right answers on the held files, rounded to 6 places."""
    inputs, labels = packaged_networks.held_data(NETWORK)
    model = restore(extract(packaged_networks.model_bytes(NETWORK)).topology, parameters)
    return round(packaged_networks.correct(model, inputs, labels) / len(labels), 6)


def main() -> None:
    """Write the changes of each round, and the sequence's entry in `networks.json`."""
    models = [extract(packaged_networks.model_bytes(NETWORK)).parameters, *rounds()]
    data = packaged_networks.sequence_file(models)
    listed = HERE / "networks.json"
    summary: dict[str, Any] = json.loads(listed.read_text(encoding="utf-8"))
    summary["sequences"][SEQUENCE] = {
        "network": NETWORK,
        "file": f"{SEQUENCE}.safetensors",
        "sha256": hashlib.sha256(data).hexdigest(),
        "rounds": ROUNDS,
        "held_accuracy": [accuracy(parameters) for parameters in models],
    }
    write_bytes(HERE / f"{SEQUENCE}.safetensors", data)
    write_text(listed, canonical_json(summary))
    print(SEQUENCE, summary["sequences"][SEQUENCE])


if __name__ == "__main__":
    main()
