"""Measures networks from the wild: bytes of their parameters against agreement with the original's answers; writes docs/models.md.

    python benchmarks/models.py [--peer PYTHON] [--output DIR]

Needs the extra ``models`` (magika, silero-vad) and espeak-ng. ``--peer``: the Python of an environment with the independent codec
(tests/peer/setup), whose streams are measured beside at the same steps.
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
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.quantization.steps import by_deviation
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.carriage import split_stream
from nnc_conformance.reference.topology.classes import Role, role
from nnc_conformance.reference.topology.onnx import exact_parameters, extract, restore

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from wild.networks import EACH_SUFFIX, NETWORKS, WildNetwork  # noqa: E402

STEPS = range(-26, -3, 2)
"""qp of weights, at density 2: steps from 1/91 to 1/2."""
FINER = 12
"""How much lower the qp of vectors is: an eighth of the step."""
RDO = (0.0, 1.0)
PEER_LAMBDA_SCALES = (0.0, 0.1)
LEAST_AGREEMENT = 0.98
HOPELESS = 0.93
"""Agreement below which a curve ends."""
BINARY32 = 4
PEER = "independent codec"
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Point:
    """One stream: bytes without the graph, and the share of the original's answers that it keeps."""

    qp: int
    rate_weight: float
    size: int
    agreement: float


@dataclass(frozen=True)
class Curve:
    """What one way of encoding gives."""

    name: str
    points: tuple[Point, ...]

    @property
    def best(self) -> Point | None:
        """The smallest that agrees as it should."""
        return min((point for point in self.points if point.agreement > LEAST_AGREEMENT), key=lambda point: point.size, default=None)


@dataclass(frozen=True)
class Measured:
    """A network's figures: floating point parameters, bytes of the units of all others, samples of held data, the share of the original's
    answers after a stream without loss, curves.
    """

    parameters: int
    integers: int
    samples: int
    restored: float
    curves: tuple[Curve, ...]


def equal_steps(parameters: Mapping[str, Array], qp: int) -> dict[str, int]:
    """The qp of every floating point tensor: of vectors, whatever their dimensions, `FINER`, else ``qp``."""
    return {name: qp if max(array.shape, default=1) < array.size else qp - FINER for name, array in parameters.items()}


def parameter_bytes(stream: bytes) -> int:
    """All of a stream but the graph."""
    carriage, _ = split_stream(stream)
    return len(carriage.parameter_sets) + sum(map(len, carriage.units.values()))


def falling(weights: Sequence[float], measure: Callable[[int, float], Point]) -> Iterator[Point]:
    """Points at rising steps until agreement is hopeless, for each weight of rate."""
    for weight in weights:
        for qp in STEPS:
            point = measure(qp, weight)
            yield point
            if point.agreement < HOPELESS:
                break


def measured(network: WildNetwork, peer_python: str | None) -> Measured:
    """All curves of a network."""
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
        Curve("equal steps: dq, rdo", tuple(falling(RDO, ours(equal_steps)))),
        Curve("steps by deviation and size: dq, rdo", tuple(falling(RDO, ours(by_deviation)))),
    ]
    if peer_python is not None:
        curves.append(
            Curve(
                f"{PEER}: use_dq, lambda_scale, nonweight_qp = qp - {FINER}",
                tuple(peers(network, peer_python, parts.parameters, agreement)),
            )
        )
    count = sum(array.size for array in parts.parameters.values() if array.dtype.kind == "f")
    floats = frozenset(name for name, array in parts.parameters.items() if array.dtype.kind == "f")
    lossless = encode(parts.parameters, topology=topology, options=EncoderOptions(exact=floats))
    units = split_stream(lossless)[0].units
    integers = sum(len(unit) for name, unit in units.items() if name not in floats)
    return Measured(count, integers, network.samples, agreement(decode(lossless).parameters), tuple(curves))


