"""Start of the command line: ``nnc-conformance``, or ``python -m nnc_conformance.cli``.

Ctrl-C is answered before anything else is imported.
"""

import os
import signal


def run() -> None:
    """Run the command line of this process: the console script."""
    answered = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if answered:
        signal.signal(signal.SIGINT, _leave_while_starting)
    from nnc_conformance.cli.process import leave_interrupted

    if answered:
        signal.signal(signal.SIGINT, leave_interrupted)
    from nnc_conformance.cli.main import main

    main()


def _leave_while_starting(*_: object) -> None:
    """End the process as `process.leave_interrupted` does, which is not imported yet."""
    try:
        os.write(2, b"nnc-conformance: error: interrupted\n")
    finally:
        os._exit(130)


if __name__ == "__main__":
    run()
