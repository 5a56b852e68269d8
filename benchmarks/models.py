"""Measure real networks: bytes of parameters against agreement of answers; writes docs/models.md.

    python benchmarks/models.py [--peer PYTHON] [--output DIR]

It needs the extra ``models`` (magika, silero-vad) and espeak-ng. With ``--peer``, the independent
codec's streams are measured at the same step sizes.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.quantization.steps import by_deviation
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.carriage import split_stream
from nnc_conformance.reference.topology.classes import Role, role
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, restore

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).parent)]

from found_models import kept_section  # noqa: E402
from wild.networks import EACH_SUFFIX, NETWORKS, WildNetwork  # noqa: E402

STEPS = range(-26, -3, 2)
"""qp of weights, at density 2: step sizes from 1/91 to 1/2."""
FINER = 12
"""How much lower the qp of vectors is: an eighth of the step size."""
RDO = (0.0, 1.0)
"""Weights of rate in our encoder."""
PEER_LAMBDA_SCALES = (0.0, 0.1)
"""Weights of rate in the peer's encoder."""
LEAST_AGREEMENT = 0.98
"""Share of the original's answers that a good stream keeps."""
HOPELESS = 0.93
"""Agreement below which a curve ends."""
BINARY32 = 4
"""Bytes of a parameter in binary32."""
PEER = "independent codec"
"""Name of the peer's curves."""
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Point:
    """A stream.

    Args:
        rate_weight: rdo or lambda_scale.
        size: Bytes without the graph.
        agreement: Share of the original's answers that it keeps.
    """

    qp: int
    rate_weight: float
    size: int
    agreement: float


@dataclass(frozen=True)
class Curve:
    """All streams of one way to encode."""

    name: str
    points: tuple[Point, ...]

    @property
    def best(self) -> Point | None:
        """The smallest stream that agrees well enough."""
        return min((point for point in self.points if point.agreement > LEAST_AGREEMENT), key=lambda point: point.size, default=None)


@dataclass(frozen=True)
class NetworkFigures:
    """Measurements of a network.

    Args:
        parameters: Number of floating point parameters.
        integers: Bytes of the units of all others.
        samples: Number of answers.
        restored: Share of the original's answers after a lossless stream.
        curves: The ways to encode.
    """

    parameters: int
    integers: int
    samples: int
    restored: float
    curves: tuple[Curve, ...]


def equal_steps(parameters: Mapping[str, Array], qp: int) -> dict[str, int]:
    """Choose ``qp`` for every floating point tensor, and a finer one for vectors.

    A vector may have several dimensions.
    """
    return {name: qp if max(array.shape, default=1) < array.size else qp - FINER for name, array in parameters.items()}


def parameter_bytes(stream: bytes) -> int:
    """Count the bytes of a stream without the graph."""
    carriage, _ = split_stream(stream)
    return len(carriage.parameter_sets) + sum(map(len, carriage.units.values()))


def points_until_hopeless(weights: Sequence[float], measure: Callable[[int, float], Point]) -> Iterator[Point]:
    """Measure points at rising step sizes until agreement is hopeless, for each weight of rate."""
    for weight in weights:
        for qp in STEPS:
            point = measure(qp, weight)
            yield point
            if point.agreement < HOPELESS:
                break


def measure_network(network: WildNetwork, peer_python: str | None) -> NetworkFigures:
    """Measure all curves of a network."""
    parts = extract(network.model)
    exact, topology = exact_parameters(parts.topology), Topology(NNR_TPL_ONNX, parts.topology)
    quantized = {name: array for name, array in parts.parameters.items() if name not in exact and role(array) is not Role.OTHER}
    truth = network.answers(network.model)

    def agreement(parameters: Mapping[str, Array]) -> float:
        return float(np.mean(network.answers(restore(parts.topology, parameters)) == truth))

    def ours(steps: Callable[[Mapping[str, Array], int], dict[str, int]]) -> Callable[[int, float], Point]:
        def measure(qp: int, rdo: float) -> Point:
            tensor_qp = steps(quantized, qp)
            options = EncoderOptions(qp=qp, nonweight_qp=qp - FINER, dq=True, rdo=rdo, tensor_qp=tensor_qp, exact=exact)
            stream = encode(parts.parameters, topology=topology, options=options)
            point = Point(qp, rdo, parameter_bytes(stream), agreement(decode(stream).parameters))
            print(network.name, steps.__name__, point, flush=True)
            return point

        return measure

    curves = [
        Curve("equal steps: dq, rdo", tuple(points_until_hopeless(RDO, ours(equal_steps)))),
        Curve("steps by deviation and size: dq, rdo", tuple(points_until_hopeless(RDO, ours(by_deviation)))),
    ]
    if peer_python is not None:
        curves.append(
            Curve(
                f"{PEER}: use_dq, lambda_scale, nonweight_qp = qp - {FINER}",
                tuple(peer_points(network, peer_python, parts.parameters, agreement)),
            )
        )
    count = sum(array.size for array in parts.parameters.values() if array.dtype.kind == "f")
    floats = frozenset(name for name, array in parts.parameters.items() if array.dtype.kind == "f")
    lossless = encode(parts.parameters, topology=topology, options=EncoderOptions(exact=floats))
    units = split_stream(lossless)[0].units
    integers = sum(len(unit) for name, unit in units.items() if name not in floats)
    return NetworkFigures(count, integers, network.samples, agreement(decode(lossless).parameters), tuple(curves))