def peers(
    network: WildNetwork, python: str, parameters: Mapping[str, Array], agreement: Callable[[Mapping[str, Array]], float]
) -> Iterator[Point]:
    """The independent codec's streams, which hold the floating point tensors; the others stay as they are, and count nothing."""
    from helpers.peer_driver import Peer

    floats = {name: array for name, array in parameters.items() if array.dtype.kind == "f" and array.ndim}
    with Peer(python, seconds=120.0) as peer:

        def measure(qp: int, scale: float) -> Point:
            stream = peer.encode(floats, qp=qp, nonweight_qp=qp - FINER, qp_density=2, use_dq=True, lambda_scale=scale)
            point = Point(qp, scale, len(stream), agreement({**parameters, **peer.decode(stream)}))
            print(network.name, "independent codec", point, flush=True)
            return point

        yield from falling(PEER_LAMBDA_SCALES, measure)


HEAD = f"""# Networks from the wild

Two networks that their makers ship on PyPI, encoded, decoded and put back into their graphs; ONNX Runtime answers data that nobody
trained them on, and the original's answers are the truth. magika tells the content type of a file: of every file of this repository
(without the streams that its generator wrote) and of Python's standard library with its tests; an answer is what the package says, text
or unknown where the network is in doubt. Most of them are Python, so it is asked again of up to {EACH_SUFFIX} files of each suffix.
silero-vad tells whether somebody speaks: sentences by espeak-ng in six voices with pauses, at 30, 12 and 3 dB over noise, at both of the
model's sampling rates; an answer for each chunk of 32 ms.

Written by `benchmarks/models.py`; run it to make this page anew.

*Bytes* are those of the whole stream but the graph: parameter set, every unit's header with its id, integers and shapes too. The share
is of binary32: 4 bytes for each floating point parameter. Bold is the smallest stream that agrees with more than 98 % of the original's
answers. Of the independent codec's streams only the floating point tensors count, since it was given no others.

*Steps by deviation and size*: the quantization step of a tensor in proportion to the deviation of its values and to the square root of
their number (`encode --steps deviation`); no data is needed for it. *qp* is that of the largest tensor.
"""


def page(figures: Mapping[str, Measured]) -> str:
    """The page in Markdown."""
    lines = [HEAD]
    for name, found in figures.items():
        whole = BINARY32 * found.parameters
        lines += [
            f"## {name}",
            "",
            f"{found.parameters} parameters, {whole} bytes in binary32; {found.samples} answers, of which a stream without loss keeps "
            f"{found.restored:.2%}. Integers, shapes and truth values take {found.integers} bytes of each stream of ours.",
            "",
            "| encoding | qp | rdo or lambda_scale | bytes | of binary32 | without integers | agreement |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(_row(curve, curve.best, whole, found.integers) for curve in found.curves),
            "",
            "### Rate against agreement",
            "",
            "| encoding | of binary32: agreement |",
            "|---|---|",
            *(f"| {curve.name} | {_curve(curve, whole)} |" for curve in found.curves),
            "",
        ]
    return "\n".join(lines)


def _row(curve: Curve, best: Point | None, whole: int, integers: int) -> str:
    if best is None:
        return f"| {curve.name} | - | - | none above 98 % | - | - | {max(point.agreement for point in curve.points):.2%} |"
    share, floats = best.size / whole, (best.size - (0 if curve.name.startswith(PEER) else integers)) / whole
    figures = f"{best.size} | **{share:.2%}** | {floats:.2%} | {best.agreement:.2%}"
    return f"| {curve.name} | {best.qp} | {best.rate_weight:g} | {figures} |"


def _curve(curve: Curve, whole: int) -> str:
    """The points that no other one beats in both bytes and agreement, smallest first."""
    front: list[Point] = []
    for point in sorted(curve.points, key=lambda point: (point.size, -point.agreement)):
        if not front or point.agreement > front[-1].agreement:
            front.append(point)
    return ", ".join(f"{point.size / whole:.2%}: {point.agreement:.2%}" for point in front)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", metavar="PYTHON", help="Python of an environment with the independent codec")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    arguments = parser.parse_args()
    figures = {name: measured(make(), arguments.peer) for name, make in NETWORKS.items()}
    arguments.output.joinpath("models.md").write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
