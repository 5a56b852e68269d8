"""Sessions that need an environment of their own; `nox -s NAME`."""

import os
from pathlib import Path

import nox

PEER_SETUP = Path(__file__).parent / "tests" / "peer" / "setup"


def peer_python(session: nox.Session) -> str:
    """Python of the independent codec's environment, which is made once; or NNC_PEER_PYTHON names a ready one."""
    python = os.environ.get("NNC_PEER_PYTHON")
    if python is None:
        venv = Path(session.cache_dir).absolute() / "peer"
        python = str(venv / "bin" / "python")
        if not (venv / "complete").exists():
            session.run(str(PEER_SETUP), str(venv), external=True)
            (venv / "complete").touch()
    return python


@nox.session
def peer(session: nox.Session) -> None:
    """Interoperability with the independent codec: sixty streams of the matrix through one process of it."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/interop", *session.posargs, env={"NNC_PEER_PYTHON": peer_python(session)})


@nox.session(default=False)
def interop(session: nox.Session) -> None:
    """The whole interoperability matrix; writes docs/interop.md, docs/interop-streams.csv and docs/disputed.md."""
    session.install("-e", ".[dev]")
    environment = {"NNC_PEER_PYTHON": peer_python(session), "PYTHONPATH": str(Path(__file__).parent / "tests")}
    session.run("python", "-m", "interop.matrix", *session.posargs, env=environment)


@nox.session
def train(session: nox.Session) -> None:
    """The trained forms of clause 8, which need PyTorch."""
    session.install("-e", ".[dev,train]")
    session.run("pytest", "tests/test_reduction_trained.py", *session.posargs)
