"""Runs of the toy suite of `hostile.support`."""

from pathlib import Path

from hostile import support

from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.result import Results
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.runner import RunOptions
from nnc_conformance.suites.running.selection import parse_filter, select

LEVELS = [Level.CORE, Level.NEGATIVE]


def judged(root: Path, output: Path, *decoders: str, options: RunOptions | None = None, filters: tuple[str, ...] = ()) -> Results:
    """Judge decoders on a suite's core and negative vectors.

    By default, run one case at a time.
    """
    chosen = [parse_filter(text) for text in filters]
    suite = select(root, LEVELS, chosen)
    return run(suite, support.decoders(*decoders), output, levels=LEVELS, filters=chosen, options=options or RunOptions(jobs=1))
