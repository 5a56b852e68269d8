"""The reference decoder with one fault, as a worker: `decoder.py BUG`, or `none`.

The fault is in this process only.
"""

import os
import sys

os.environ["NUMBA_DISABLE_JIT"] = "1"  # before anything is imported that compiles: a changed kernel must be the one that runs


def main(bug: str) -> None:
    from nnc_conformance.faults.mutants.named.catalogue import named_mutants
    from nnc_conformance.faults.mutants.patch import changed_functions
    from nnc_conformance.reference.decoder import decode
    from nnc_conformance.suites.decoders.python_worker import Output, serve

    for function, code in changed_functions(named_mutants()[bug]) if bug != "none" else ():
        function.__code__ = code

    def decoded(stream: bytes) -> Output:
        found = decode(stream, kernel="plain")
        return Output(found.parameters, found.topology.data if found.topology is not None else None)

    serve(decoded)


if __name__ == "__main__":
    main(sys.argv[1])
