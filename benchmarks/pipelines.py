"""Measure pipelines of clause 8 on the digit networks; writes docs/pipelines.md and .svg.

    python benchmarks/pipelines.py [--peer PYTHON] [--output DIR]

It needs the extras ``dev`` (scikit-learn, for the training images) and ``train`` (PyTorch). With
``--peer``, the independent codec's streams are measured too.

For each pipeline the qp rises from fine to coarse at several weights of rate. The row in the table
is the smallest stream whose accuracy is within a point of the original's.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pipelines_page import PEER, Curve, Point, page, plot
from sklearn.datasets import load_digits

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import EncoderOptions, decode
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding, fold
from nnc_conformance.reference.reduction.document import validate
from nnc_conformance.reference.reduction.network import Network
from nnc_conformance.reference.reduction.pipeline import run
from nnc_conformance.reference.reduction.scoring import Samples, accuracy
from nnc_conformance.reference.reduction.tool import Resources
from nnc_conformance.reference.syntax.bitstream import read_units
from nnc_conformance.reference.syntax.context import StreamContext
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import extract

ROOT = Path(__file__).parents[1]
FINEST_QP = {"digits-cnn": -21, "digits-depthwise": -22, "digits-mlp": -17}
"""Lowest qp of weights, by network."""
NORM_VECTORS_QP = -40
"""qp of vectors if batch norms stay: variances need small steps."""
FOLDED_VECTORS_QP = {"digits-cnn": -16, "digits-depthwise": -20, "digits-mlp": -16}
"""qp of vectors without batch norms: biases and local scaling."""
RDO = (0.0, 1.0, 3.0)
"""Weights of rate in our encoder."""
PEER_LAMBDA_SCALES = (0.0, 0.1, 0.3, 1.0)
"""Weights of rate in the peer's encoder."""
POINT = 0.01
"""Loss of accuracy that is accepted."""
HOPELESS = 0.08
"""Loss of accuracy at which a curve ends."""


NETWORKS = ("digits-cnn", "digits-depthwise", "digits-mlp")
"""Networks that are measured."""


@dataclass(frozen=True)
class Tool:
    """A reduction in a pipeline.

    Args:
        parameter: Name of its strength parameter.
        settings: The strength for each of `NETWORKS`.
        more: Its other parameters.
    """

    name: str
    parameter: str
    settings: tuple[float, float, float]
    more: Mapping[str, Any] = field(default_factory=dict)

    def setting(self, network: str) -> float:
        """Return the strength for a network."""
        return self.settings[NETWORKS.index(network)]

    def entry(self, network: str) -> dict[str, Any]:
        """Return the entry of a pipeline document."""
        return {"tool": self.name, self.parameter: [self.setting(network)], **self.more}


@dataclass(frozen=True)
class Pipeline:
    """A row of the table.

    Args:
        trained: Whether tools train.
        fold: Whether batch norms are folded.
        scaling: Parameters of local scaling, if it follows.
        quantization: Fixed parameters of the quantization.
    """

    name: str
    trained: bool
    reductions: tuple[Tool, ...] = ()
    fold: bool = True
    scaling: Mapping[str, Any] | None = None
    quantization: Mapping[str, Any] = field(default_factory=dict)

    def document(self, network: str) -> list[Any]:
        """Return the reductions as a pipeline document."""
        return [tool.entry(network) for tool in self.reductions]

    def rest(self, qp: int, rdo: float, network: str) -> list[Any]:
        """Return the steps that follow the reductions."""
        vectors = FOLDED_VECTORS_QP[network] if self.fold else NORM_VECTORS_QP
        quantization = {"tool": "quantization", "qp": qp, "nonweight_qp": vectors, "dq": True, "rdo": rdo, **self.quantization}
        scaling = [] if self.scaling is None else [{"tool": "local_scaling", **self.scaling}]
        return [*(["batch_norm_folding"] if self.fold else []), quantization, *scaling]


