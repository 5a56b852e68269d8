"""The executable standard: decoder, encoder and trace of NNC streams.

It covers the editions 2022 and 2024 of ISO/IEC 15938-17.

Read `syntax.structures` and `entropy.plain` first: they are the text of the standard. `__all__` is
the public interface; names are loaded when first used, so that reading tables or syntax does not
wait for a compiler.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnc_conformance.reference.decoder import Decoded, decode
    from nnc_conformance.reference.encoder import encode
    from nnc_conformance.reference.encoder_options import EncoderOptions
    from nnc_conformance.reference.entropy.indices import decode_indices, encode_indices
    from nnc_conformance.reference.interpretation import Interpretation
    from nnc_conformance.reference.limits import DecodeLimits
    from nnc_conformance.reference.tracer import trace
    from nnc_conformance.reference.updates.base_model import BaseModel

_HOMES = {
    "Decoded": "decoder",
    "decode": "decoder",
    "EncoderOptions": "encoder",
    "encode": "encoder",
    "decode_indices": "entropy.indices",
    "encode_indices": "entropy.indices",
    "Interpretation": "interpretation",
    "DecodeLimits": "options",
    "trace": "tracer",
    "BaseModel": "updates.base_model",
}

__all__ = [
    "BaseModel",
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
    """Load a public name from the module that owns it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
