"""Measure what the harness adds to each case, for the in-tree decoder, a worker and a command.

    python benchmarks/harness_overhead.py [--rounds N] [--limit MS]

The built-in core vectors are run one at a time (for the worker, which decodes RAW_FLOAT only,
copies of one vector). The milliseconds from the end of one case to the end of the next are compared
with those of a bare loop over the same streams: for workers, a loop that writes requests and reads
answers; for the command, one that starts it and waits. The difference is the cost of the sandbox,
the folder of the case, reading and comparing the tensors, the journal and the progress.

A round is the median over the cases. Rounds of both loops alternate; the median and the best round
are printed. On a busy machine the best round is more meaningful. The time of a case in the harness,
including decoding, is an upper bound of the overhead, however slow the bare loop was. The exit code
is 1 if the median overhead of in-tree or worker exceeds the limit.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from nnc_conformance.storage.suite_folder import StoredVector, Suite, files_of, load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import Edition, Level
from nnc_conformance.suites.decoders.command import fill
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import single_files
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.decoders.protocol import DecodeRequest, StartRequest, StopRequest, request_line
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import select

EXAMPLE = Path(__file__).parents[1] / "examples" / "python_worker" / "decoder.toml"
"""The worker that is measured."""
COPIES = 150
"""Copies of the worker's vector."""
COMMAND_CASES = 20
"""Cases of the command, which is started for each of them."""
LIMIT_MS = 2.0
"""Milliseconds of overhead per case that are accepted."""


def in_harness(suite: Suite, decoder: DecoderSpec) -> float:
    """Measure milliseconds per case in a run, without the start of processes."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as output:
        results = run(
            suite,
            [decoder],
            Path(output),
            levels=(Level.CORE,),
            options=RunOptions(jobs=1),
            progress=lambda _: ends.append(time.perf_counter()),
        )
    assert decoder.kind is DecoderKind.COMMAND or results.counts[Outcome.PASS] == len(suite.vectors), results.counts
    return median_ms(ends[1:])


def median_ms(ends: Sequence[float]) -> float:
    """Compute the median of the milliseconds between consecutive ends."""
    return statistics.median(later - earlier for earlier, later in pairwise(ends)) * 1e3


def bare(suite: Suite, decoder: DecoderSpec) -> float:
    """Measure milliseconds per case in a bare loop, without the start of a worker."""
    streams = [stored.folder / stored.vector.steps[0].stream.name for stored in suite.vectors]
    with tempfile.TemporaryDirectory() as folder:
        return (
            command_loop(decoder, streams, Path(folder))
            if decoder.kind is DecoderKind.COMMAND
            else worker_loop(decoder, streams, Path(folder))
        )


def worker_loop(decoder: DecoderSpec, streams: Sequence[Path], folder: Path) -> float:
    """Let a worker decode each stream; the first one is not measured."""
    process = subprocess.Popen(decoder.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request_line(StartRequest()))
    process.stdout.readline()
    ends = []
    for number, stream in enumerate(streams):
        output = folder / "output.safetensors"
        process.stdin.write(
            request_line(DecodeRequest(id=str(number), stream=str(stream), output=str(output), topology=str(folder / "topology")))
        )
        answer = json.loads(process.stdout.readline())
        assert answer["type"] == "decoded", answer
        ends.append(time.perf_counter())
    process.stdin.write(request_line(StopRequest()))
    process.communicate()
    return median_ms(ends)


def command_loop(decoder: DecoderSpec, streams: Sequence[Path], folder: Path) -> float:
    """Start a command for each stream and wait for its end."""
    ends = [time.perf_counter()]
    for stream in streams:
        files = single_files(folder)
        shutil.copy(stream, files.stream)
        subprocess.run(fill(decoder.command, files, [files.stream]), check=True)
        ends.append(time.perf_counter())
    return median_ms(ends)


def copies_of(stored: StoredVector, folder: Path) -> Suite:
    """Write a suite of `COPIES` vectors that differ only in their ids."""
    vectors = [stored.vector.model_copy(update={"id": f"copy-{number}"}) for number in range(COPIES)]
    files = {file.name: stored.read(file) for file in files_of(stored.vector)}
    for vector in vectors:
        write_vector(folder, vector, files)
    write_manifest(folder, vectors)
    return load_suite(folder)


def summary(pairs: Sequence[tuple[float, float]]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the rounds with the median and the least overhead: overhead, in the harness, bare."""
    ordered = sorted((harness - loop, harness, loop) for harness, loop in pairs)
    return ordered[len(ordered) // 2], ordered[0]


def main() -> int:
    """Measure, print a line for each kind of decoder, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds of each loop (default %(default)s)")
    parser.add_argument(
        "--limit", type=float, default=LIMIT_MS, metavar="MS", help="overhead per case above which the exit code is 1 (default %(default)s)"
    )
    arguments = parser.parse_args()
    first: tuple[Edition, ...] = (2022,)
    core = select(None, (Level.CORE,), editions=first)
    scratch = tempfile.TemporaryDirectory()
    copies = copies_of(next(stored for stored in core.vectors if stored.vector.flags == ("raw-float",)), Path(scratch.name))
    copier = f"command:{sys.executable} -S -c 'import sys, shutil; shutil.copy(*sys.argv[1:])' {{stream}} {{output}}"
    decoders = {
        "in-tree": (load_decoder("in-tree"), core),
        "worker": (load_decoder(str(EXAMPLE)), copies),
        "command": (load_decoder(copier), Suite(core.root, core.manifest, core.manifest_sha256, core.vectors[:COMMAND_CASES])),
    }
    worst = 0.0
    for name, (decoder, suite) in decoders.items():
        pairs = [(in_harness(suite, decoder), bare(suite, decoder)) for _ in range(arguments.rounds)]
        (median, whole, own), (best, *_) = summary(pairs)
        details = f"{whole:.2f} ms in the harness, {own:.2f} ms bare; {len(suite.vectors)} cases"
        print(f"{name}: {median:.2f} ms overhead per case, {best:.2f} ms in the best round ({details})")
        if decoder.kind is not DecoderKind.COMMAND:
            worst = max(worst, median)
    print(f"{'below' if worst < arguments.limit else 'NOT below'} {arguments.limit:g} ms for in-tree and worker")
    return 0 if worst < arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main())
