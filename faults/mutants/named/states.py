"""Entropy state that is reset wrongly or carried over.

It concerns block rows, parts and units, as the vectors about it state it.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import UNCHECKED_ENTRY_POINTS, Edit, NamedFault

_RESET: Final = "reset_contexts(coder.tables, coder.parameter_sets, coder.states)"
_TOPOLOGY: Final = "syntax.structures.topology"
_STORAGE: Final = 'storage = header["topology_storage_format"]'
_DATA: Final = 'data = data_string(w, "topology_data")'
_EACH_PART: Final = tuple(f"block-rows-scan-{scan_order}-{part}" for scan_order in range(1, 5) for part in ("alone", "weight", "g", "h"))

FAULTS: Final = (
    NamedFault(
        "block-rows-reset-to-set-0",
        "At each block row after the first, contexts are reset to the initial states of set 0, whatever sets are signalled.",
        ("shift_parameter_ids", "scan_order"),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit(
                "entropy.plain",
                "quant_tensor",
                _RESET,
                "reset_contexts(coder.tables, coder.parameter_sets * (first == 0), coder.states)",
            ),
        ),
        vectors=(*_EACH_PART, "block-rows-each-set"),
    ),
    NamedFault(
        "block-rows-forget-sets",
        "At each block row after the first, contexts go over to set 0, its rates of adaptation included.",
        ("shift_parameter_ids", "scan_order"),
        (
            UNCHECKED_ENTRY_POINTS,
            Edit("entropy.plain", "quant_tensor", _RESET, f"coder.parameter_sets[0] *= first == 0\n        {_RESET}"),
        ),
        vectors=(*_EACH_PART, "block-rows-each-set"),
    ),
    NamedFault(
        "lps-dropped-at-a-topology",
        "An NNR_TPL ends what the NNR_LPS before it says.",
        ("lps_quantization_parameter", "lps_qp_density"),
        (Edit(_TOPOLOGY, "nnr_topology_unit_payload", _STORAGE, f"context.lps_quantization = None\n    {_STORAGE}"),),
        vectors=("lps-in-force-strings",),
    ),
    NamedFault(
        "list-dropped-at-a-topology",
        "A topology after a list of ids takes its place.",
        ("topology_elem_id_index", "topology_storage_format"),
        (Edit(_TOPOLOGY, "nnr_topology_unit_payload", _DATA, f"context.reference_list = None\n        {_DATA}"),),
        vectors=("lps-in-force-indexes",),
    ),
    NamedFault(
        "scale-looked-up",
        "LS is looked up in the codebook of its BLOCK.",
        ("codebook_present_flag", "compressed_parameter_types"),
        (
            Edit(
                "payload",
                "coded_parts",
                "Part(name, rows, None, False) for kind",
                "Part(name, rows, header.codebook if kind == LS else None, False) for kind",
            ),
        ),
        vectors=("block-codebooks-and-vectors",),
    ),
)
