"""Faults of decoders in parameter sets.

They concern which set is in force, and how its quantization parameter is kept.
"""

from typing import Final

from nnc_conformance.faults.mutants.fault import Edit, NamedFault

_SETS: Final = "syntax.structures.parameter_sets"
_MPS: Final = "nnr_model_parameter_set"
_LPS: Final = "nnr_layer_parameter_set"
_HEADER: Final = ("syntax.structures.data_unit", "nnr_compressed_data_unit_header")
_MPS_QP: Final = 'context.mps_quantization = Quantization(density, w.i("mps_quantization_parameter", 13))'
_LPS_QP: Final = 'context.lps_quantization = Quantization(density, w.i("lps_quantization_parameter", 13))'
_METHODS: Final = "if methods & (NNR_QSU | NNR_QCB):"
_RETURNED: Final = "return replace(header, scan_order=scan_order, entry_points=entry_points)"
_IN_FORCE: Final = "    quantization = context.quantization\n"
_STEP: Final = "return np.ldexp(np.float64(mantissa), (qp >> qp_density) - qp_density)"


def mps_kept(*statements: str) -> Edit:
    """Make an edit that passes the MPS's ``qp`` through statements before it is kept."""
    lines = ('qp = w.i("mps_quantization_parameter", 13)', *statements, "context.mps_quantization = Quantization(density, qp)")
    return Edit(_SETS, _MPS, _MPS_QP, "\n        ".join(lines))


def lps_kept(*statements: str) -> Edit:
    """Make an edit that changes an LPS's qp or density when it is read.

    Args:
        statements: Source lines that change ``qp`` or ``density``, before the two are kept.
    """
    lines = ('qp = w.i("lps_quantization_parameter", 13)', *statements, "context.lps_quantization = Quantization(density, qp)")
    return Edit(_SETS, _LPS, _LPS_QP, "\n        ".join(lines))


def taken_if(condition: str) -> Edit:
    """Make an edit of the decoder that keeps an LPS's qp under a condition only.

    Otherwise it is as if the LPS had none.

    Args:
        condition: The condition as source, with ``qp`` and ``density``.
    """
    text = _LPS_QP.replace('w.i("lps_quantization_parameter", 13)', "qp")
    return Edit(_SETS, _LPS, _LPS_QP, f'qp = w.i("lps_quantization_parameter", 13)\n        {text} if {condition} else None')


def taken_for_float(condition: str) -> Edit:
    """Make an edit that decodes an INT as a FLOAT under a condition."""
    header = f"header = replace(header, payload_type=NNR_PT_FLOAT) if payload_type == NNR_PT_INT and {condition} else header"
    return Edit(*_HEADER, _RETURNED, f"{header}\n    {_RETURNED}")


def methods_noted() -> Edit:
    """Make an edit that keeps the MPS's quantization methods in ``context.methods``.

    Other edits of the same fault then use them.
    """
    return Edit(
        _SETS, _MPS, "    context.mps_quantization = None\n", "    context.mps_quantization = None\n    context.methods = methods\n"
    )


def wrong_mask(density: int, mask: int) -> NamedFault:
    """Make the fault of a wrong mask for the fraction of a qp.

    Args:
        density: The qp_density at which the mask is wrong.
        mask: The wrong mask; the right one is 2 ** density - 1.
    """
    return NamedFault(
        f"mask-of-density-{density}",
        f"In a table of masks, the fraction of an MPS's negative quantization parameter of density {density} is kept with {mask:#x}"
        f" in place of {(1 << density) - 1:#x}.",
        ("mps_qp_density", "mps_quantization_parameter"),
        (mps_kept(f"qp &= ~{(1 << density) - 1 - mask} if density == {density} and qp < 0 else -1"),),
        vectors=(f"mps-density-{density}",),
    )


