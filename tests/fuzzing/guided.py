"""Coverage-guided fuzzing with Atheris: the targets' sources instrumented, their kernels
uncompiled.

    python -m fuzzing.guided [--executions N] [--seed N] [--target NAME]...
                             [--json FILE] [--findings DIR]

A process for each target; the first finding ends it. N is of all targets together.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fuzzing.options import command_line, keep, write_record
from fuzzing.shares import SHARES

LONGEST = 1 << 15
MOST_SEEDS = 100
LONGEST_TOKEN = 32
MEMORY_MIB = 2048
WALL_SECONDS = 30
"""What libFuzzer waits for one input; uncompiled and instrumented, on a machine that does other
things.
"""
DONE = re.compile(r"Done (\d+) runs in (\d+) second")
STEPS = re.compile(r"^#(\d+)", re.M)
COVERED = re.compile(r"cov: (\d+) ft: (\d+)")


def _escaped(token: bytes) -> str:
    """As libFuzzer's word lists have it."""
    return "".join(f"\\x{byte:02x}" for byte in token)


def _one(target: str, executions: int, seed: int, corpus: Path) -> None:
    """Fuzzes in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["nnc_conformance"], enable_loader_override=False):
        from fuzzing.mutate import TOKENS
        from fuzzing.seeds import seeds
        from fuzzing.targets import TARGETS

        from nnc_conformance.reference.errors import NNCError

    for number, data in enumerate(seeds(target)[:: 1 + len(seeds(target)) // MOST_SEEDS]):
        (corpus / f"{number:04}").write_bytes(data)
    words = corpus.parent / "nnc-fuzz-words"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS if len(token) <= LONGEST_TOKEN))
    function: Callable[[bytes], None] = TARGETS[target]

    def take(data: bytes) -> None:
        with suppress(NNCError):
            function(data)

    options = {
        "runs": executions,
        "seed": seed,
        "timeout": WALL_SECONDS,
        "rss_limit_mb": MEMORY_MIB,
        "max_len": LONGEST,
        "dict": words,
        "artifact_prefix": f"{corpus.parent}/",
    }
    atheris.Setup(["guided", *(f"-{name}={value}" for name, value in options.items()), str(corpus)], take)
    atheris.Fuzz()


def fuzz(target: str, executions: int, seed: int, findings: Path | None) -> dict[str, object]:
    """Fuzzes a target in a process of its own; returns the row of the record."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        words = [sys.executable, "-m", "fuzzing.guided", "--one", str(corpus), "--target", target]
        words += ["--executions", str(executions), "--seed", str(seed)]
        done = subprocess.run(
            words, env=os.environ | {"NUMBA_DISABLE_JIT": "1", "NNC_FUZZ_DIR": folder}, capture_output=True, text=True, check=False
        )
        found = [path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith("nnc-fuzz-")]
        for path in found:
            print(done.stderr[-3000:], file=sys.stderr)
            keep(findings, f"guided-{target}-{path.name}", path.read_bytes())
    ended, covered, steps = DONE.search(done.stderr), COVERED.findall(done.stderr), STEPS.findall(done.stderr)
    assert ended or found, done.stderr[-3000:]
    return {
        "target": target,
        "seed": seed,
        "executions": int(ended[1] if ended else steps[-1] if steps else 0),
        "seconds": float(ended[2]) if ended else 0.0,
        "edges": int(covered[-1][0]) if covered else 0,
        "findings": [path.name for path in found],
    }


def main() -> int:
    """Fuzzes the targets, prints a line for each, and returns 1 where there are findings."""
    parser = command_line(__doc__, targets=SHARES, executions=1_000_000, of="all targets")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        _one(given.target[0], given.executions, given.seed, given.one)
    rows = []
    for target in given.target or SHARES:
        row = fuzz(target, given.executions * SHARES[target].guided // 1000, given.seed, given.findings)
        rows.append(row)
        print(f"{target}: {row['executions']} executions in {row['seconds']:.0f} s, {row['edges']} edges, {row['findings']}", flush=True)
    write_record(given.json, rows)
    return int(any(row["findings"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
