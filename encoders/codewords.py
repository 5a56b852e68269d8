"""The codeword of a data unit: its tensors as coded, with the tools that each uses."""

from nnc_conformance.reference.driver import payload_bytes
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import CodedTensor, TensorCoding
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import Part, coded_parts, coding_of, part_histories
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.updates.base_model import BaseModel


def decoded_codeword(
    unit: Unit, header: DataUnitHeader, base: BaseModel | None, interpretation: Interpretation
) -> list[tuple[Part, TensorCoding, CodedTensor]]:
    """Decode the codeword of a data unit; raise `NNCError` if it is broken.

    Args:
        unit: The unit.
        header: Its header.
        base: The model before the stream; None without a session.
        interpretation: The choices of disputed points.
    """
    parts = coded_parts(header)
    codings = [coding_of(part, header, interpretation) for part in parts]
    histories = part_histories(header, base, interpretation)
    decoded = decode_codeword(payload_bytes(unit), codings, histories=histories).tensors
    return list(zip(parts, codings, decoded, strict=True))