def peer_points(
    network: WildNetwork, python: str, parameters: Mapping[str, Array], agreement: Callable[[Mapping[str, Array]], float]
) -> Iterator[Point]:
    """Measure the independent codec's streams.

    They contain the floating point tensors only; the others keep their values and count nothing.
    """
    from helpers.peer_driver import Peer

    floats = {name: array for name, array in parameters.items() if array.dtype.kind == "f" and array.ndim}
    with Peer(python, seconds=120.0) as peer:

        def measure(qp: int, scale: float) -> Point:
            stream = peer.encode(floats, qp=qp, nonweight_qp=qp - FINER, qp_density=2, use_dq=True, lambda_scale=scale)
            point = Point(qp, scale, len(stream), agreement({**parameters, **peer.decode(stream)}))
            print(network.name, "independent codec", point, flush=True)
            return point

        yield from points_until_hopeless(PEER_LAMBDA_SCALES, measure)


HEAD = f"""# Networks from the wild

Two networks that their makers publish on PyPI are encoded, decoded and restored to their graphs. ONNX Runtime runs them on data
that they were not trained on, and the original's answers are the truth. magika classifies the content of files: every file of this
repository (without generated streams) and of Python's standard library with its tests. An answer is the label of the package, which
is text or unknown if the network is uncertain. Most files are Python, so it also classifies up to {EACH_SUFFIX} files of each suffix
separately. silero-vad detects speech: sentences by espeak-ng in six voices with pauses, at 30, 12 and 3 dB above noise, at both
sampling rates of the model, with an answer for each chunk of 32 ms.

Written by `benchmarks/models.py`; run it to update this page.

*Bytes* are those of the whole stream without the graph: the parameter set, each unit's header with its id, integers and shapes. The
share is relative to binary32, 4 bytes for each floating point parameter. Bold marks the smallest stream that keeps more than 98 % of the
original's answers. As qp goes by 2, a curve that keeps just less than 98 % at one qp has its smallest stream at the next: the
curves show which encoding is ahead in between. The independent codec's streams contain the floating point tensors only.

*Steps by deviation and size*: the step size of a weight is proportional to the standard deviation of its values and to the square root
of their number (`encode --steps deviation`), which needs no data. *qp* is that of the largest tensor.
"""


def page(figures: Mapping[str, NetworkFigures]) -> str:
    """Write the page in Markdown."""
    lines = [HEAD]
    for name, measured in figures.items():
        whole = BINARY32 * measured.parameters
        lines += [
            f"## {name}",
            "",
            f"{measured.parameters} parameters, {whole} bytes in binary32; {measured.samples} answers, of which a lossless stream keeps "
            f"{measured.restored:.2%}. Integers, shapes and bools take {measured.integers} bytes of each of our streams.",
            "",
            "| encoding | qp | rdo or lambda_scale | bytes | share of binary32 | without integers | agreement |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(_row(curve, curve.best, whole, measured.integers) for curve in measured.curves),
            "",
            "### Size and agreement",
            "",
            "| encoding | share of binary32: agreement |",
            "|---|---|",
            *(f"| {curve.name} | {_curve(curve, whole)} |" for curve in measured.curves),
            "",
        ]
    return "\n".join(lines)


def _row(curve: Curve, best: Point | None, whole: int, integers: int) -> str:
    """Write the best point of a curve."""
    if best is None:
        return f"| {curve.name} | - | - | none above 98 % | - | - | {max(point.agreement for point in curve.points):.2%} |"
    share, floats = best.size / whole, (best.size - (0 if curve.name.startswith(PEER) else integers)) / whole
    figures = f"{best.size} | **{share:.2%}** | {floats:.2%} | {best.agreement:.2%}"
    return f"| {curve.name} | {best.qp} | {best.rate_weight:g} | {figures} |"


def _curve(curve: Curve, whole: int) -> str:
    """Write the points that no other one beats in bytes and agreement, smallest first."""
    front: list[Point] = []
    for point in sorted(curve.points, key=lambda point: (point.size, -point.agreement)):
        if not front or point.agreement > front[-1].agreement:
            front.append(point)
    return ", ".join(f"{point.size / whole:.2%}: {point.agreement:.2%}" for point in front)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="Python of the independent codec's environment (tests/peer/setup)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder to write to (default %(default)s)")
    arguments = parser.parse_args()
    figures = {name: measure_network(make(), arguments.peer) for name, make in NETWORKS.items()}
    target = arguments.output / "models.md"
    target.write_text("\n\n".join(filter(None, (page(figures).rstrip(), kept_section(target).rstrip()))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
