"""The reference decoder as a worker: ``python -m nnc_conformance.suites.decoders.in_tree``."""

from typing import Final

from nnc_conformance import reference
from nnc_conformance.suites.decoders.serve import Output, serve

WARM_UP: Final = bytes.fromhex(
    "0004000000080401001ffc80000e1409610020e0a002340080fe000e1409620060e0a002340032db00111401630061c17fc08d0000002d7580"
)
"""A stream of three data units: a FLOAT, one with dq_flag, and an INT with the longest unary code; each of two indexes."""


def decode(stream: bytes) -> Output:
    """Decodes with the reference, strictly; raises `StreamError` for a stream that breaks a rule."""
    decoded = reference.decode(stream)
    return Output(dict(decoded.parameters), decoded.topology.data if decoded.topology is not None else None)


def warm_up() -> None:
    """Decodes `WARM_UP`, so that every kernel is compiled, or loaded from its cache, before the first case's clock starts."""
    decode(WARM_UP)


if __name__ == "__main__":
    warm_up()
    serve(decode)
