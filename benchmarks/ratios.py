"""Measures our entropy coder against the independent codec's bare compiled core.

Each pair is one process of tests/peer/peer.py that times some rounds, between equally many rounds
of ours on the same indexes. The result is the ratio of the two medians, so whatever slows the
machine down slows both.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from nnc_conformance.reference import EncoderOptions, decode_indices, encode, encode_indices
from nnc_conformance.reference.entropy.coding import NO_HISTORY, TensorCoding, TensorHistory
from nnc_conformance.reference.quantization.quantizer import quantize
from nnc_conformance.reference.updates.base_model import BASE_LIMIT

PEER_DRIVER: Final = Path(__file__).parents[1] / "tests" / "peer" / "peer.py"
WEIGHTS: Final = 1_000_000
"""Weights of the tensor at each point."""
UNARY_LENGTH: Final = 10
"""cabac_unary_length of both codecs."""
ROUNDS: Final = 3
"""Rounds that one median is taken of."""
STEP: Final = 2.0**-6
"""Quantization step size."""
QP: Final = -24
"""Quantization parameter of `STEP` at the peer's density, 2."""
SCALES: Final = {
    (0.3, 0): 0.1567,
    (1.5, 0): 0.4728,
    (2.0, 0): 0.6861,
    (4.0, 0): 2.8648,
    (6.5, 0): 15.5569,
    (0.3, 1): 0.1704,
    (1.5, 1): 0.6883,
    (2.0, 1): 1.0727,
    (4.0, 1): 5.3378,
    (6.5, 1): 30.7058,
}
"""Scale of a Laplacian in steps, by (bits per weight that it takes, dq)."""


@dataclass(frozen=True)
class Point:
    """A point of the grid of measurements."""

    bits: float
    dq: int
    scan: int

    @property
    def name(self) -> str:
        """The point in words."""
        return f"{self.bits:g} bit, dq {self.dq}, scan {self.scan}"


GRID: Final = tuple(Point(bits, dq, scan) for dq in (0, 1) for scan in (0, 2) for bits in (0.3, 2.0, 4.0))
"""All points."""


@dataclass
class Ratios:
    """The measurements at one point.

    Args:
        decode: How many times as fast as the peer we decode, one ratio per pair.
        encode: The same for encoding.
        seconds: Seconds of each round, by codec and direction.
        bytes: Bytes of our codeword and of the peer's.
    """

    decode: list[float] = field(default_factory=list)
    encode: list[float] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    bytes: tuple[int, int] = (0, 0)

    def add(self, direction: str, ours: list[float], theirs: list[float]) -> None:
        """Add a pair."""
        getattr(self, direction).append(statistics.median(theirs) / statistics.median(ours))
        self.seconds.setdefault(f"our {direction}", []).extend(ours)
        self.seconds.setdefault(f"peer {direction}", []).extend(theirs)


