"""Vectors of real networks: encoded once with their ONNX topology, and kept as data."""

from dataclasses import dataclass
from typing import Final

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.generator.recipe import Description
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.encoder_options import Block, EncoderOptions
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.reference.updates.encoding import ToolChoice
from nnc_conformance.storage.vector import Level

_CLAUSES: Final = ("6", "7.3", "9", "10")
_CATCHES: Final = "A decoder whose fault shows only in tensors of real size, or that spoils the network's answers."


@dataclass(frozen=True)
class ModelRecipe(Description):
    """A trained network to encode with the given options."""

    options: EncoderOptions

    def stream(self) -> bytes:
        """Encode the network."""
        model = extract(packaged_networks.model_bytes(str(self.network)))
        return encode(model.parameters, topology=Topology(NNR_TPL_ONNX, model.topology), options=self.options)


def model_recipe(network: str, name: str, *, title: str, options: EncoderOptions) -> ModelRecipe:
    """Build the recipe of a vector that carries a trained network.

    Args:
        network: Name of the network in `packaged_networks`.
        name: End of the vector's id.
        title: The vector's title.
        options: The options to encode the network with.
    """
    tests = f"The network {network} decodes to the parameters that the reference decodes, and answers as they do."
    return ModelRecipe(
        id=f"model-{network}-{name}",
        title=title,
        tests=tests,
        catches=_CATCHES,
        clauses=_CLAUSES,
        options=options,
        level=Level.MODELS,
        network=network,
    )


@dataclass(frozen=True)
class SequenceRecipe(Description):
    """A network and its updates after rounds of further training.

    They are encoded with the given options.
    """

    options: EncoderOptions

    def streams(self) -> tuple[bytes, ...]:
        """Encode the network with its topology, then each round as an update.

        An update changes the model that a decoder has.
        """
        base, streams = BaseModel(), []
        for number, model in enumerate(map(extract, packaged_networks.sequence_models(str(self.network)))):
            topology = Topology(NNR_TPL_ONNX, model.topology) if number == 0 else None
            streams.append(encode(model.parameters, topology=topology, options=self.options, base=base))
            base = decode(streams[-1], base=base).model or base
        return tuple(streams)


def sequence_recipe(network: str, name: str, *, title: str, options: EncoderOptions) -> SequenceRecipe:
    """Build the recipe of a network and its updates after each round of training.

    Args:
        network: Name of the sequence in `packaged_networks`.
        name: End of the vector's id.
        title: The vector's title.
        options: The options to encode with.
    """
    return SequenceRecipe(
        id=f"model-{network}-{name}",
        title=title,
        tests=f"After each stream of {network} the network has the parameters of the reference, and answers as with them.",
        catches="A decoder whose error shows only after several updates of real size, or grows from update to update.",
        clauses=_CLAUSES,
        options=options,
        level=Level.MODELS,
        network=network,
    )


def convolution(number: int) -> Block:
    """Return the block of one of the CNN's convolutions with its batch norm."""
    norm = {"bn.beta": "bias", "bn.gamma": "weight", "bn.mean": "running_mean", "bn.var": "running_var"}
    return Block({"weight": f"conv{number}.weight"} | {part: f"bn{number}.{name}" for part, name in norm.items()})


def biased(layer: str) -> Block:
    """Return the block of a layer with its bias."""
    return Block({"weight": f"{layer}.weight", "bias": f"{layer}.bias"})


_CNN_BLOCKS: Final = (*map(convolution, (1, 2, 3)), biased("fc1"), biased("fc2"))
_MLP_PARAMETERS: Final = frozenset(f"fc{number}.{part}" for number in (1, 2, 3) for part in ("weight", "bias"))
_DEPTHWISE: Final = ("stem", "depth1", "point1", "depth2", "point2", "depth3", "point3", "fc")

MODELS: Final = (
    model_recipe(
        "digits-cnn",
        "plain",
        title="The CNN, uniform quantization",
        options=EncoderOptions(qp=-30),
    ),
    model_recipe(
        "digits-cnn",
        "blocks-dq",
        title="The CNN in BLOCKs with its batch norm, dependent quantization",
        options=EncoderOptions(qp=-26, dq=True, blocks=_CNN_BLOCKS),
    ),
    model_recipe(
        "digits-cnn",
        "blocks-scan-1",
        title="The CNN in BLOCKs, blocks of 8 with entry points",
        options=EncoderOptions(scan_order=1, blocks=_CNN_BLOCKS),
    ),
    model_recipe(
        "digits-mlp",
        "dq",
        title="The MLP, dependent quantization",
        options=EncoderOptions(qp=-26, dq=True),
    ),
    model_recipe(
        "digits-mlp",
        "scan-2",
        title="The MLP rounded to the nearest, blocks of 16",
        options=EncoderOptions(qp=-24, scan_order=2, rdo=0),
    ),
    model_recipe(
        "digits-mlp",
        "exact",
        title="The MLP without loss",
        options=EncoderOptions(exact=_MLP_PARAMETERS),
    ),
    model_recipe(
        "digits-depthwise",
        "dq-scan-3",
        title="The depthwise network, dependent quantization, blocks of 32",
        options=EncoderOptions(dq=True, scan_order=3),
    ),
    model_recipe(
        "digits-depthwise",
        "blocks-unary-2",
        title="The depthwise network in BLOCKs, density 4, unary length 2",
        options=EncoderOptions(qp=-130, nonweight_qp=-300, qp_density=4, unary_length=2, blocks=tuple(map(biased, _DEPTHWISE))),
    ),
)

SEQUENCES: Final = (
    sequence_recipe(
        "digits-cnn-moved",
        "dq",
        title="The CNN trained on moved images, 8 updates, dependent quantization",
        options=EncoderOptions(edition=2024, qp=-30, nonweight_qp=-42, dq=True),
    ),
    sequence_recipe(
        "digits-mlp-federated",
        "plain",
        title="The MLP averaged from 3 clients, 6 updates, tools chosen automatically",
        options=EncoderOptions(edition=2024, qp=-28, nonweight_qp=-40),
    ),
    sequence_recipe(
        "digits-gru-moved",
        "tca",
        title="The GRU trained on moved images, 4 updates, temporal contexts, blocks of 8",
        options=EncoderOptions(
            edition=2024, qp=-30, nonweight_qp=-42, scan_order=1, row_skip=ToolChoice.OFF, tca=ToolChoice.ON, hdsp=ToolChoice.OFF
        ),
    ),
    sequence_recipe(
        "digits-transformer-moved",
        "hdsp-row-skip",
        title="The transformer trained on moved images, 4 updates, history-dependent significance, skipped rows",
        options=EncoderOptions(
            edition=2024, qp=-30, nonweight_qp=-42, dq=True, row_skip=ToolChoice.ON, tca=ToolChoice.OFF, hdsp=ToolChoice.ON
        ),
    ),
    sequence_recipe(
        "magika-types-adapted",
        "auto",
        title="The last layer of magika trained on changed files, 4 updates, tools chosen automatically",
        options=EncoderOptions(edition=2024, qp=-34, nonweight_qp=-42),
    ),
)
"""The vectors of networks with updates."""
