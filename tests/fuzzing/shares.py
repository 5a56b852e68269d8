"""How the executions are shared out among the targets.

Imports nothing, so that what is fuzzed can be instrumented after it.
"""

from typing import NamedTuple


class Share(NamedTuple):
    """Of the executions of all targets together, in thousandths: of the compiled ones, and of those
    guided by coverage.
    """

    volume: int
    guided: int


SHARES = {
    "reader": Share(120, 8),
    "sessions": Share(30, 8),
    "base models": Share(10, 4),
    "validated streams": Share(10, 4),
    "entropy decoder": Share(200, 16),
    "ONNX topology": Share(50, 140),
    "ONNX external data": Share(20, 20),
    "PyTorch programs": Share(30, 40),
    "Keras configurations": Share(50, 40),
    "Keras weights": Share(20, 10),
    "NNEF topology": Share(100, 100),
    "NNEF tensors": Share(50, 80),
    "NNEF archives": Share(20, 20),
    "carried models": Share(40, 60),
    "tensor files": Share(50, 100),
    "state files": Share(40, 30),
    "package verify": Share(30, 60),
    "certificate verify": Share(10, 20),
    "withdrawals": Share(10, 20),
    "policies": Share(10, 5),
    "public keys": Share(10, 5),
    "signatures": Share(10, 10),
    "shard indexes": Share(10, 10),
    "results parser": Share(20, 50),
    "decoder files": Share(10, 30),
    "encoder files": Share(10, 20),
    "expected failures": Share(10, 20),
    "worker answers": Share(10, 50),
    "pipelines": Share(10, 20),
}
"""The names of the targets; guided executions of the coder and the reader are slow, their kernels
being uncompiled.
"""
