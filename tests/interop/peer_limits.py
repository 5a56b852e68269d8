"""What the peer cannot do, by itself and not by the standard: which cases meet it, and how it
shows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from interop.cases import PEER, Case


@dataclass(frozen=True)
class Limit:
    """``meets``: the cases it can befall.

    ``symptom``: a pattern of what is then seen; ``encoding``: its encoder fails.
    """

    name: str
    meets: Callable[[Case], bool]
    symptom: str
    encoding: bool = False

    def explains(self, case: Case, symptom: str, *, encoding: bool) -> bool:
        """Whether a symptom is that of this limit, in a case that meets it."""
        return encoding == self.encoding and self.meets(case) and re.search(self.symptom, symptom) is not None


def carried(*carriages: str) -> Callable[[Case], bool]:
    """Cases with one of the carriages."""
    return lambda case: case.carriage in carriages


LIMITS: Final = (
    Limit(
        "encodes no block scan of a matrix of one row or one column",
        lambda case: case.maker == PEER and case.scan_order > 0 and 1 in (case.rows, case.columns),
        "^KeyError: 'cabac_entry_point_list'",
        encoding=True,
    ),
    Limit(
        "never ends on some codebook searches",
        lambda case: case.maker == PEER and case.codebook != "none",
        "^no answer to encode",
        encoding=True,
    ),
    Limit("decodes no NNR_LPS: a key is missing", carried("parameters in an LPS"), "^KeyError: 'lps_decomposition_performance_map_flag'"),
    Limit("decodes no NNR_QNT: it takes it for an NNR_LPS", carried("after an NNR_QNT"), "Decoding of NNR_LPS Units not yet implemented"),
    Limit(
        "decodes no NNR_AGG",
        carried("in an aggregate", "in an aggregate with entry points"),
        "Decoding of NNR_AGG Units not yet implemented",
    ),
    Limit("decodes no unit with a partial_data_counter", carried("partial data"), "partial_data_counter not yet implemented"),
    Limit("decodes no NNR_TPL_REFLIST", carried("ids by index"), "REFLIST Topology Storage Format not yet implemented"),
    Limit(
        "decodes no topology in NNEF or ONNX",
        carried("after an NNEF topology", "after an ONNX topology"),
        "(NNEF|ONNX) Topology Storage Format not yet implemented",
    ),
    Limit("decodes no NNR_TPL_PRUN", carried("after a pruning container"), "Pruning Topology Container not yet implemented"),
    Limit(
        "decodes no topology_tensor_dimension_mapping()",
        carried("two tensors in one"),
        "topology_tensor_dimension_mapping not yet implemented",
    ),
    Limit(
        "decodes no unit after an NNR_PT_RAW_FLOAT",
        lambda case: case.carriage == "after an NNR_PT_RAW_FLOAT" or (case.payload == "RAW_FLOAT" and case.carriage == "two data units"),
        "^TypeError: slice indices must be integers",
    ),
    Limit("gives no tensors of a DC block, whose codeword it reads to the end", lambda case: "DC" in case.parts, "^KeyError: 'w_G'"),
)


def is_own_limit(symptom: str) -> bool:
    """Whether a refusal is known to be the peer's own, whatever the stream is about."""
    return any(re.search(limit.symptom, symptom) for limit in LIMITS)
