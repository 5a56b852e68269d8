"""A pipeline at work (clause 5.3): reduction, batch-norm folding, quantization, local scaling; then the encoder.

Rows of performance maps are measured on what a decoder would have: each candidate goes through the rest of the pipeline that follows
the reductions, is encoded and decoded, and answers the held samples.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.encoder import EncoderOptions, encode
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding, fold, with_scaling
from nnc_conformance.reference.reduction.displacement import LowDisplacementRank, reduce_displacement_rank
from nnc_conformance.reference.reduction.document import Document, Quantization
from nnc_conformance.reference.reduction.emission import emitted
from nnc_conformance.reference.reduction.local_scaling import LocalScaling, scalable, scale_locally
from nnc_conformance.reference.reduction.low_rank import LowRank, reduce_rank
from nnc_conformance.reference.reduction.maps import Row, performance_maps
from nnc_conformance.reference.reduction.micro_structured import MicroStructured, prune_blocks
from nnc_conformance.reference.reduction.network import Accuracy, Network
from nnc_conformance.reference.reduction.pruning import Pruning, prune
from nnc_conformance.reference.reduction.quantized import with_quantized_weights
from nnc_conformance.reference.reduction.scoring import Samples, accuracy
from nnc_conformance.reference.reduction.sparsification import Sparsification, sparsify, sparsity
from nnc_conformance.reference.reduction.tool import Aid, Reduction, Settings
from nnc_conformance.reference.reduction.unification import Unification, unify

REDUCTIONS: Final[Mapping[type[Settings], Callable[[Network, Any, Aid], Reduction]]] = {
    Pruning: prune,
    Sparsification: sparsify,
    MicroStructured: prune_blocks,
    Unification: unify,
    LowRank: reduce_rank,
    LowDisplacementRank: reduce_displacement_rank,
}


@dataclass(frozen=True)
class Step:
    """A tool that ran, and what stands after it: coded floating point parameters, and non-zero weights over all weights."""

    tool: str
    parameters: int
    non_zero_ratio: float


@dataclass(frozen=True)
class Outcome:
    """The stream, the network in it, what each tool did, all measured rows, and the accuracy before and after (None: no held samples)."""

    stream: bytes
    network: Network
    steps: tuple[Step, ...]
    rows: tuple[Row, ...]
    before: Accuracy | None
    after: Accuracy | None


def run(
    network: Network,
    document: Document,
    options: EncoderOptions,
    *,
    held: Samples | None = None,
    training: Samples | None = None,
    threads: int = 1,
) -> Outcome:
    """Runs a pipeline and encodes its result with its performance maps; ``options``: what the pipeline does not decide.

    Without ``held`` samples nothing is measured: no maps. Raises `ModelError` for a network that a tool cannot work on, and `EncodeError`
    for options that contradict each other.
    """
    options = _quantization(document, options)
    finish = _Finish(document, options, training, threads)
    steps: list[Step] = []
    rows: list[Row] = []

    def score(candidate: Network, samples: Samples) -> Accuracy:
        return finish.measured(finish.stream(finish.finished(candidate)), samples)

    aid = Aid(None if held is None else lambda candidate: score(candidate, held), training)
    before = None if held is None else accuracy(network.topology, network.parameters, held)
    for settings in document.tools:
        if type(settings) in REDUCTIONS:
            reduction = REDUCTIONS[type(settings)](network, settings, aid)
            network, rows = reduction.network, [*rows, *reduction.rows]
            steps.append(Step(settings.tool, network.size, sparsity(network)))
    network = finish.finished(network, steps)
    stream = finish.stream(network, performance_maps(rows, classes=document.classes))
    after = None if held is None else finish.measured(stream, held)
    return Outcome(stream, network, tuple(steps), tuple(rows), before, after)


@dataclass(frozen=True)
class _Finish:
    """What follows the reductions, the same for all candidates and for the result."""

    document: Document
    options: EncoderOptions
    training: Samples | None
    threads: int

    def finished(self, network: Network, steps: list[Step] | None = None) -> Network:
        """Folds, quantizes and scales, as far as the pipeline says so; notes what ran."""
        steps = [] if steps is None else steps
        aid = Aid(training=self.training)
        for settings in self.document.tools:
            if isinstance(settings, BatchNormFolding):
                network = fold(network, settings, aid).network
                steps.append(Step(settings.tool, network.size, sparsity(network)))
            elif isinstance(settings, LocalScaling):
                network = self._scaled(network, settings, aid)
                steps.append(Step(settings.tool, network.size, sparsity(network)))
        return network

    def _scaled(self, network: Network, settings: LocalScaling, aid: Aid) -> Network:
        names = scalable(network, settings)
        originals = {name: network.whole(name) for name in names}
        for name in names:
            network = with_scaling(network, name, np.ones(originals[name].shape[0]))
        quantized = with_quantized_weights(network, names, self.options)
        return scale_locally(quantized, settings, aid, originals=originals).network

    def stream(self, network: Network, maps: Mapping[str, Any] | None = None) -> bytes:
        """The network, encoded."""
        parameters, topology, options = emitted(network, replace(self.options, maps=maps or {}))
        return encode(parameters, topology=topology, options=options, threads=self.threads)

    def measured(self, stream: bytes, held: Samples) -> Accuracy:
        """What a decoder has of it is worth."""
        decoded = decode(stream, recombine=True)
        return accuracy(decoded.topology, decoded.parameters, held)


def _quantization(document: Document, options: EncoderOptions) -> EncoderOptions:
    """The options with what the pipeline decides of them."""
    decided: Iterable[Quantization] = (tool for tool in document.tools if isinstance(tool, Quantization))
    for settings in decided:
        options = replace(options, **settings.model_dump(exclude={"tool"}, exclude_none=True))
    return options
