"""Functions used as decoders, by MODULE:FUNCTION."""

import os
import sys

import numpy as np

from nnc_conformance.storage.safetensors_format import load_safetensors


def good(stream: bytes) -> dict[str, np.ndarray]:
    print("talking on standard output")
    if stream[:4] != b"GOOD":
        raise ValueError("a magic that is none")
    return load_safetensors(stream[4:])


def crashes(stream: bytes) -> dict[str, np.ndarray]:
    raise KeyError("w")


def exits(stream: bytes) -> dict[str, np.ndarray]:
    sys.exit(0)


def kills_itself(stream: bytes) -> dict[str, np.ndarray]:
    os.kill(os.getpid(), 9)
    return {}


def gives_text(stream: bytes) -> object:
    return "tensors"


def cannot(stream: bytes) -> dict[str, np.ndarray]:
    raise NotImplementedError


def sessions(streams: list[bytes]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Decode the last stream of a session; the model is what the first codes."""
    assert isinstance(streams, list)
    return good(streams[-1]), good(streams[0])


def stream_or_sessions(streams: bytes | list[bytes]) -> dict[str, np.ndarray]:
    return good(streams[-1] if isinstance(streams, list) else streams)
