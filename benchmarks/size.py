"""Measures sizes and errors beside the independent codec's and writes docs/size.md with docs/size.svg.

    python benchmarks/size.py --peer PYTHON [--weights N] [--output DIR]

``--peer``: the Python of an environment with the independent codec (tests/peer/setup). It encodes with its rate-distortion optimisation on
(lambda_scale 0.1), both with unary length 10 and the search of parameter sets. Takes some minutes.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from size_page import CODECS, Curves, Point, Row, at_error, page, plot

from nnc_conformance.generator.networks import packaged_networks
from nnc_conformance.reference import EncoderOptions, decode, encode
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.topology.onnx import extract

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.peer_driver import Peer  # noqa: E402
from helpers.quantization_samples import SOURCES  # noqa: E402

Array = npt.NDArray[Any]
Parameters = Mapping[str, Array]

DEVIATION = 0.05
RATES = (0.3, 2.0, 4.0)
"""Bits a weight of the tables' rows; the qp is the one that comes nearest without optimisation."""
QPS = range(-42, -5)
DENSITY = 2
PEER_OPTIONS = {"qp_density": DENSITY, "lambda_scale": 0.1, "cabac_unary_length_minus1": 9, "codebook_mode": 0}
NETWORK_QP = -22
NETWORK_VECTOR_QP = -40
CURVE_WEIGHTS = 1 << 18
BISECTIONS = 9


def tensor(source: str, weights: int) -> Parameters:
    """A matrix of about as many weights."""
    rows = int(weights**0.5)
    return {"x": SOURCES[source](15938, rows * (weights // rows), DEVIATION).reshape(rows, -1)}


def squared_error(parameters: Parameters, decoded: Parameters) -> float:
    """Sum over all parameters."""
    return sum(float(np.sum((values.astype(np.float64) - decoded[name]) ** 2)) for name, values in parameters.items())


def count(parameters: Parameters) -> int:
    return sum(values.size for values in parameters.values())


def point(parameters: Parameters, stream: bytes, qp: int) -> Point:
    """Of a stream that we decode: total bits a weight, mean squared error in squared steps."""
    error = squared_error(parameters, decode(stream).parameters)
    return Point(qp, len(stream), count(parameters), error / count(parameters) / float(step_size(DENSITY, qp)) ** 2)


def ours(parameters: Parameters, qp: int, **options: Any) -> Point:
    return point(parameters, encode(parameters, options=EncoderOptions(qp=qp, qp_density=DENSITY, unary_length=10, **options)), qp)


def theirs(peer: Peer, parameters: Parameters, qp: int, **options: Any) -> Point:
    return point(parameters, peer.encode(parameters, qp=qp, **(PEER_OPTIONS | options)), qp)


def at_the_same_error(encoded: Callable[[float], Point], error: float) -> Point:
    """Our stream whose error is the given one, or just below: rdo by bisection."""
    low, high, found = 0.0, 8.0, encoded(0.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        tried = encoded(middle)
        if tried.error <= error:
            low, found = middle, tried
        else:
            high = middle
    return found


def rows(peer: Peer, weights: int) -> Iterator[Row]:
    """The tensors of each source at each rate, then the networks."""
    for source in SOURCES:
        parameters, small = tensor(source, weights), tensor(source, 1 << 16)
        for dq in (False, True):
            curve = {qp: ours(small, qp, dq=dq, rdo=0.0).bits for qp in QPS}
            for qp in dict.fromkeys(min(curve, key=lambda qp: abs(curve[qp] - rate)) for rate in RATES):
                yield row(peer, source, parameters, qp, dq)
    for name in packaged_networks.names():
        parameters = {
            key: value for key, value in extract(packaged_networks.model_bytes(name)).parameters.items() if value.dtype == np.float32
        }
        for dq in (False, True):
            yield row(peer, name, parameters, NETWORK_QP, dq, nonweight_qp=NETWORK_VECTOR_QP)


def row(peer: Peer, name: str, parameters: Parameters, qp: int, dq: bool, **options: Any) -> Row:
    their = theirs(peer, parameters, qp, use_dq=dq, **options)

    def encoded(rdo: float) -> Point:
        return ours(parameters, qp, dq=dq, rdo=rdo, **options)

    found = Row(name, dq, their, encoded(1.0), at_the_same_error(encoded, their.error))
    print(found, flush=True)
    return found


def curves(peer: Peer, source: str) -> Curves:
    """Rate and distortion of each codec (see `size_page.CODECS`) over every second qp."""
    parameters = tensor(source, CURVE_WEIGHTS)
    found = {}
    for name, options in CODECS.items():
        encoder = ours if "rdo" in options else partial(theirs, peer)
        found[name] = tuple(encoder(parameters, qp, **options) for qp in QPS[::2])
        print(source, name, f"{at_error(found[name], 3e-4):.4f} bits a weight at 3e-4", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", metavar="PYTHON", required=True, help="Python of an environment with the independent codec")
    parser.add_argument("--weights", type=int, default=1_000_000, help="of each tensor of the table")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    arguments = parser.parse_args()
    with Peer(arguments.peer, seconds=60.0) as peer:
        table = tuple(rows(peer, arguments.weights))
        figures = {source: curves(peer, source) for source in SOURCES}
    arguments.output.joinpath("size.md").write_text(page(table, figures, arguments.weights), encoding="utf-8")
    arguments.output.joinpath("size.svg").write_text(plot(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
