"""What the decoder hands on and the encoder takes, beside the parameters themselves."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[int, int], None]
"""Told what is done, of how much."""


def unheard(done: int, total: int) -> None:
    """Progress that nobody listens to."""


@dataclass(frozen=True)
class Topology:
    """The content of an NNR_TPL unit: topology_storage_format (Annexes A to D) and topology_data, inflated."""

    storage_format: int
    data: bytes
