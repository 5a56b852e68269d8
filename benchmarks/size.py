"""Compare sizes and errors with those of the independent codec; writes docs/size.md.

    python benchmarks/size.py --peer PYTHON [--weights N] [--only-frontiers] [--output DIR]

It also writes docs/size.svg and docs/frontier.svg, and takes half an hour. The peer encodes with its rate-distortion
optimisation on (lambda_scale 0.1); both have unary length 10 and search for parameter sets.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from frontier import HEADING as FRONTIERS
from frontier import Compared, compare, section
from frontier import plot as plot_frontiers
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
"""Standard deviation of the weights."""
RATES = (0.3, 2.0, 4.0)
"""Bits per weight of the rows; the qp is the one closest to each without optimisation."""
QPS = range(-42, -5)
"""qp of the curves."""
DENSITY = 2
"""qp_density of both codecs."""
PEER_OPTIONS = {"qp_density": DENSITY, "lambda_scale": 0.1, "cabac_unary_length_minus1": 9, "codebook_mode": 0}
"""Options of the peer by its own names."""
NETWORK_QP = -22
"""qp of the weights of networks."""
NETWORK_VECTOR_QP = -40
"""qp of the vectors of networks."""
CURVE_WEIGHTS = 1 << 18
"""Weights of the tensors of the curves."""
FRONTIER_WEIGHTS = 1 << 17
"""Weights of the tensors of the frontiers."""
FRONTIER_NETWORKS = ("digits-cnn", "digits-depthwise", "digits-mlp", "digits-transformer")
"""Networks whose frontiers are compared."""
BISECTIONS = 9
"""Steps of the search for the same error."""


def tensor(source: str, weights: int) -> Parameters:
    """Make a matrix of about this many weights."""
    rows = int(weights**0.5)
    return {"x": SOURCES[source](15938, rows * (weights // rows), DEVIATION).reshape(rows, -1)}


def squared_error(parameters: Parameters, decoded: Parameters) -> float:
    """Sum the squared errors of all parameters."""
    return sum(float(np.sum((values.astype(np.float64) - decoded[name]) ** 2)) for name, values in parameters.items())


def count(parameters: Parameters) -> int:
    """Count the values of all parameters."""
    return sum(values.size for values in parameters.values())


def point(parameters: Parameters, stream: bytes, qp: int) -> Point:
    """Decode a stream and measure it."""
    error = squared_error(parameters, decode(stream).parameters)
    return Point(qp, len(stream), count(parameters), error / count(parameters) / float(step_size(DENSITY, qp)) ** 2)


def ours(parameters: Parameters, qp: int, **options: Any) -> Point:
    """Encode with our encoder."""
    return point(parameters, encode(parameters, options=EncoderOptions(qp=qp, qp_density=DENSITY, unary_length=10, **options)), qp)


def theirs(peer: Peer, parameters: Parameters, qp: int, **options: Any) -> Point:
    """Encode with the peer."""
    return point(parameters, peer.encode(parameters, qp=qp, **(PEER_OPTIONS | options)), qp)


def at_same_error(encoded: Callable[[float], Point], error: float) -> Point:
    """Search for the rdo that gives at most this error, by bisection."""
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
    """Measure the tensors of each source at each rate, then the networks."""
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
    """Measure a tensor or network."""
    their = theirs(peer, parameters, qp, use_dq=dq, **options)

    def encoded(rdo: float) -> Point:
        return ours(parameters, qp, dq=dq, rdo=rdo, **options)

    found = Row(name, dq, their, encoded(1.0), at_same_error(encoded, their.error))
    print(found, flush=True)
    return found


def curves(peer: Peer, source: str) -> Curves:
    """Measure rate and distortion of each codec (see `size_page.CODECS`) over every second qp."""
    parameters = tensor(source, CURVE_WEIGHTS)
    found = {}
    for name, options in CODECS.items():
        encoder = ours if "rdo" in options else partial(theirs, peer)
        found[name] = tuple(encoder(parameters, qp, **options) for qp in QPS[::2])
        print(source, name, f"{at_error(found[name], 3e-4):.4f} bits per weight at 3e-4", flush=True)
    return found


def frontiers(peer: Peer) -> Iterator[Compared]:
    """Compare frontiers of all sources and of the weights of `FRONTIER_NETWORKS`."""
    tensors: dict[str, Any] = {source: tensor(source, FRONTIER_WEIGHTS) for source in SOURCES}
    for name in FRONTIER_NETWORKS:
        parameters = extract(packaged_networks.model_bytes(name)).parameters
        tensors[name] = {
            key: value for key, value in parameters.items() if value.dtype == np.float32 and sum(axis > 1 for axis in value.shape) > 1
        }
    for name, parameters in tensors.items():
        for dq in (False, True):
            found = compare(
                name,
                dq,
                lambda qp, rdo, parameters=parameters, dq=dq: ours(parameters, qp, dq=dq, rdo=rdo),  # type: ignore[misc]
                lambda qp, weight, parameters=parameters, dq=dq: theirs(peer, parameters, qp, use_dq=dq, lambda_scale=weight),  # type: ignore[misc]
            )
            print(name, "dq" if dq else "uniform", f"{found.difference:+.2f} %", max(found.points, key=lambda p: p[1]), flush=True)
            yield found


def main() -> None:
    """Measure, and write page and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", required=True, help="Python of the independent codec's environment (tests/peer/setup)")
    parser.add_argument("--weights", type=int, default=1_000_000, help="weights of each tensor of the table (default %(default)s)")
    parser.add_argument("--only-frontiers", action="store_true", help="measure only the frontiers, and keep the rest of the page")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder to write to (default %(default)s)")
    arguments = parser.parse_args()
    page_file = arguments.output / "size.md"
    with Peer(arguments.peer, seconds=60.0) as peer:
        compared = tuple(frontiers(peer))
        arguments.output.joinpath("frontier.svg").write_text(plot_frontiers(compared), encoding="utf-8")
        if arguments.only_frontiers:
            kept, _, _ = page_file.read_text(encoding="utf-8").partition(f"\n{FRONTIERS}\n")
            page_file.write_text("\n".join([kept.rstrip("\n"), "", *section(compared)]), encoding="utf-8")
            return
        table = tuple(rows(peer, arguments.weights))
        figures = {source: curves(peer, source) for source in SOURCES}
    page_file.write_text(page(table, figures, arguments.weights, section(compared)), encoding="utf-8")
    arguments.output.joinpath("size.svg").write_text(plot(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
