"""Measure seconds and memory from 1e4 to 1e8 weights, sessions and two threads; writes docs/scale.md.

    python benchmarks/scale.py [--most 1e8] [--output docs]

It also writes docs/scale.svg, and takes some minutes. Each point is measured in a new process that
has compiled and decoded before. Memory is the peak of resident memory above that (VmHWM, after
resetting it); every large array has its own pages, so that freed memory is returned.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from ratios import cell
from streams import of_one_tensor

from nnc_conformance.reference import BaseModel, EncoderOptions, decode, encode

ROOT: Final = Path(__file__).parents[1]
MIB: Final = 1 << 20
SIZES: Final = tuple(10**exponent for exponent in range(4, 9))
"""Weights of the models."""
LARGEST_TENSOR: Final = 4_000_000
"""Weights of each tensor in larger models."""
QP: Final = -20
"""Quantization parameter of all tensors."""
DEVIATION: Final = 0.02
"""Scale of the Laplacian weights."""
ENVIRONMENT: Final = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Settings of malloc that return freed memory."""
CHANGED: Final = 0.1
"""Share of the weights that an update changes, by some steps."""
UPDATES: Final = 2
"""Updates of a session."""
THREAD_SIZES: Final = (10_000, 100_000, 1_000_000, 8_000_000, 32_000_000)
"""Weights of the models for two threads."""
RESOLVED: Final = 1_000_000
"""Weights from which resident memory shows the bytes that a history takes."""
PAIRS: Final = 9
"""Pairs of measurements with one and two threads."""


@dataclass(frozen=True)
class Point:
    """Measurements of one model.

    Args:
        weights: Weights of the model.
        largest: Weights of its largest tensor.
        dq: Whether dependent quantization is on.
        encode_seconds: Seconds to encode.
        decode_seconds: Seconds to decode.
        encode_peak: MiB above the process with its input.
        decode_peak: MiB above the process with the stream.
        stream: MiB of the stream.
    """

    weights: int
    largest: int
    dq: bool
    encode_seconds: float
    decode_seconds: float
    encode_peak: float
    decode_peak: float
    stream: float

    @property
    def output(self) -> float:
        """MiB of the decoded parameters."""
        return 4 * self.weights / MIB

    @property
    def encode_bytes(self) -> float:
        """Bytes per weight of the largest tensor needed to encode, beyond stream + 32 MiB."""
        return max(0.0, (self.encode_peak - self.stream - 32) * MIB / self.largest)

    @property
    def decode_left(self) -> float:
        """MiB of output + stream + 32 MiB that decoding did not need."""
        return self.output + self.stream + 32 - self.decode_peak


@dataclass(frozen=True)
class SessionPoint:
    """Measurements of a session: a whole model and updates of it.

    Args:
        weights: Weights of the model.
        base_seconds: Seconds to decode the whole model.
        update_seconds: Seconds to decode the last update.
        encode_seconds: Seconds to encode the last update.
        update_peak: MiB above the process with the streams and the model before, to decode the last
            update.
        model: MiB resident with the model after the last update, above the process with the streams.
        update: MiB of the last update.
    """

    weights: int
    base_seconds: float
    update_seconds: float
    encode_seconds: float
    update_peak: float
    model: float
    update: float

    @property
    def history_bytes(self) -> float:
        """Bytes per weight of the model after a session beyond its parameters."""
        return self.model * MIB / self.weights - 4


