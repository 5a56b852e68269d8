"""A case's stream from an encoder: the peer's, or ours."""

from typing import Any

from interop.cases import Case
from interop.codec import Codec
from interop.materials import block_tables, parameters

from nnc_conformance.reference import EncoderOptions, encode


def theirs(case: Case, peer: Codec) -> bytes:
    """The peer's stream; raises `PeerError`."""
    options: dict[str, Any] = {
        "qp": case.qp,
        "nonweight_qp": case.qp + case.delta,
        "qp_density": case.qp_density,
        "use_dq": case.dq,
        "codebook_mode": 0 if case.codebook == "none" else int(case.codebook),
        "scan_order": case.scan_order,
        "cabac_unary_length_minus1": case.unary_length - 1,
        "lambda_scale": float(case.rdo),
        "param_opt": case.parameter_sets == "search",
    }
    blocks = block_tables(case)
    return peer.encode(parameters(case), **options, **({"blocks": blocks} if blocks else {}))


def encoded(case: Case) -> bytes:
    """Our encoder's stream; raises `EncodeError`."""
    options = EncoderOptions(
        qp=case.qp,
        nonweight_qp=case.qp + case.delta,
        qp_density=case.qp_density,
        dq=case.dq,
        codebook=case.codebook,
        scan_order=case.scan_order,
        unary_length=case.unary_length,
        rdo=float(case.rdo),
        parameter_sets="search" if case.parameter_sets == "search" else "default",
        blocks=block_tables(case) or (),
    )
    return encode(parameters(case), options=options)