def training_parameters(epochs: int = 20) -> dict[str, Any]:
    """Return training parameters."""
    return {"train": {"epochs": epochs, "learning_rate": 1e-3}}


REDUCTIONS = (
    ("pruning", "pruning", "ratios", (0.1, 0.05, 0.2), (0.4, 0.2, 0.4)),
    ("sparsification", "sparsification", "zeros", (0.2, 0.2, 0.3), (0.8, 0.6, 0.8)),
    ("micro-structures", "micro_structured_pruning", "ratios", (0.03, 0.03, 0.1), (0.3, 0.15, 0.4)),
    ("unification", "unification", "thresholds", (0.01, 0.02, 0.02), (0.02, 0.04, 0.04)),
    ("low rank", "low_rank", "mse_thresholds", (5e-4, 2e-3, 3e-3), (8e-4, 3e-3, 4e-3)),
    ("low displacement rank", "low_displacement_rank", "mse_thresholds", (2e-4, 5e-4, 5e-4), (2e-4, 1e-3, 5e-4)),
)
"""Tools: title, name in a pipeline, strength parameter, data-free and trained strengths."""

PIPELINES = (
    Pipeline("uniform quantization, nearest", False, fold=False, quantization={"dq": False}),
    Pipeline("quantization (dq, RDO)", False, fold=False),
    Pipeline("folding, quantization", False),
    Pipeline("folding, quantization, local scaling", False, scaling={}),
    Pipeline("folding, quantization, local scaling", True, scaling=training_parameters(10)),
    *(
        Pipeline(f"{title} + the above", trained, (Tool(name, parameter, settings, training_parameters() if trained else {}),), scaling={})
        for title, name, parameter, *both in REDUCTIONS
        for trained, settings in zip((False, True), both, strict=True)
    ),
    Pipeline(
        "pruning, sparsification + the above",
        True,
        (
            Tool("pruning", "ratios", (0.4, 0.2, 0.4), training_parameters()),
            Tool("sparsification", "zeros", (0.6, 0.5, 0.6), training_parameters()),
        ),
        scaling=training_parameters(10),
    ),
)
"""All rows of the table."""


def images_to_train(held: Samples) -> Samples:
    """Return the digits that are not held out."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    unseen = {image.tobytes() for array in held.inputs.values() for image in array}
    chosen = np.array([image.tobytes() not in unseen for image in images])
    return Samples({next(iter(held.inputs)): images[chosen]}, digits.target[chosen].astype(np.int64))


def parameter_bytes(stream: bytes) -> int:
    """Count the bytes of a stream without the graph."""
    units = read_units(stream, StreamContext(), interpretation=Interpretation())
    return len(stream) - next(unit.size for unit in units if unit.header.get("topology_storage_format") == NNR_TPL_ONNX)


def points_until_hopeless(finest: int, rdos: Iterable[float], before: float, measure: Callable[[int, float], Point]) -> Iterator[Point]:
    """Measure points of rising qp until the accuracy is hopeless, for each weight of rate."""
    for rdo in rdos:
        for qp in range(finest, finest + 30):
            point = measure(qp, rdo)
            yield point
            if point.accuracy < before - HOPELESS:
                break


def measure_pipeline(name: str, network: Network, pipeline: Pipeline, before: float, held: Samples, training: Samples) -> Curve:
    """Measure a pipeline on a network.

    The reductions run once, the other steps at each qp. The best stream is made again from the
    whole pipeline, with its maps.
    """
    samples = training if pipeline.trained else None
    reduced = run(network, validate(pipeline.document(name)), EncoderOptions(), training=samples).network

    def measure(qp: int, rdo: float) -> Point:
        rest = validate(pipeline.rest(qp, rdo, name))
        return point_of(qp, rdo, run(reduced, rest, EncoderOptions(), training=samples).stream, held)

    rdos = RDO if pipeline.quantization.get("dq", True) else (0.0,)
    points = tuple(points_until_hopeless(FINEST_QP[name], rdos, before, measure))
    best = smallest(points, before)
    form = "trained" if pipeline.trained else "data-free"
    setting = ", ".join(f"{tool.setting(name):g}" for tool in pipeline.reductions)
    if best is None:
        return Curve(pipeline.name, form, setting, points, None)
    whole = validate([*pipeline.document(name), *pipeline.rest(best.qp, best.rdo, name)])
    stream = run(network, whole, EncoderOptions(), held=held, training=samples).stream
    return Curve(pipeline.name, form, setting, points, point_of(best.qp, best.rdo, stream, held))


def point_of(qp: int, rdo: float, stream: bytes, held: Samples) -> Point:
    """Decode a stream and measure it."""
    decoded = decode(stream, recombine=True)
    found = accuracy(decoded.topology, decoded.parameters, held).overall
    count = sum(array.size for array in decode(stream).parameters.values() if array.dtype.kind == "f")
    return Point(qp, rdo, parameter_bytes(stream), len(stream), count, found)


def smallest(points: tuple[Point, ...], before: float) -> Point | None:
    """Return the smallest stream within `POINT` of the original's accuracy."""
    good = [point for point in points if point.accuracy >= before - POINT - 1e-9]
    return min(good, key=lambda point: point.parameter_bytes, default=None)


