"""Measure what each technique of the fast decoder is worth; writes docs/techniques.md.

    python benchmarks/techniques.py [--pairs 9] [--output docs/techniques.md]

A technique is measured by leaving it out: a copy of reference/ with a few lines changed is compiled
along with the unchanged one, and both decode the same codewords in turns. Every variant decodes
exactly. The page also states cycles per bin; a cycle is the time of one of a chain of dependent
additions.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ratios import SCALES as SCALES_OF_POINTS
from ratios import WEIGHTS, cell

ROOT: Final = Path(__file__).parents[1]
COUNTED: Final = 100_000
"""Weights whose bins are counted."""
SCALES: Final = {f"{bits:g} bit": scale for (bits, dq), scale in SCALES_OF_POINTS.items() if not dq}
"""Scales of Laplacians in steps, by name of the point."""
ROUNDS: Final = 5
"""Rounds that one median is taken of."""
CHAIN: Final = 20_000_000
"""Additions in the chain that measures a cycle."""


@dataclass(frozen=True)
class Variant:
    """A decoder without one technique.

    Args:
        name: The technique.
        why: What it is for.
        changes: Source lines that remove it: (file in entropy/, old text, new text).
    """

    name: str
    why: str
    changes: tuple[tuple[str, str, str], ...]


WHOLE: Final = Variant("whole", "", ())
"""The unchanged decoder."""
VARIANTS: Final = (
    Variant(
        "selection marked unpredictable",
        "the next state is selected, not branched to; without the mark LLVM makes branches that the processor predicts badly",
        (("intrinsics.py", '        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))\n', ""),),
    ),
    Variant(
        "barrier behind the loads",
        "the loads for both values begin before the bin is known; without the barrier LLVM first selects the address",
        (("intrinsics.py", 'return builder.asm(ir.FunctionType(_WORD, [_WORD]), "", "=r,0", arguments, False)', "return arguments[0]"),),
    ),
    Variant(
        "six bins per refill",
        "a bin consumes at most 7 bits, and a refill provides 56",
        (("fast_decoder.py", "_BINS_PER_REFILL: Final = _U64(6)", "_BINS_PER_REFILL: Final = _U64(1)"),),
    ),
    Variant(
        "eight bytes per refill",
        "one load and one shift; without it one byte at a time",
        (("fast_decoder.py", "    if byte + _8 > _U64(payload.shape[0]):\n", "    if byte >= _0:\n"),),
    ),
    Variant(
        "a separate loop for runs of zeros",
        "branches foretell likely zeros, and a context that follows itself stays in registers; without it zeros are decoded like others",
        (("fast_decoder.py", "_LIKELY: Final = _U64(36 << 55)", "_LIKELY: Final = _U64(0)"),),
    ),
    Variant(
        "count of leading zeros",
        "renormalisation in one instruction; without it one bit at a time",
        (
            (
                "fast_decoder.py",
                "    shift = leading_zeros(ivl_range)\n    return at +",
                "    shift = _0\n    while not (ivl_range << shift) >> _LAST:\n        shift += _1\n    return at +",
            ),
        ),
    ),
    Variant(
        "the borrow of the subtraction",
        "the room minus a part of the range gives both the bin and its own new value; without it a comparison comes first",
        (
            (
                "fast_decoder.py",
                "    below, is_lps = subtract(room, lps)\n",
                "    is_lps = opaque(room) < opaque(lps)\n    below = room - lps\n",
            ),
        ),
    ),
)
"""All variants."""


class Timer:
    """A process that decodes on request with its own copy of the reference."""

    def __init__(self, variant: Variant, folder: Path, codewords: Path) -> None:
        package = folder / variant.name.replace(" ", "-") / "nnc_conformance"
        shutil.copytree(ROOT / "reference", package / "reference", ignore=shutil.ignore_patterns("__pycache__"))
        for file, old, new in variant.changes:
            path = package / "reference" / "entropy" / file
            text = path.read_text(encoding="utf-8")
            assert old in text, f"{variant.name}: {file} has changed"
            path.write_text(text.replace(old, new), encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(package.parent)}
        command = [sys.executable, __file__, "--serve", str(codewords)]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask()

    def ask(self) -> dict[str, float]:
        """Return the seconds by codeword."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds: dict[str, float] = json.loads(self.process.stdout.readline())
        return seconds


def serve(codewords: Path) -> None:
    """Answer each line of stdin with median seconds by codeword; check decoded indexes once."""
    from nnc_conformance.reference import decode_indices

    arrays = np.load(codewords)
    checked = False
    for _ in sys.stdin:
        answer = {}
        for name in SCALES:
            payload, indexes = arrays[f"{name} payload"].tobytes(), arrays[f"{name} indexes"]
            seconds = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                decoded = decode_indices(payload, indexes.shape, dq=False, scan_order=0, unary_length=10)
                seconds.append(time.perf_counter() - start)
            if not checked:
                assert np.array_equal(decoded, indexes), name
            answer[name] = statistics.median(seconds)
        checked = True
        print(json.dumps(answer), flush=True)


