"""Runs the interoperability matrix against the independent codec and writes docs/interop.md,
docs/interop-streams.csv, docs/disputed.md.

    NNC_PEER_PYTHON=VENV/bin/python PYTHONPATH=tests python -m interop.matrix [--docs DIR]

``nox -s interop`` makes the codec's environment and runs it. Exit code 1 where a stream is left
unexplained.
"""

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from helpers.peer_driver import PROGRAM, Peer
from interop.disputed_page import disputed_page
from interop.disputes import Seen, measured, measured_vector, probes
from interop.judging import Outcome, Row, judged
from interop.pages import COUNTED, LIST_NAME, Versions, counts, interop_page, stream_list
from interop.parts import MATRIX, matrix
from interop.sessions import SessionPeer, judged_sessions, session_section

from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Level, Vector

DOCS: Final = Path(__file__).parents[2] / "docs"


def run_matrix(peer: Peer) -> list[Row]:
    """Every stream of the matrix, judged; tells each part as it ends."""
    cases = matrix()
    rows: list[Row] = []
    for part in MATRIX:
        found = [judged(part.name, case, peer) for owner, case in cases if owner is part]
        print(part.name, dict(zip(COUNTED, counts(found), strict=True)), flush=True)
        rows += found
    return rows


def disputed_vectors(peer: Peer) -> dict[str, list[Seen]]:
    """What the peer makes of the published vectors of level disputed, by switch."""
    found: dict[str, list[Seen]] = {}
    bases = {probe.switch: probe.base for probe in probes()}
    for stored in (one for one in load_suite(built_in_root(), levels={Level.DISPUTED}).vectors if isinstance(one.vector, Vector)):
        switch = stored.vector.choices[0].switch
        found.setdefault(switch, []).append(measured_vector(stored, bases[switch], peer))
    return found


def main() -> int:
    """The command; 1 where a stream is left unexplained."""
    parser = argparse.ArgumentParser(prog="interop.matrix", description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the documents")
    docs: Path = parser.parse_args().docs
    python = os.environ["NNC_PEER_PYTHON"]
    printed = subprocess.run([python, str(PROGRAM), "version"], capture_output=True, text=True, check=True).stdout.strip()
    versions = Versions(printed, version("nnc-conformance"), platform.python_version())
    with Peer(python) as peer:
        rows = run_matrix(peer)
        points = [(probe, measured(probe, peer)) for probe in probes()]
        vectors = disputed_vectors(peer)
    with SessionPeer(python) as peer:
        sessions = judged_sessions(peer)
    (docs / "interop.md").write_text(interop_page(rows, versions) + session_section(sessions))
    (docs / LIST_NAME).write_text(stream_list(rows))
    (docs / "disputed.md").write_text(disputed_page(points, vectors, versions))
    unexplained = [row for row in (*rows, *sessions) if row.outcome is Outcome.UNEXPLAINED]
    for row in unexplained:
        print(f"unexplained: {row}", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
