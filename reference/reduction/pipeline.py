"""Pipelines at work (clause 5.3): reduction, folding, quantization, local scaling, encoding.

Rows of performance maps are measured on what a decoder would output: each candidate passes through
the steps that follow the reductions, is encoded and decoded, and classifies the held-out samples.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.quantization.choosing import choose
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding, fold, with_scaling
from nnc_conformance.reference.reduction.displacement import LowDisplacementRank, reduce_displacement_rank
from nnc_conformance.reference.reduction.document import Document, QuantizationSettings
from nnc_conformance.reference.reduction.encoder_input import encoder_input
from nnc_conformance.reference.reduction.local_scaling import LocalScaling, scalable, scale_locally
from nnc_conformance.reference.reduction.low_rank import LowRank, reduce_rank
from nnc_conformance.reference.reduction.maps import MapRow, performance_maps
from nnc_conformance.reference.reduction.micro_structured import MicroStructured, prune_blocks
from nnc_conformance.reference.reduction.network import Accuracy, Network
from nnc_conformance.reference.reduction.pruning import Pruning, prune
from nnc_conformance.reference.reduction.quantized import with_quantized_weights
from nnc_conformance.reference.reduction.scoring import Samples, accuracy
from nnc_conformance.reference.reduction.sparsification import Sparsification, sparsify, sparsity
from nnc_conformance.reference.reduction.tool import Reduction, Resources, Settings
from nnc_conformance.reference.reduction.unification import Unification, unify
from nnc_conformance.reference.topology.classes import Role

REDUCTIONS: Final[Mapping[type[Settings], Callable[[Network, Any, Resources], Reduction]]] = {
    Pruning: prune,
    Sparsification: sparsify,
    MicroStructured: prune_blocks,
    Unification: unify,
    LowRank: reduce_rank,
    LowDisplacementRank: reduce_displacement_rank,
}
"""The tools with a performance map, by the class of their settings."""


@dataclass(frozen=True)
class AppliedTool:
    """A tool that ran and the network after it.

    Args:
        parameters: Number of coded floating point values.
        non_zero_ratio: Share of the weights that are not 0.
    """

    tool: str
    parameters: int
    non_zero_ratio: float


@dataclass(frozen=True)
class PipelineResult:
    """Result of a pipeline.

    Args:
        network: The network in the stream.
        steps: The tools that ran.
        rows: All rows of performance maps.
        before: Accuracy of the network given; None without held-out samples.
        after: Accuracy of the decoded stream; None without held-out samples.
    """

    stream: bytes
    network: Network
    steps: tuple[AppliedTool, ...]
    rows: tuple[MapRow, ...]
    before: Accuracy | None
    after: Accuracy | None


def run(
    network: Network,
    document: Document,
    options: EncoderOptions,
    *,
    held: Samples | None = None,
    training: Samples | None = None,
    asked: Collection[Role] = (Role.WEIGHT,),
    variances: Collection[str] = (),
    threads: int = 1,
) -> PipelineResult:
    """Run a pipeline and encode its result with its performance maps.

    Args:
        options: Encoder options that the pipeline does not decide.
        held: Held-out samples; without them nothing is measured and there are no maps.
        training: Samples for trained forms.
        asked: Roles for which the user asked for a qp, as `choose` takes them; vectors are added if
            the pipeline has a nonweight_qp.
        variances: Names of variances, which are divided by.
        threads: Threads of the encoder.

    Raises:
        ModelError: For a network that a tool cannot handle.
        EncodeError: For options that contradict each other.
    """
    options = _quantization(document, options)
    if any(isinstance(tool, QuantizationSettings) and tool.nonweight_qp is not None for tool in document.tools):
        asked = {*asked, Role.VECTOR}
    finish = _Finish(document, options, training, threads, asked, variances)
    steps: list[AppliedTool] = []
    rows: list[MapRow] = []

    def score(candidate: Network, samples: Samples) -> Accuracy:
        return finish.measured(finish.stream(finish.finished(candidate)), samples)

    resources = Resources(None if held is None else lambda candidate: score(candidate, held), training)
    before = None if held is None else accuracy(network.topology, network.parameters, held)
    for settings in document.tools:
        if type(settings) in REDUCTIONS:
            reduction = REDUCTIONS[type(settings)](network, settings, resources)
            network, rows = reduction.network, [*rows, *reduction.rows]
            steps.append(AppliedTool(settings.tool, network.size, sparsity(network)))
    network = finish.finished(network, steps)
    stream = finish.stream(network, performance_maps(rows, classes=document.classes))
    after = None if held is None else finish.measured(stream, held)
    return PipelineResult(stream, network, tuple(steps), tuple(rows), before, after)


@dataclass(frozen=True)
class _Finish:
    """The steps after the reductions, the same for all candidates and for the result."""

    document: Document
    options: EncoderOptions
    training: Samples | None
    threads: int
    asked: Collection[Role]
    variances: Collection[str]

    def finished(self, network: Network, steps: list[AppliedTool] | None = None) -> Network:
        """Return the network after the pipeline's batch norm folding and local scaling.

        Args:
            network: The network after the other tools.
            steps: Each tool that ran is appended to it, if given.
        """
        steps = [] if steps is None else steps
        resources = Resources(training=self.training)
        for settings in self.document.tools:
            if isinstance(settings, BatchNormFolding):
                network = fold(network, settings, resources).network
                steps.append(AppliedTool(settings.tool, network.size, sparsity(network)))
            elif isinstance(settings, LocalScaling):
                network = self._scaled(network, settings, resources)
                steps.append(AppliedTool(settings.tool, network.size, sparsity(network)))
        return network

    def _scaled(self, network: Network, settings: LocalScaling, resources: Resources) -> Network:
        """Return the network with quantized weights and row factors (LS) that reduce the error."""
        names = scalable(network, settings)
        originals = {name: network.whole(name) for name in names}
        for name in names:
            network = with_scaling(network, name, np.ones(originals[name].shape[0]))
        quantized = with_quantized_weights(network, names, self.options)
        return scale_locally(quantized, settings, resources, originals=originals).network

    def stream(self, network: Network, maps: Mapping[str, Any] | None = None) -> bytes:
        """Encode the network, with performance maps if given."""
        parameters, topology, options = encoder_input(network, replace(self.options, maps=maps or {}))
        options = choose(parameters, options, variances=self.variances, asked=self.asked).options
        return encode(parameters, topology=topology, options=options, threads=self.threads)

    def measured(self, stream: bytes, held: Samples) -> Accuracy:
        """Measure the accuracy of a decoded stream."""
        decoded = decode(stream, recombine=True)
        return accuracy(decoded.topology, decoded.parameters, held)


def _quantization(document: Document, options: EncoderOptions) -> EncoderOptions:
    """Return the encoder's options with those replaced that the pipeline decides."""
    decided: Iterable[QuantizationSettings] = (tool for tool in document.tools if isinstance(tool, QuantizationSettings))
    for settings in decided:
        options = replace(options, **settings.model_dump(exclude={"tool"}, exclude_none=True))
    return options
