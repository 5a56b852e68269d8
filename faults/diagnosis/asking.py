"""Giving streams to a decoder under test, one after another, outside a run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nnc_conformance.suites.decoders.decoder_spec import DecoderSpec
from nnc_conformance.suites.decoders.execution import Execution
from nnc_conformance.suites.decoders.host import DecoderHost
from nnc_conformance.suites.sandbox.limits import Limits

Ask = Callable[[bytes], Execution]
"""What a decoder does with a stream."""


@contextmanager
def asking(decoder: DecoderSpec, limits: Limits) -> Iterator[Ask]:
    """A decoder that can be asked, each time under ``limits``; a worker is kept alive from one stream to the next."""
    with tempfile.TemporaryDirectory(prefix="nnc-conformance-") as scratch, DecoderHost(limits, Path(scratch)) as host:
        yield lambda stream: host.decode(decoder, stream)
