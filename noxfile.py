"""Sessions that need an environment of their own; `nox -s NAME`."""

import os
from pathlib import Path

import nox

PEER_SETUP = Path(__file__).parent / "tests" / "peer" / "setup"


@nox.session
def peer(session: nox.Session) -> None:
    """Interoperability with the independent codec: its environment is made once, or NNC_PEER_PYTHON names a ready one."""
    session.install("-e", ".[dev]")
    python = os.environ.get("NNC_PEER_PYTHON")
    if python is None:
        venv = Path(session.cache_dir).absolute() / "peer"
        python = str(venv / "bin" / "python")
        if not (venv / "complete").exists():
            session.run(str(PEER_SETUP), str(venv), external=True)
            (venv / "complete").touch()
    session.run("pytest", "tests/interop", *session.posargs, env={"NNC_PEER_PYTHON": python})
