"""The reference decoder as a worker: ``python -m nnc_conformance.suites.decoders.in_tree``."""

from nnc_conformance import reference
from nnc_conformance.suites.decoders.serve import Output, serve


def decode(stream: bytes) -> Output:
    """Decodes with the reference, strictly; raises `StreamError` for a stream that breaks a rule."""
    decoded = reference.decode(stream)
    return Output(dict(decoded.parameters), decoded.topology.data if decoded.topology is not None else None)


if __name__ == "__main__":
    serve(decode)
