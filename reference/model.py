"""What the decoder hands on and the encoder takes, beside the parameters themselves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Topology:
    """The content of an NNR_TPL unit: topology_storage_format (Annexes A to D) and topology_data, inflated."""

    storage_format: int
    data: bytes
