"""Writes docs/performance.md: our entropy coder and a whole-stream decode beside the independent codec's bare compiled core.

    python benchmarks/speed.py --peer-python PATH [--pairs 9] [--output docs/performance.md]

Every ratio is of medians measured in turns in one run; above 1 is faster than the independent codec. One thread.
"""

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from ratios import GRID, QP, STEP, WEIGHTS, PeerCore, Point, Ratios, cell, grid, timed
from streams import ID, of_one_tensor

from nnc_conformance import reference

ROOT = Path(__file__).parents[1]
HARNESS = "## The harness"
"""Heads the section that another benchmark's figures stand in: kept as it is."""
WHOLE = (Point(2.0, 0, 0), Point(2.0, 1, 0))
"""The points at which a whole stream goes through the public decoder."""


def whole_model(python: str, point: Point, pairs: int) -> list[float]:
    """Ratios of the peer's bare core to our `decode` of a whole stream (units, entropy decoding, products) on the same indexes."""
    with tempfile.TemporaryDirectory(prefix="nnc-speed-") as folder:
        core = PeerCore(python, Path(folder), point, WEIGHTS)
        stream = of_one_tensor(core.indexes, QP, dq_flag=bool(point.dq))
        decoded = reference.decode(stream).parameters[ID]
        assert np.array_equal(decoded, core.indexes.astype(np.float32) * np.float32(STEP))
        ratios = []
        for _ in range(pairs):
            before = timed(lambda: reference.decode(stream))
            theirs = core.seconds()["decode"]
            after = timed(lambda: reference.decode(stream))
            ratios.append(statistics.median(theirs) / statistics.median(before + after))
    return ratios


def row(point: Point, ratios: Ratios) -> str:
    """One point of the grid."""
    ours, theirs = ratios.bytes
    return f"| {point.name} | {cell(ratios.decode)} | {cell(ratios.encode)} | {ours} | {theirs} |"


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", required=True, help="Python of the independent codec's environment (tests/peer/setup)")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance.md")
    arguments = parser.parse_args()
    start = time.monotonic()
    rows = [row(point, ratios) for point, ratios in grid(arguments.peer_python, pairs=arguments.pairs)]
    whole = [f"| {point.name} | {cell(whole_model(arguments.peer_python, point, arguments.pairs))} |" for point in WHOLE]
    minutes = (time.monotonic() - start) / 60
    lines = [
        "# Performance",
        "",
        f"Made by `python benchmarks/speed.py --peer-python PATH --pairs {arguments.pairs}` in {minutes:.0f} minutes",
        f"on {platform.machine()}, Python {platform.python_version()}; {WEIGHTS} Laplacian weights, {len(GRID)} points, one thread.",
        "A figure is how many times as fast as the independent codec's bare compiled core ours is, both measured in turns:",
        "the median of the pairs, and their quartiles, which show the noise.",
        "Encoding includes the search of parameter sets on both sides; bytes are those of the codeword on the same indexes.",
        "",
        "| point | decode | encode | our bytes | their bytes |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "A whole stream through `nnc_conformance.reference.decode` (units, entropy decoding, products) against the same bare core:",
        "",
        "| point | decode |",
        "|---|---|",
        *whole,
    ]
    earlier = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
    _, heading, harness = earlier.partition(f"\n{HARNESS}\n")
    arguments.output.write_text("\n".join(lines) + "\n" + heading + harness, encoding="utf-8")


if __name__ == "__main__":
    main()
