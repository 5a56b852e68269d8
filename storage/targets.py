"""Targets: named sets of capabilities and element values that somebody outside asks of decoders.

A vector answers a target if it is of the target's edition and needs nothing but its capabilities.
docs/targets.md explains each target and what cannot be certified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nnc_conformance.storage.vector import AnyVector, Edition


@dataclass(frozen=True)
class Need:
    """One thing that a target asks for.

    Args:
        text: The element values, as the source names them.
        capability: The capability that it belongs to.
        element: A further syntax element that a vector must hold; "" for none.
    """

    text: str
    capability: str
    element: str = ""


@dataclass(frozen=True)
class Target:
    """A named set of what a decoder must understand.

    Args:
        name: Its name on the command line.
        title: What it is for.
        source: The document that asks for it, with its date and standing.
        needs: What it asks for.
        uncounted: Capabilities of it that no certificate can count, each with the reason.
        edition: The edition of the standard that it asks for.
    """

    name: str
    title: str
    source: str
    needs: tuple[Need, ...]
    uncounted: Mapping[str, str] = field(default_factory=dict)
    edition: Edition = 2024

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The capabilities that it asks for, sorted."""
        return tuple(sorted({need.capability for need in self.needs}))

    def met_text(self, exceptions: Sequence[str]) -> str:
        """Return how it is said to be met, with what nothing that counts shows."""
        return f"{self.name} met except: {', '.join(exceptions)}" if exceptions else f"{self.name} met"

    def takes(self, edition: Edition, flags: tuple[str, ...]) -> bool:
        """Return whether a vector that needs the capabilities ``flags`` answers the target."""
        return edition == self.edition and set(flags) <= set(self.capabilities)


_SOURCE: Final = "3GPP S4-260200, SA4 no. 135, February 2026, a proposal for TS 26.114"
_DOWNLOAD: Final = (
    Need("general_profile_idc 1", "second-edition"),
    Need("nnr_compressed_data_unit_payload_type NNR_PT_BLOCK", "block"),
    Need("compressed_parameter_types NNR_CPT_LS + NNR_CPT_BN", "block", "compressed_parameter_types"),
    Need("dq_flag 1", "dq"),
    Need("codebook_present_flag 1", "codebook"),
    Need("shift_idx_minus_1_present_flag 1", "block", "shift_parameter_ids"),
)
TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (
        Target("3gpp-ims-full", "complete download of a model (NNC-FULL)", _SOURCE, _DOWNLOAD),
        Target(
            "3gpp-ims-incremental",
            "incremental download of a model (NNC-INCR)",
            _SOURCE,
            (
                *_DOWNLOAD,
                Need("mps_parent_signalling_enabled_flag 1, parent_node_id_present_flag 1", "updates"),
                Need("row_skip_enabled_flag 1", "row-skip"),
                Need("nnr_pre_flag 1", "pre"),
                Need("hist_dep_sig_prob_enabled_flag 1", "hdsp"),
                Need("temporal_context_modeling_flag 1", "tca"),
                Need("scan_order > 0", "block-scan"),
            ),
            {"pre": "inferred"},
        ),
    )
}
"""The targets by name. What the source joins with "or", dq_flag and codebook_present_flag, is asked
for both.
"""


def targets_of(vector: AnyVector) -> tuple[str, ...]:
    """Return the names of the targets that a vector answers."""
    return tuple(name for name, target in TARGETS.items() if target.takes(vector.edition, vector.flags))
