"""Kernels are compiled before the first command: the line that says so would be one more on
standard error.
"""

import numpy as np
import pytest

from nnc_conformance.reference import EncoderOptions, decode, encode


@pytest.fixture(scope="session", autouse=True)
def kernels() -> None:
    weights = {"w": np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8), "i": np.arange(-4, 5)}
    for dq in (False, True):
        decode(encode(weights, options=EncoderOptions(dq=dq)))
