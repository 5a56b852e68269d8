"""The executable standard: decoder, encoder and trace of NNC streams (ISO/IEC 15938-17:2022).

The names are loaded when first used, so that what needs only the tables does not wait for the compiler.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnc_conformance.reference.decoder import Decoded, decode
    from nnc_conformance.reference.encoder import EncoderOptions, encode
    from nnc_conformance.reference.entropy.indices import decode_indices, encode_indices
    from nnc_conformance.reference.interpretation import Interpretation
    from nnc_conformance.reference.options import DecodeLimits
    from nnc_conformance.reference.tracer import trace

_HOMES = {
    "Decoded": "decoder",
    "decode": "decoder",
    "EncoderOptions": "encoder",
    "encode": "encoder",
    "decode_indices": "entropy.indices",
    "encode_indices": "entropy.indices",
    "Interpretation": "interpretation",
    "DecodeLimits": "limits",
    "trace": "tracer",
}

__all__ = [
    "DecodeLimits",
    "Decoded",
    "EncoderOptions",
    "Interpretation",
    "decode",
    "decode_indices",
    "encode",
    "encode_indices",
    "trace",
]


def __getattr__(name: str) -> Any:
    """Loads a public name from the module that owns it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