def laplacian(point: Point, weights: int) -> npt.NDArray[np.float32]:
    """Make a matrix of a thousand columns."""
    values = np.random.default_rng(15938).laplace(scale=SCALES[point.bits, point.dq] * STEP, size=(weights // 1000, 1000))
    return values.astype(np.float32)


def time_rounds(work: Callable[[], Any], rounds: int = ROUNDS, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Return the seconds of each round."""
    seconds = []
    for _ in range(rounds):
        start = clock()
        work()
        seconds.append(clock() - start)
    return seconds


class PeerCore:
    """The peer's core on one tensor: its indexes, payload and times."""

    def __init__(self, python: str, folder: Path, point: Point, weights: int) -> None:
        self._source, self._target = folder / "x.safetensors", folder / "core.safetensors"
        self._command = [python, str(PEER_DRIVER), "time", str(self._source), str(self._target)]
        self._command += [f"qp={QP}", f"dq={point.dq}", f"scan={point.scan}", f"unary={UNARY_LENGTH}"]
        save_file({"x": laplacian(point, weights)}, self._source)
        self.seconds(0)
        tensors = load_file(self._target)
        self.indexes, self.payload = tensors["q"], tensors["payload"].tobytes()

    def seconds(self, rounds: int = ROUNDS) -> dict[str, list[float]]:
        """Return the seconds of each round by direction."""
        process = subprocess.run([*self._command, f"rounds={rounds}"], capture_output=True, text=True, check=False)
        if process.returncode:
            sys.exit(f"the peer's core failed: {process.stderr.strip()}")
        times: dict[str, list[float]] = json.loads(process.stdout)
        return times


def measure(python: str, point: Point, *, pairs: int, weights: int = WEIGHTS) -> Ratios:
    """Measure the ratios at one point; raise `AssertionError` if decoded indexes differ."""
    options: dict[str, Any] = {"dq": bool(point.dq), "scan_order": point.scan, "unary_length": UNARY_LENGTH}
    with tempfile.TemporaryDirectory(prefix="nnc-speed-") as folder:
        core = PeerCore(python, Path(folder), point, weights)
        shape = core.indexes.shape

        def read() -> npt.NDArray[np.int32]:
            return decode_indices(core.payload, shape, **options)

        def write() -> bytes:
            return encode_indices(core.indexes, **options)

        ours = write()
        assert np.array_equal(read(), core.indexes)
        assert np.array_equal(decode_indices(ours, shape, **options), core.indexes)
        ratios = Ratios(bytes=(len(ours), len(core.payload)))
        for _ in range(pairs):
            before = {"decode": time_rounds(read), "encode": time_rounds(write)}
            theirs = core.seconds()
            after = {"decode": time_rounds(read), "encode": time_rounds(write)}
            for direction in ("decode", "encode"):
                ratios.add(direction, before[direction] + after[direction], theirs[direction])
    return ratios


@dataclass(frozen=True)
class WholePoint:
    """A point of the measurements of whole encodes.

    Args:
        rdo: Whether rate-distortion optimisation is on: rdo 1 here, lambda_scale 0.1 in the peer.
    """

    bits: float
    dq: int
    rdo: int

    @property
    def name(self) -> str:
        """The point in words."""
        return f"{self.bits:g} bit, dq {self.dq}, rdo {'on' if self.rdo else 'off'}"


WHOLE_GRID: Final = tuple(WholePoint(bits, dq, rdo) for dq in (0, 1) for rdo in (0, 1) for bits in (0.3, 1.5, 2.0, 4.0, 6.5))
"""All points of whole encodes."""
PEER_LAMBDA: Final = 0.1
"""lambda_scale of the peer with rate-distortion optimisation on."""


def measure_encode(python: str, point: WholePoint, *, pairs: int, weights: int = WEIGHTS) -> Ratios:
    """Measure whole encodes through both public interfaces.

    A ratio is that of the least processor times: a machine with other work can only lengthen one.
    """
    ratios = Ratios()
    with tempfile.TemporaryDirectory(prefix="nnc-speed-") as folder:
        source, target = Path(folder) / "x.safetensors", Path(folder) / "x.nnr"
        parameters = {"x": laplacian(Point(point.bits, point.dq, 0), weights)}
        save_file(parameters, source)
        options = EncoderOptions(qp=QP, nonweight_qp=QP, qp_density=2, dq=bool(point.dq), rdo=float(point.rdo), unary_length=UNARY_LENGTH)
        command = [python, str(PEER_DRIVER), "time-encode", str(source), str(target), f"rounds={ROUNDS}", f"qp={QP}", f"nonweight_qp={QP}"]
        command += ["qp_density=2", f"use_dq={bool(point.dq)}", f"lambda_scale={PEER_LAMBDA * point.rdo}", "codebook_mode=0"]
        command += [f"cabac_unary_length_minus1={UNARY_LENGTH - 1}"]

        def write() -> bytes:
            return encode(parameters, options=options)

        size = len(write())
        for _ in range(pairs):
            before = time_rounds(write, clock=time.thread_time)
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode:
                sys.exit(f"the peer failed: {process.stderr.strip()}")
            theirs, ours = json.loads(process.stdout)["encode"], before + time_rounds(write, clock=time.thread_time)
            ratios.encode.append(min(theirs) / min(ours))
            ratios.seconds.setdefault("our encode", []).extend(ours)
            ratios.seconds.setdefault("peer encode", []).extend(theirs)
        ratios.bytes = size, target.stat().st_size
    return ratios


TOOLS: Final = ("row_skip", "tca", "hdsp")
"""Tools of the second edition that change how indexes are coded."""


@dataclass(frozen=True)
class UpdatePoint:
    """A point of the measurements of updates.

    Args:
        tools: The tools that are on.
    """

    bits: float
    dq: int
    tools: tuple[str, ...]

    @property
    def name(self) -> str:
        """The point in words."""
        return f"{self.bits:g} bit, dq {self.dq}, {', '.join(self.tools) or 'no tool'}"


UPDATE_GRID: Final = tuple(
    UpdatePoint(bits, dq, tools) for dq in (0, 1) for bits in (0.3, 2.0) for tools in ((), *((tool,) for tool in TOOLS), TOOLS)
)
"""All points of updates."""
SKIPPED_SHARE: Final = 1 / 3
"""Share of the rows that an update leaves as they were."""
KEPT_SHARE: Final = 1 / 2
"""Share of the places whose last index was that of the update."""


def made_update(point: UpdatePoint, weights: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Make the indexes of an update, and those of the update before."""
    rng = np.random.default_rng(15938)
    values = laplacian(Point(point.bits, point.dq, 0), weights)
    values[rng.random(len(values)) < SKIPPED_SHARE] = 0
    coding = TensorCoding(
        rows=values.shape[0], columns=values.shape[1], scan_order=0, dq_flag=bool(point.dq), unary_length=UNARY_LENGTH, qp_delta_bits=0
    )
    indexes = quantize(values, STEP, coding, rdo=0).reshape(values.shape)
    before = np.where(rng.random(values.shape) < KEPT_SHARE, indexes, rng.permutation(indexes, axis=1)).astype(np.int32)
    return indexes, before


def measure_update(python: str, point: UpdatePoint, *, pairs: int, weights: int = WEIGHTS) -> Ratios:
    """Measure decoding of one payload at one point; raise `AssertionError` if decoded indexes
    differ.

    Times are of the processor, and a ratio is that of the shortest rounds: a machine with other
    work can only lengthen one.
    """
    indexes, before = made_update(point, weights)
    tca, hdsp, ratios = "tca" in point.tools, "hdsp" in point.tools, Ratios()
    seen = (before != 0).astype(np.uint8).reshape(-1)
    base = np.clip(before, -BASE_LIMIT, BASE_LIMIT).astype(np.int16).reshape(-1)
    history = TensorHistory(base if tca else NO_HISTORY.base, seen)
    options: dict[str, Any] = {"dq": bool(point.dq), "scan_order": 0, "unary_length": UNARY_LENGTH, "history": history}
    skipped = np.logical_not(indexes.any(axis=1)) if "row_skip" in point.tools else None
    payload = encode_indices(indexes, hdsp=hdsp, skipped=skipped, **options)

    def read() -> npt.NDArray[np.int32]:
        return decode_indices(payload, indexes.shape, **options)

    assert np.array_equal(read(), indexes)
    with tempfile.TemporaryDirectory(prefix="nnc-speed-") as folder:
        source = Path(folder) / "update.safetensors"
        tensors = {"q": indexes, "payload": np.frombuffer(payload, np.uint8).copy(), "seen": seen.astype(np.int8)}
        save_file(tensors | ({"base": before} if tca else {}), source)
        command = [python, str(PEER_DRIVER), "time-update", str(source), f"dq={point.dq}", f"unary={UNARY_LENGTH}"]
        command += [f"hdsp={int(hdsp)}", f"rounds={ROUNDS}"]
        for _ in range(pairs):
            ours = time_rounds(read, clock=time.thread_time)
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode:
                sys.exit(f"the peer's core failed: {process.stderr.strip()}")
            ratios.seconds.setdefault("our decode", []).extend(ours + time_rounds(read, clock=time.thread_time))
            ratios.seconds.setdefault("peer decode", []).extend(json.loads(process.stdout)["decode"])
    ratios.decode = [min(ratios.seconds["peer decode"]) / min(ratios.seconds["our decode"])]
    ratios.bytes = len(payload), len(payload)
    return ratios


def update_grid(python: str, *, pairs: int) -> Iterator[tuple[UpdatePoint, Ratios]]:
    """Measure all points of updates; yield each when it is done."""
    for point in UPDATE_GRID:
        yield point, measure_update(python, point, pairs=pairs)


def whole_grid(python: str, *, pairs: int) -> Iterator[tuple[WholePoint, Ratios]]:
    """Measure whole encodes at all points; yield each when it is done."""
    for point in WHOLE_GRID:
        yield point, measure_encode(python, point, pairs=pairs)


def grid(python: str, *, pairs: int) -> Iterator[tuple[Point, Ratios]]:
    """Measure all points; yield each when it is done."""
    for point in GRID:
        yield point, measure(python, point, pairs=pairs)


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return median, lower and upper quartile."""
    lower, middle, upper = np.quantile(values, (0.25, 0.5, 0.75))
    return float(middle), float(lower), float(upper)


def summary(figures: Sequence[float]) -> str:
    """Write median and quartiles."""
    middle, lower, upper = figures
    return f"{middle:.2f} ({lower:.2f} to {upper:.2f})"


def cell(values: list[float]) -> str:
    """Write the median and quartiles of values for a table."""
    return summary(spread(values))
