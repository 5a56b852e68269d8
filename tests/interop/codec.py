"""The peer as the matrix sees it, and how its tensors are held against ours."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Tensors = Mapping[str, npt.NDArray[Any]]


class Codec(Protocol):
    """The peer, or a stand-in for it; both methods raise `PeerError`."""

    def encode(self, parameters: Tensors, **options: Any) -> bytes:
        """The stream of named tensors."""

    def decode(self, stream: bytes) -> Tensors:
        """The tensors of a stream by name."""


def difference(ours: Tensors, others: Tensors) -> str:
    """Where tensors part, bit for bit; empty where they do not.

    The peer's binary64 (tensors with a codebook) is rounded to binary32.
    """
    if set(ours) != set(others):
        return f"other tensors: {', '.join(sorted(set(ours) ^ set(others)))}"
    for name, values in ours.items():
        other = others[name]
        if other.dtype == np.float64 and values.dtype == np.float32:
            other = other.astype(np.float32)
        if (values.dtype, values.shape) != (other.dtype, other.shape):
            return f"{name} is {other.dtype} {other.shape}, not {values.dtype} {values.shape}"
        if values.tobytes() != other.tobytes():
            return f"{name} has other values"
    return ""
