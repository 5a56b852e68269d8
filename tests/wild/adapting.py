"""magika's last layer, trained on files whose letters have changed case.

The case of letters tells languages and formats apart, so the shipped network does worse on such
files. Its features stay as they are; a softmax regression goes on from its own last layer. The
truth is what the shipped network answers for the unchanged file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import onnx

from nnc_conformance.generator.networks import adapting as packaged
from nnc_conformance.reference.topology.onnx import extract, restore
from wild.networks import Array, even_files, features, outputs, shipped

WEIGHTS: Final = "jax2tf_get_logits_/Const_24:0"
"""The matrix of the last layer, (512, 214)."""
BIAS: Final = "jax2tf_get_logits_/pjit_get_logits_/MagikaV2/Dense_1/Reshape:0"
"""The bias of the last layer, (1, 214)."""


@dataclass(frozen=True)
class Adaptation:
    """The network, and files to train and to test it on.

    Args:
        model: The shipped ONNX model.
        inputs: Changed files, (N, 2048) int32.
        truth: The type of each file, (N,) int64.
    """

    model: bytes
    inputs: Array
    truth: Array

    @cached_property
    def features(self) -> Array:
        """What the last layer gets for each file, (N, 512)."""
        model = onnx.load_from_string(self.model)
        (layer,) = (node for node in model.graph.node if WEIGHTS in node.input)
        (name,) = (name for name in layer.input if name != WEIGHTS)
        model.graph.output.append(onnx.ValueInfoProto(name=name))
        return outputs(model.SerializeToString(), self.inputs, name)

    def rounds(self, count: int) -> Iterator[dict[str, Array]]:
        """Yield the network's parameters after each round of training on every other file."""
        parameters = dict(extract(self.model).parameters)
        known, truth = self.features[::2].astype(np.float64), self.truth[::2]
        weights, bias = parameters[WEIGHTS].astype(np.float64), parameters[BIAS].astype(np.float64)
        for _ in range(count):
            weights, bias = packaged.trained(known, truth, weights, bias)
            parameters |= {WEIGHTS: weights.astype(np.float32), BIAS: bias.astype(np.float32)}
            yield dict(parameters)

    def accuracy(self, parameters: dict[str, Array]) -> float:
        """Return the share of right answers on the files that are not trained on."""
        model = restore(extract(self.model).topology, parameters)
        return float(np.mean(outputs(model, self.inputs[1::2], "target_label").argmax(axis=1) == self.truth[1::2]))


def cut(model: bytes, classes: Array) -> dict[str, Array]:
    """Return the parameters of `magika-types`: the columns of some classes in the last layer."""
    parameters = extract(model).parameters
    return {
        packaged.WEIGHTS: np.ascontiguousarray(parameters[WEIGHTS][:, classes]),
        packaged.BIAS: np.ascontiguousarray(parameters[BIAS][0, classes]),
    }


def magika_adaptation() -> Adaptation:
    """Return magika with files of all suffixes alike, their letters in the other case."""
    model = shipped("magika", "models", "standard_v3_3", "model.onnx")
    contents = [path.read_bytes() for path in even_files()]
    original = np.array([features(content) for content in contents], np.int32)
    changed = np.array([features(content.swapcase()) for content in contents], np.int32)
    return Adaptation(model, changed, outputs(model, original, "target_label").argmax(axis=1))