def write_codewords(path: Path) -> dict[str, float]:
    """Write the codewords of all points; return the bins per weight of each."""
    from nnc_conformance.reference import encode_indices
    from nnc_conformance.reference.entropy.codeword import decode_codeword
    from nnc_conformance.reference.entropy.coding import BinTrace, TensorCoding

    arrays: dict[str, Any] = {}
    bins = {}
    for name, scale in SCALES.items():
        values = np.random.default_rng(15938).laplace(scale=scale, size=(WEIGHTS // 1000, 1000))
        indexes = np.rint(values).astype(np.int32)
        payload = encode_indices(indexes, dq=False, scan_order=0, unary_length=10)
        arrays[f"{name} payload"], arrays[f"{name} indexes"] = np.frombuffer(payload, np.uint8), indexes
        few = indexes[: COUNTED // 1000]
        trace = BinTrace()
        counted = encode_indices(few, dq=False, scan_order=0, unary_length=10)
        coding = TensorCoding(rows=few.shape[0], columns=few.shape[1], scan_order=0, dq_flag=False, unary_length=10, qp_delta_bits=0)
        decode_codeword(counted, [coding], trace=trace)
        bins[name] = len(trace.events) / few.size
    np.savez(path, **arrays)
    return bins


def cycle() -> float:
    """Measure the seconds of one of a chain of dependent additions."""
    from nnc_conformance.reference.entropy.compiled import kernel
    from nnc_conformance.reference.entropy.intrinsics import opaque

    @kernel
    def chain(count: int) -> Any:
        word = np.uint64(0)
        for _ in range(count):
            word = opaque(word + np.uint64(1))
        return word

    chain(10)
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        chain(CHAIN)
        seconds.append((time.perf_counter() - start) / CHAIN)
    return min(seconds)


def page(rows: list[str], cycles: list[str], pairs: int) -> str:
    """Write the page in Markdown."""
    lines = [
        "# What makes the decoder fast, and what limits it",
        "",
        f"Written by `benchmarks/techniques.py`: {WEIGHTS} Laplacian weights, dq off, scan 0, one thread.",
        "",
        "## Cycles per bin",
        "",
        "A cycle is the time of one addition in a chain of dependent ones on this machine.",
        "",
        "| point | bins per weight | ns per weight | cycles per bin |",
        "|---|---:|---:|---:|",
        *cycles,
        "",
        "A bin cannot begin before the previous one has set the range and the context. This chain is, in the order of `decode_step` in",
        "`reference/entropy/fast_decoder.py`: the range's top bits to a shift count (2 cycles), the row's shift and mask",
        "(2), comparison with the room (1), selection of the range (1), leading zeros of the range (3), shift (1): 10 cycles that",
        "nothing can shorten. Row and link are selected at the same time as the range. The loads of rows and links for both values",
        "(5 cycles each) and the contexts' update run in parallel, because their addresses were known a bin earlier. But if a bin has",
        "the context of the previous bin, its row waits for the update (two table loads, two additions, a load, and a store that is read",
        "at once: about 20 cycles). This is why zeros that are most probable have a separate loop.",
        "",
        "## What each technique is worth",
        "",
        f"How many times as slow the decoder is without the technique: medians of {pairs} ratios measured in turns, quartiles in brackets.",
        "",
        f"| technique | purpose | {' | '.join(SCALES)} |",
        f"|---|---|{'---|' * len(SCALES)}",
        *rows,
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9, help="pairs of measurements of each technique (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "techniques.md", help="page to write (default %(default)s)")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    with tempfile.TemporaryDirectory(prefix="nnc-techniques-") as folder:
        codewords = Path(folder) / "codewords.npz"
        bins = write_codewords(codewords)
        whole = Timer(WHOLE, Path(folder), codewords)
        rows, seconds = [], whole.ask()
        for variant in VARIANTS:
            without = Timer(variant, Path(folder), codewords)
            ratios: dict[str, list[float]] = {name: [] for name in SCALES}
            for _ in range(arguments.pairs):
                with_it, without_it = whole.ask(), without.ask()
                for name in SCALES:
                    ratios[name].append(without_it[name] / with_it[name])
                    seconds[name] = min(seconds[name], with_it[name])
            without.process.kill()
            rows.append(f"| {variant.name} | {variant.why} | {' | '.join(cell(ratios[name]) for name in SCALES)} |")
            print(rows[-1], flush=True)
        whole.process.kill()
    second = cycle()
    cycles = [
        f"| {name} | {bins[name]:.2f} | {1e9 * seconds[name] / WEIGHTS:.1f} | {seconds[name] / WEIGHTS / bins[name] / second:.1f} |"
        for name in SCALES
    ]
    arguments.output.write_text(page(rows, cycles, arguments.pairs), encoding="utf-8")


if __name__ == "__main__":
    main()
