"""Makes parameters for a network from the model after a session's last step.

Blocks are put together and formats converted.
"""

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.payload import recombined
from nnc_conformance.reference.quantization.reconstruction import convert
from nnc_conformance.reference.syntax.context import PayloadError
from nnc_conformance.reference.updates.base_model import BaseModel, BlockRecord


def final_parameters(model: BaseModel, *, recombine: bool = False) -> dict[str, np.ndarray]:
    """Return a model's parameters by name, in their nnr_decompressed_data_format.

    Args:
        model: The model after the last step.
        recombine: Give a BLOCK's weight as G x H, scaled by its LS, in place of these.

    Raises:
        ModelError: A value does not fit its format, or the parts of a block do not fit together, as
            after an update that replaced one of them.
    """
    parameters = {name: _converted(name, values, model.data_formats.get(name)) for name, values in model.parameters.items()}
    if recombine:
        for block in model.blocks.values():
            parts = {name: parameters.pop(name) for name in block.ids if name in parameters}
            parameters |= _put_together(block, parts) if len(parts) == len(block.ids) else parts
    return parameters


def _put_together(block: BlockRecord, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    try:
        return recombined(block, parts)
    except (ValueError, IndexError):
        shapes = ", ".join(f"{name!r} {values.shape}" for name, values in parts.items())
        raise ModelError(f"the parts of a block of dimensions {block.dimensions} do not fit together: {shapes}") from None


def _converted(name: str, values: np.ndarray, data_format: int | None) -> np.ndarray:
    """Convert values to a data format, if any; raise `ModelError` if one does not fit."""
    if data_format is None:
        return values
    try:
        return convert(values, data_format)
    except PayloadError as error:
        raise ModelError(f"tensor {name!r}: {error}") from None