FAULTS: Final = (
    NamedFault(
        "integers-under-a-positive-layer-qp",
        "Where the quantization parameter of an NNR_LPS is above 0, qp_delta is read in an INT too.",
        ("qp_delta", "lps_quantization_parameter"),
        (taken_for_float("context.lps_quantization is not None and context.lps_quantization.quantization_parameter > 0"),),
        vectors=("lps-and-integers",),
    ),
    NamedFault(
        "model-step-kept-once-used",
        "Once a tensor was dequantized with the parameters of the NNR_MPS, no NNR_LPS comes into force.",
        ("lps_quantization_parameter", "lps_qp_density"),
        (
            Edit(
                *_HEADER,
                _IN_FORCE,
                '    quantization = context.mps_quantization if getattr(context, "mps_used", False) else context.quantization\n'
                "    if payload_type in (NNR_PT_FLOAT, NNR_PT_BLOCK) and context.lps_quantization is None:\n"
                "        context.mps_used = True\n",
            ),
        ),
        vectors=("lps-in-force-until-next",),
    ),
    NamedFault(
        "layer-qp-under-qsu-only",
        "The quantization parameter of an NNR_LPS is taken under NNR_QSU only, and otherwise read past.",
        ("lps_quantization_method_flags", "lps_quantization_parameter"),
        (taken_if("methods & NNR_QSU"),),
        vectors=("lps-method-qcb",),
    ),
    NamedFault(
        "largest-layer-qp-for-none",
        "The largest quantization parameter of a layer stands for one that is absent.",
        ("lps_quantization_parameter",),
        (taken_if("qp < 4095"),),
        vectors=("lps-qp-max",),
    ),
    NamedFault(
        "layer-qp-of-12-bits-and-a-sign",
        "The magnitude of a layer's quantization parameter is kept in 12 bits, not counting its sign.",
        ("lps_quantization_parameter",),
        (lps_kept("qp = -(-qp & 4095) if qp < 0 else qp"),),
        vectors=("lps-qp-min",),
    ),
    NamedFault(
        "model-density-at-the-first-data-unit",
        "The density of the NNR_MPS, if it is not 0, comes into force with the first data unit, also where an NNR_LPS came before.",
        ("lps_qp_density", "mps_qp_density"),
        (
            Edit(
                *_HEADER,
                _IN_FORCE,
                "    quantization, model, layer = context.quantization, context.mps_quantization, context.lps_quantization\n"
                '    if not getattr(context, "begun", False) and model is not None and model.qp_density and layer is not None:\n'
                "        quantization = context.lps_quantization = Quantization(model.qp_density, layer.quantization_parameter)\n"
                "    context.begun = True\n",
            ),
        ),
        vectors=("lps-replaces-mps",),
    ),
    NamedFault(
        "fraction-by-the-density-of-the-model",
        "The fraction of a layer's step is taken with the density of the NNR_MPS, which is 0 where that has none.",
        ("lps_qp_density", "lps_quantization_parameter"),
        (lps_kept("qp = qp >> density << density if context.mps_quantization is None else qp"),),
        vectors=("lps-without-mps-qp",),
    ),
    NamedFault(
        "fraction-of-one-bit-at-density-0",
        "The fraction of a model's quantization parameter has one bit at density 0 too.",
        ("mps_qp_density", "mps_quantization_parameter"),
        (mps_kept("qp += qp & 1 if density == 0 else 0"),),
        vectors=("mps-density-0",),
    ),
    *(wrong_mask(density, mask) for density, mask in enumerate((0, 1, 5, 0xB, 0x1E, 0x3D, 0x7E), 1)),
    NamedFault(
        "model-qp-always-read",
        "The quantization parameter of an NNR_MPS is read whatever the method flags say.",
        ("mps_quantization_method_flags", "mps_quantization_parameter"),
        (Edit(_SETS, _MPS, _METHODS, "if True:"),),
        vectors=("mps-method-none", "mps-methods-0"),
    ),
    NamedFault(
        "qcb-for-codebooks-only",
        "Where NNR_QCB is the only method, a FLOAT without a codebook is refused.",
        ("mps_quantization_method_flags", "codebook_present_flag"),
        (
            methods_noted(),
            Edit(
                *_HEADER,
                "        if codebook_present:\n",
                '        w.require("qp-in-force", codebook_present or getattr(context, "methods", 0) != 2, "no step size")\n'
                "        if codebook_present:\n",
            ),
        ),
        vectors=("mps-method-qcb",),
    ),
    NamedFault(
        "codebook-flag-of-integers",
        "Where NNR_QCB is the only method, codebook_present_flag is read in an INT too.",
        ("mps_quantization_method_flags", "codebook_present_flag"),
        (
            methods_noted(),
            Edit(
                *_HEADER,
                "    dq_flag = 0\n",
                '    if payload_type == NNR_PT_INT and getattr(context, "methods", 0) == 2:\n'
                '        w.u("codebook_present_flag", 1)\n'
                "    dq_flag = 0\n",
            ),
        ),
        vectors=("mps-methods-2",),
    ),
    NamedFault(
        "integers-dequantized-under-both-methods",
        "Where NNR_QSU and NNR_QCB are set, qp_delta is read in an INT too.",
        ("mps_quantization_method_flags", "qp_delta"),
        (methods_noted(), taken_for_float('getattr(context, "methods", 0) == 3')),
        vectors=("mps-methods-3",),
    ),
    NamedFault(
        "step-by-eight-more-bits",
        "A step is 256 times as large in binary32, to keep eight bits of a fraction, and products are divided by 256.",
        ("mps_quantization_parameter", "qp_delta"),
        (
            Edit(
                "quantization.reconstruction",
                "products",
                "numbers.astype(np.float32) * np.float32(step)",
                "numbers.astype(np.float32) * np.float32(step * 256) / np.float32(256)",
            ),
        ),
        vectors=("mps-qp-largest-finite",),
    ),
    NamedFault(
        "step-raises-when-too-large",
        "A power of two beyond the range of binary64 is an error.",
        ("mps_quantization_parameter",),
        (
            Edit(
                "quantization.reconstruction",
                "step_size",
                _STEP,
                "return np.float64(float(mantissa) * 2.0 ** ((qp >> qp_density) - qp_density))",
            ),
        ),
        vectors=("mps-qp-max-density-0",),
    ),
    NamedFault(
        "exponent-of-5-bits-and-a-sign",
        "The exponent of a model's step that has a fraction is kept as a sign and five bits.",
        ("mps_quantization_parameter", "mps_qp_density"),
        (mps_kept("qp += (-(-(qp >> density) & 31) - (qp >> density)) << density if density and qp < 0 else 0"),),
        vectors=("mps-qp-min-density-7",),
    ),
    NamedFault(
        "subnormal-step-flushed",
        "A step below the normal range of binary32 is taken for zero.",
        ("mps_quantization_parameter", "qp_delta"),
        (
            Edit(
                "quantization.reconstruction",
                "products",
                "        if single:\n",
                "        step = step if step >= np.finfo(np.float32).tiny else np.float64(0)\n        if single:\n",
            ),
        ),
        vectors=("mps-qp-subnormal-step",),
    ),
    *(
        NamedFault(
            f"no-maps-in-an-{set_}",
            f"No sparsification or pruning map is read in an NNR_{set_.upper()}.",
            ("spm_count_thresholds", "ppm_count_pruning_ratios", f"{set_}_sparsification_flag", f"{set_}_pruning_flag"),
            (Edit(_SETS, function, "performance_maps(w, sparsification, pruning,", "performance_maps(w, 0, 0,"),),
            vectors=(f"map-either-count-{set_}",),
        )
        for set_, function in (("mps", _MPS), ("lps", _LPS))
    ),
    NamedFault(
        "step-by-factors-in-binary32",
        "The step is the product of its mantissa, a power of two and 2 ** -density, in binary32.",
        ("mps_qp_density", "qp_delta"),
        (
            Edit(
                "quantization.reconstruction",
                "step_size",
                _STEP,
                "one = np.float32(1)\n"
                "    with np.errstate(over='ignore', under='ignore'):\n"
                "        return np.float64(np.float32(mantissa) * np.ldexp(one, qp >> qp_density) * np.ldexp(one, -qp_density))",
            ),
        ),
        vectors=("value-steps-wide",),
    ),
)
