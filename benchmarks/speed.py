"""Compare the speed of our decoder with the independent codec's core; writes docs/performance.md.

    python benchmarks/speed.py --peer-python PATH [--pairs 9] [--only-whole] [--only-updates] [--output docs/performance.md]

It measures our entropy coder and a whole-stream decode against the bare compiled core, whole
encodes through both public interfaces, and decodes with the tools of the second edition. Every
ratio is measured in turns in one run, on one thread; above 1 is faster than the peer.
"""

import argparse
import platform
import re
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from ratios import (
    GRID,
    QP,
    ROUNDS,
    STEP,
    WEIGHTS,
    PeerCore,
    Point,
    Ratios,
    UpdatePoint,
    WholePoint,
    cell,
    grid,
    time_rounds,
    update_grid,
    whole_grid,
)
from streams import ID, of_one_tensor

from nnc_conformance import reference

ROOT = Path(__file__).parents[1]
HARNESS = "## The harness"
"""Heading of the section written by harness_overhead.py, which is kept."""
WHOLE_ENCODES = "## Whole encodes"
"""Heading of the section that --only-whole writes."""
UPDATES = "## Updates of the second edition"
"""Heading of the section that --only-updates writes."""
WHOLE = (Point(2.0, 0, 0), Point(2.0, 1, 0))
"""Points at which a whole stream is decoded."""


def whole_model(python: str, point: Point, pairs: int) -> list[float]:
    """Measure ratios of the peer's bare core to our `decode` of a whole stream.

    Both decode the same indexes; a stream also takes units and products.
    """
    with tempfile.TemporaryDirectory(prefix="nnc-speed-") as folder:
        core = PeerCore(python, Path(folder), point, WEIGHTS)
        stream = of_one_tensor(core.indexes, QP, dq_flag=bool(point.dq))
        decoded = reference.decode(stream).parameters[ID]
        assert np.array_equal(decoded, core.indexes.astype(np.float32) * np.float32(STEP))
        ratios = []
        for _ in range(pairs):
            before = time_rounds(lambda: reference.decode(stream))
            theirs = core.seconds()["decode"]
            after = time_rounds(lambda: reference.decode(stream))
            ratios.append(statistics.median(theirs) / statistics.median(before + after))
    return ratios


def row(point: Point, ratios: Ratios) -> str:
    """Write one point of the grid."""
    ours, theirs = ratios.bytes
    return f"| {point.name} | {cell(ratios.decode)} | {cell(ratios.encode)} | {ours} | {theirs} |"


def whole_row(point: WholePoint, ratios: Ratios) -> str:
    """Write one point of whole encodes."""
    ours, theirs = ratios.bytes
    seconds = [f"{1000 * min(ratios.seconds[f'{codec} encode']):.0f}" for codec in ("our", "peer")]
    ratio = min(ratios.seconds["peer encode"]) / min(ratios.seconds["our encode"])
    return f"| {point.name} | {ratio:.2f} | {seconds[0]} | {seconds[1]} | {ours} | {theirs} |"


def whole_encodes(python: str, pairs: int) -> list[str]:
    """Measure whole encodes; return the lines of their section."""
    return [
        WHOLE_ENCODES,
        "",
        f"The same weights from an array to a stream, through both public interfaces, one thread; measured on {time.strftime('%Y-%m-%d')}.",
        f"A ratio is that of the least processor times of {ROUNDS * pairs} rounds of the peer and {2 * ROUNDS * pairs} of ours, in turns;",
        "these are also the milliseconds.",
        "With rdo on, ours has `rdo` 1 and the peer lambda_scale 0.1. Their errors differ: docs/size.md compares sizes at equal errors.",
        "",
        "| point | encode | our ms | peer's ms | our bytes | their bytes |",
        "|---|---|---:|---:|---:|---:|",
        *(whole_row(point, ratios) for point, ratios in whole_grid(python, pairs=pairs)),
        "",
    ]


def update_row(point: UpdatePoint, ratios: Ratios) -> str:
    """Write one point of updates."""
    ours, theirs = (1000 * min(ratios.seconds[f"{codec} decode"]) for codec in ("our", "peer"))
    return f"| {point.name} | {ratios.decode[0]:.2f} | {ours:.1f} | {theirs:.1f} | {ratios.bytes[0]} |"


def updates(python: str, pairs: int) -> list[str]:
    """Measure decodes with the tools of the second edition; return the lines of their section."""
    return [
        UPDATES,
        "",
        f"One payload of an update, decoded by `decode_indices` and by the peer's bare core to the same {WEIGHTS} indexes, one thread;",
        f"measured on {time.strftime('%Y-%m-%d')}. A ratio is that of the least processor times of {ROUNDS * pairs} rounds of the peer and",
        f"{2 * ROUNDS * pairs} of ours, in turns. A third of the rows is zero. Half of the indexes are those of the update before.",
        "",
        "| point | decode | our ms | peer's ms | bytes |",
        "|---|---|---:|---:|---:|",
        *(update_row(point, ratios) for point, ratios in update_grid(python, pairs=pairs)),
        "",
    ]


def with_section(page: str, section: list[str]) -> str:
    """Return the page with the section in place of the one with its heading, else before `HARNESS`."""
    text = "\n".join(section)
    pattern = re.compile(rf"^{re.escape(section[0])}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(page):
        return pattern.sub(lambda _: f"{text}\n", page)
    before, heading, after = page.partition(f"{HARNESS}\n")
    return before.rstrip("\n") + f"\n\n{text}\n{heading}{after}"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--peer-python", required=True, metavar="PATH", help="Python of the independent codec's environment (tests/peer/setup)"
    )
    parser.add_argument("--pairs", type=int, default=9, help="pairs of measurements at each point (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance.md", help="page to write (default %(default)s)")
    parser.add_argument("--only-whole", action="store_true", help="measure only whole encodes, and keep the rest")
    parser.add_argument("--only-updates", action="store_true", help="measure only the tools of the second edition, and keep the rest")
    arguments = parser.parse_args()
    earlier = arguments.output.read_text(encoding="utf-8") if arguments.output.exists() else ""
    if arguments.only_updates or arguments.only_whole:
        measured = updates if arguments.only_updates else whole_encodes
        page = with_section(earlier, measured(arguments.peer_python, arguments.pairs))
        arguments.output.write_text(page, encoding="utf-8")
        return
    start = time.monotonic()
    rows = [row(point, ratios) for point, ratios in grid(arguments.peer_python, pairs=arguments.pairs)]
    whole = [f"| {point.name} | {cell(whole_model(arguments.peer_python, point, arguments.pairs))} |" for point in WHOLE]
    minutes = (time.monotonic() - start) / 60
    lines = [
        "# Performance",
        "",
        f"Made by `python benchmarks/speed.py --peer-python PATH --pairs {arguments.pairs}` in {minutes:.0f} minutes",
        f"on {platform.machine()}, Python {platform.python_version()}; {WEIGHTS} Laplacian weights, {len(GRID)} points, one thread.",
        "A figure says how many times as fast as the independent codec's bare compiled core ours is, both measured in turns:",
        "the median of the pairs and, in brackets, their quartiles, which show the noise.",
        "Encoding includes the search for parameter sets in both codecs; bytes are those of the codeword for the same indexes.",
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
        "",
    ]
    _, heading, harness = earlier.partition(f"\n{HARNESS}\n")
    page = "\n".join(lines) + "\n" + heading + harness
    for measured in (whole_encodes, updates):
        page = with_section(page, measured(arguments.peer_python, arguments.pairs))
    arguments.output.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