def model(weights: int, largest: int) -> dict[str, np.ndarray]:
    """Make Laplacian tensors of at most a thousand columns."""
    draw = np.random.default_rng(weights)
    columns = min(1000, largest // 10)
    shapes = [(min(largest, weights - first) // columns, columns) for first in range(0, weights, largest)]
    return {f"layer{number}": laplacian(draw, shape) for number, shape in enumerate(shapes)}


def laplacian(draw: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Make a float32 tensor in pieces, so that this leaves no memory peak."""
    values = np.empty(shape, np.float32)
    for row in range(0, shape[0], 256):
        values[row : row + 256] = draw.laplace(scale=DEVIATION, size=values[row : row + 256].shape)
    return values


def resident(field: str) -> float:
    """Return MiB of a field of /proc/self/status."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def peak_of(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result of ``work``, its seconds, and its memory peak in MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    before, start = resident("VmRSS"), time.perf_counter()
    result = work()
    return result, time.perf_counter() - start, resident("VmHWM") - before


def measure(weights: int, dq: bool) -> Point:
    """Measure one model in this process."""
    options = EncoderOptions(qp=QP, dq=dq)
    decode(encode(model(10_000, 10_000), options=options))
    largest = min(weights, LARGEST_TENSOR)
    parameters = model(weights, largest)
    stream, encode_seconds, encode_peak = peak_of(lambda: encode(parameters, options=options))
    names = list(parameters)
    parameters.clear()
    decoded, decode_seconds, decode_peak = peak_of(lambda: decode(stream))
    assert list(decoded.parameters) == names
    return Point(weights, largest, dq, encode_seconds, decode_seconds, encode_peak, decode_peak, len(stream) / MIB)


def session_streams(weights: int) -> tuple[list[bytes], float]:
    """Return the streams of a session, and the seconds to encode the last."""
    parameters = model(weights, min(weights, LARGEST_TENSOR))
    streams = [encode(parameters, options=EncoderOptions(qp=QP, edition=2024))]
    base = decode(streams[0], base=BaseModel()).model
    draw = np.random.default_rng(weights)
    seconds = 0.0
    for _ in range(UPDATES):
        for values in parameters.values():
            for row in values:
                row += DEVIATION * draw.laplace(size=row.shape) * (draw.random(row.shape) < CHANGED)
        start = time.perf_counter()
        streams.append(encode(parameters, base=base, options=EncoderOptions(qp=QP)))
        seconds = time.perf_counter() - start
        base = decode(streams[-1], base=base).model
    return streams, seconds


def _model_after(stream: bytes, base: BaseModel | None) -> BaseModel | None:
    return decode(stream, base=base).model


def measure_session(weights: int) -> SessionPoint:
    """Measure one session in this process."""
    warm_up: BaseModel | None = BaseModel()
    for stream in session_streams(10_000)[0]:
        warm_up = decode(stream, base=warm_up).model
    streams, encode_seconds = session_streams(weights)
    before = resident("VmRSS")
    base: BaseModel | None = BaseModel()
    seconds, peak = [], 0.0
    for stream in streams:
        base, taken, peak = peak_of(partial(_model_after, stream, base))
        seconds.append(taken)
    kept = resident("VmRSS") - before
    return SessionPoint(weights, seconds[0], seconds[-1], encode_seconds, peak, kept, len(streams[-1]) / MIB)


def in_new_process(*words: str) -> Any:
    """Return what this script prints, as JSON, in a process of its own."""
    command = [sys.executable, __file__, *words]
    return json.loads(subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True).stdout)


def measure_sessions(most: int) -> Iterator[SessionPoint]:
    """Measure all sessions, each in a new process."""
    for weights in SIZES:
        if weights <= most:
            yield SessionPoint(**in_new_process("--session", str(weights)))


def measure_all(most: int) -> Iterator[Point]:
    """Measure all models, each in a new process."""
    for dq in (False, True):
        for weights in SIZES:
            if weights <= most:
                yield Point(**in_new_process("--point", str(weights), str(int(dq))))


def threads(weights: int, tensors: int, scan_order: int) -> tuple[str, list[float], list[float]]:
    """Measure how many times as fast two threads are as one, in turns."""
    options = EncoderOptions(qp=QP, scan_order=scan_order)
    parameters = model(weights, weights // tensors)
    stream = encode(parameters, options=options) if scan_order == 0 or tensors > 1 else scanned(weights, scan_order)
    ratios: dict[str, list[float]] = {"decode": [], "encode": []}
    works: dict[str, Callable[[int], Any]] = {"decode": lambda number: decode(stream, threads=number)}
    if tensors > 1:
        works["encode"] = lambda number: encode(parameters, options=options, threads=number)
    for direction, work in works.items():
        for _ in range(PAIRS):
            seconds = {}
            for number in (1, 2):
                start = time.perf_counter()
                work(number)
                seconds[number] = time.perf_counter() - start
            ratios[direction].append(seconds[1] / seconds[2])
    name = f"{tensors} tensors" if tensors > 1 else f"one tensor, entry points of scan {scan_order}"
    return name, ratios["decode"], ratios["encode"]


def scanned(weights: int, scan_order: int) -> bytes:
    """Write a stream of one tensor with block rows and their entry points."""
    indexes = np.rint(np.random.default_rng(weights).laplace(scale=0.7, size=(weights // 100, 100))).astype(np.int32)
    return of_one_tensor(indexes, QP, scan_order=scan_order)


def page(points: list[Point], sessions: list[SessionPoint], rows: list[str]) -> str:
    """Write the page in Markdown."""
    lines = [
        "# Scale",
        "",
        "Written by `benchmarks/scale.py`. Models of Laplacian tensors, of at most four million weights each, at qp -20; one thread.",
        "Peaks are resident memory above that of a warm process with the input (encode) or the stream (decode).",
        "*Left* is the part of output + stream + 32 MiB that decoding did not need; *bytes per weight* is what encoding needed beyond",
        "stream + 32 MiB, per weight of the largest tensor.",
        "",
        "| weights | dq | encode, s | ns per weight | decode, s | ns per weight | stream, MiB | encode peak, MiB | bytes per weight "
        "| decode peak, MiB | left, MiB |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {point.weights} | {'on' if point.dq else 'off'} "
            f"| {point.encode_seconds:.3f} | {1e9 * point.encode_seconds / point.weights:.0f} "
            f"| {point.decode_seconds:.3f} | {1e9 * point.decode_seconds / point.weights:.1f} | {point.stream:.2f} "
            f"| {point.encode_peak:.0f} | {point.encode_bytes:.1f} | {point.decode_peak:.0f} | {point.decode_left:.0f} |"
            for point in points
        ),
        "",
        "![Seconds by weights](scale.svg)",
        "",
        "## Sessions",
        "",
        f"A whole model and {UPDATES} updates of the second edition, each of which changes {CHANGED:.0%} of the weights; the encoder",
        "chooses the tools. *History* is what the model after a session keeps beyond the 4 bytes of each parameter, for later",
        "updates; smaller models do not show it in resident memory.",
        "",
        "| weights | whole model: decode, s | update: encode, s | ns per weight | update: decode, s | ns per weight | update, MiB "
        "| decode peak, MiB | history, bytes per weight |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {point.weights} | {point.base_seconds:.3f} "
            f"| {point.encode_seconds:.3f} | {1e9 * point.encode_seconds / point.weights:.0f} "
            f"| {point.update_seconds:.3f} | {1e9 * point.update_seconds / point.weights:.1f} | {point.update:.2f} "
            f"| {point.update_peak:.0f} | {f'{point.history_bytes:.2f}' if point.weights >= RESOLVED else '-'} |"
            for point in sessions
        ),
        "",
        "## Two threads",
        "",
        f"How many times as fast two threads are as one: median and quartiles of {PAIRS} pairs, measured in turns. Units too small for a",
        "thread, and tensors without entry points, use one thread.",
        "",
        "| weights | model | decode | encode |",
        "|---:|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


def plot(points: list[Point]) -> str:
    """Plot seconds against weights, both logarithmic; slope 1 is linear cost."""
    width, height, left, bottom = 640, 400, 60, 40

    def at(weights: float, seconds: float) -> tuple[float, float]:
        x = left + (width - left - 20) * (np.log10(weights) - 4) / 4
        y = height - bottom - (height - bottom - 20) * (np.log10(seconds) + 4) / 7
        return float(x), float(y)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12" fill="#111827">',
        "<title>Seconds to encode and to decode, by number of weights</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for exponent in range(4, 9):
        x, _ = at(10**exponent, 1)
        parts.append(f'<line x1="{x:.0f}" y1="20" x2="{x:.0f}" y2="{height - bottom}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{x:.0f}" y="{height - bottom + 16}" text-anchor="middle">1e{exponent} weights</text>')
    for exponent in range(-4, 4):
        _, y = at(1e4, 10.0**exponent)
        parts.append(f'<line x1="{left}" y1="{y:.0f}" x2="{width - 20}" y2="{y:.0f}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">1e{exponent} s</text>')
    styles = (("encode_seconds", False, "#b45309", ""), ("encode_seconds", True, "#b45309", "5 3"),
              ("decode_seconds", False, "#1d4ed8", ""), ("decode_seconds", True, "#1d4ed8", "5 3"))  # fmt: skip
    for number, (field, dq, colour, dash) in enumerate(styles):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(p.weights, getattr(p, field)) for p in points if p.dq == dq))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        label = f"{field.partition('_')[0]}, dq {'on' if dq else 'off'}"
        parts.append(f'<line x1="80" y1="{32 + 16 * number}" x2="104" y2="{32 + 16 * number}" stroke="{colour}" stroke-width="2" '
                     f'stroke-dasharray="{dash}"/><text x="110" y="{36 + 16 * number}">{label}</text>')  # fmt: skip
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure, and write page and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=float, default=1e8, help="weights of the largest model (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder to write to (default %(default)s)")
    parser.add_argument("--point", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--session", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.point:
        print(json.dumps(measure(arguments.point[0], bool(arguments.point[1])).__dict__))
        return
    if arguments.session:
        print(json.dumps(measure_session(arguments.session).__dict__))
        return
    points = []
    for point in measure_all(int(arguments.most)):
        print(point, flush=True)
        points.append(point)
    sessions = []
    for session in measure_sessions(int(arguments.most)):
        print(session, flush=True)
        sessions.append(session)
    rows = []
    for weights in THREAD_SIZES:
        for tensors, scan_order in ((8, 0), (1, 3)):
            name, decoding, encoding = threads(weights, tensors, scan_order)
            rows.append(f"| {weights} | {name} | {cell(decoding)} | {cell(encoding) if encoding else '-'} |")
            print(rows[-1], flush=True)
    arguments.output.joinpath("scale.md").write_text(page(points, sessions, rows), encoding="utf-8")
    arguments.output.joinpath("scale.svg").write_text(plot(points), encoding="utf-8")


if __name__ == "__main__":
    main()
