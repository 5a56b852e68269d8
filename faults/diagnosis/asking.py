"""Giving streams to a decoder under test, one after another, outside a run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import Execution
from nnc_conformance.suites.running.executor import Executor
from nnc_conformance.suites.running.task import Setup
from nnc_conformance.suites.sandbox.limits import Limits

Ask = Callable[[bytes], Execution]
"""What a decoder does with a stream."""


@contextmanager
def asking(decoder: DecoderSpec, limits: Limits) -> Iterator[Ask]:
    """A decoder that can be asked, each time under ``limits``; a worker is kept alive from one stream to the next."""
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch:
        setup = Setup(suite="", decoders=(decoder,), limits=limits, repeat=1, scratch=scratch)
        executor = Executor(setup, Path(scratch))
        try:
            yield lambda stream: executor.decode(decoder, stream)
        finally:
            executor.close()