def peer_curves(python: str, network_name: str, network: Network, before: float, held: Samples) -> Iterator[Curve]:
    """Measure the independent codec on the same parameters.

    It also gets those with the batch norms folded by us. Its streams do not contain the graph.
    """
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers.peer_driver import Peer

    with Peer(python) as peer:
        for name, source, vectors in (
            (PEER, network, NORM_VECTORS_QP),
            (f"{PEER}, on our folded network", fold(network, BatchNormFolding(), Resources()).network, FOLDED_VECTORS_QP[network_name]),
        ):

            def measure(qp: int, rdo: float, source: Network = source, vectors: int = vectors) -> Point:
                options = {"qp": qp, "nonweight_qp": vectors, "qp_density": 2, "use_dq": True, "lambda_scale": rdo}
                floats = {key: array for key, array in source.parameters.items() if array.dtype.kind == "f" and array.ndim}
                stream = peer.encode(floats, **options)
                values = {**source.parameters, **peer.decode(stream)}
                count = sum(array.size for array in floats.values())
                return Point(qp, rdo, len(stream), len(stream), count, accuracy(source.topology, values, held).overall)

            points = tuple(points_until_hopeless(FINEST_QP[network_name], PEER_LAMBDA_SCALES, before, measure))
            yield Curve(name, "data-free", f"nonweight_qp {vectors}", points, smallest(points, before))


def main() -> None:
    """Measure, and write page and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="Python of the independent codec's environment (tests/peer/setup)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder to write to (default %(default)s)")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    found: dict[str, tuple[Network, float, list[Curve]]] = {}
    for name in NETWORKS:
        parts = extract(packaged_networks.model_bytes(name))
        network = Network(parts.parameters, Topology(NNR_TPL_ONNX, parts.topology))
        held = Samples(*packaged_networks.held_data(name))
        training = images_to_train(held)
        before = accuracy(network.topology, network.parameters, held).overall
        curves = []
        for pipeline in PIPELINES:
            curves.append(measure_pipeline(name, network, pipeline, before, held, training))
            print(name, curves[-1].pipeline, curves[-1].form, curves[-1].best, flush=True)
        if arguments.peer:
            curves += peer_curves(arguments.peer, name, network, before, held)
        found[name] = (network, before, curves)
    figures = {name: (network.size, before, curves) for name, (network, before, curves) in found.items()}
    arguments.output.joinpath("pipelines.svg").write_text(plot(figures), encoding="utf-8")
    arguments.output.joinpath("pipelines.md").write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
