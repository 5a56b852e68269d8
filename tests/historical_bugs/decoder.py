"""The reference decoder with one fault, as a worker: `decoder.py BUG`, or `none`. The fault is in this process only."""

import os
import sys
from pathlib import Path

os.environ["NUMBA_DISABLE_JIT"] = "1"  # before anything is imported that compiles: a changed kernel must be the one that runs
sys.path.insert(0, str(Path(__file__).parents[1]))

from historical_bugs.faults import BUGS


def main(bug: str) -> None:
    from nnc_conformance.reference.decoder import decode
    from nnc_conformance.suites.decoders.serve import Output, serve
    from nnc_conformance.suites.diagnosis.patch import Edit, patched_code

    edits = BUGS[bug].edits if bug != "none" else ()
    for function, code in patched_code(tuple(Edit(*place.split(":"), old, new) for place, old, new in edits)):
        function.__code__ = code

    def decoded(stream: bytes) -> Output:
        found = decode(stream, kernel="plain")
        return Output(found.parameters, found.topology.data if found.topology is not None else None)

    serve(decoded)


if __name__ == "__main__":
    main(sys.argv[1])
