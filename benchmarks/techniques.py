"""Writes docs/techniques.md: cycles a bin of the fast decoder, and what each of its techniques is worth.

    python benchmarks/techniques.py [--pairs 9] [--output docs/techniques.md]

A technique's worth is measured by leaving it out: a copy of reference/ with a few lines changed is compiled beside the whole one, and both
decode the same codewords in turns. Every variant decodes exactly. A cycle is the time of one of a chain of dependent additions.
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
SCALES: Final = {f"{bits:g} bit": scale for (bits, dq), scale in SCALES_OF_POINTS.items() if not dq}
ROUNDS: Final = 5
CHAIN: Final = 20_000_000


@dataclass(frozen=True)
class Variant:
    """What is left out, why it is there, and the lines that leave it out: (file below entropy/, old, new)."""

    name: str
    why: str
    changes: tuple[tuple[str, str, str], ...]


WHOLE: Final = Variant("whole", "", ())
VARIANTS: Final = (
    Variant(
        "selection marked unpredictable",
        "what a bin leads to is selected; without the mark LLVM makes branches of it, which a processor foresees badly",
        (("intrinsics.py", '        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))\n', ""),),
    ),
    Variant(
        "barrier behind the loads",
        "both ways' loads begin before the bin is known; without the barrier LLVM selects the address first",
        (("intrinsics.py", 'return builder.asm(ir.FunctionType(_WORD, [_WORD]), "", "=r,0", arguments, False)', "return arguments[0]"),),
    ),
    Variant(
        "six bins a refill",
        "bins use up 7 bits at most, and a refill leaves 56",
        (("fast_decoder.py", "_PACK: Final = _U64(6)", "_PACK: Final = _U64(1)"),),
    ),
    Variant(
        "eight bytes a refill",
        "one load and one shift; without it byte after byte",
        (("fast_decoder.py", "    if byte + _8 > _U64(payload.shape[0]):\n", "    if byte >= _0:\n"),),
    ),
    Variant(
        "runs of zeros by themselves",
        "a context that follows itself is kept in registers; without it every bin of a run starts and ends one",
        (
            (
                "fast_decoder.py",
                "        at += _EMIT\n    store(words, context",
                "        at += _EMIT\n        break\n    store(words, context",
            ),
        ),
    ),
    Variant(
        "count of leading zeros",
        "renormalisation by one instruction; without it bit after bit",
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
        "IvlOffset minus the range tells the bin and is its new value; without it a comparison comes first",
        (
            (
                "fast_decoder.py",
                "    above, is_mps = subtract(offset, mps_range)\n",
                "    is_mps = opaque(offset) < opaque(mps_range)\n    above = offset - mps_range\n",
            ),
        ),
    ),
)


class Timer:
    """A process that decodes on request, with a variant of the reference that it compiled."""

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
        """Seconds by codeword."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds: dict[str, float] = json.loads(self.process.stdout.readline())
        return seconds


def serve(codewords: Path) -> None:
    """Answers each line with the median seconds of some rounds, by codeword; what is decoded is checked once."""
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
    """The codewords of all points; returns the bins a weight of each."""
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
        decode_codeword(counted, [TensorCoding(*few.shape, 0, False, 10, 0)], trace=trace)
        bins[name] = len(trace.events) / few.size
    np.savez(path, **arrays)
    return bins


def cycle() -> float:
    """Seconds of one of a chain of dependent additions."""
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
    """The page in Markdown."""
    lines = [
        "# What makes the decoder fast, and what limits it",
        "",
        f"Written by `benchmarks/techniques.py`: {WEIGHTS} Laplacian weights, dq off, scan 0, one thread.",
        "",
        "## Cycles a bin",
        "",
        "A cycle is the time of one of a chain of dependent additions on this machine.",
        "",
        "| point | bins a weight | ns a weight | cycles a bin |",
        "|---|---:|---:|---:|",
        *cycles,
        "",
        "A bin cannot begin before the one before it has chosen the range and the context. That chain is, in the order of `step` in",
        "`reference/entropy/fast_decoder.py`: shift of the range's top bits into a place of the row (2 cycles), the row's shift and mask",
        "(2), subtraction from the range (1), subtraction from IvlOffset (1), spreading its borrow over the most probable bin (2),",
        "selection of range, IvlOffset, row and link (1), leading zeros of the range (3), shift (1): 13 cycles that no other work can",
        "shorten. The loads of both ways' rows and links (5 cycles each) and the contexts' update lie beside it, as their addresses were",
        "known a bin earlier, unless a bin has the context of the bin before: then its row waits for the update (two table loads, two",
        "additions, a load and a store that is read at once: about 20 cycles), which is why runs of one context are decoded apart.",
        "",
        "## What each technique is worth",
        "",
        f"How many times as slow the decoder is without it: medians of {pairs} ratios in turns, quartiles in brackets.",
        "",
        f"| technique | what for | {' | '.join(SCALES)} |",
        f"|---|---|{'---|' * len(SCALES)}",
        *rows,
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "techniques.md")
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
