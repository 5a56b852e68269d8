"""Start of the command line: ``nnc-conformance``, or ``python -m nnc_conformance.cli``.

Ctrl-C is answered before the commands are imported.
"""

import signal

from nnc_conformance.cli.process import leave_interrupted


def run() -> None:
    """Run the command line of this process: the console script."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave_interrupted)
    from nnc_conformance.cli.main import main

    main()


if __name__ == "__main__":
    run()
