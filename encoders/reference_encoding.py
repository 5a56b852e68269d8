"""The reference encoder as encoders under test are asked: by our options, with their defaults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from nnc_conformance.encoders.option_values import reference_options
from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.quantization.choosing import choose, options_for
from nnc_conformance.reference.topology.classes import Role
from nnc_conformance.reference.updates.base_model import BaseModel

_ROLES: Final = {"qp": Role.WEIGHT, "nonweight_qp": Role.VECTOR}


def encode_as_asked(
    tensors: Mapping[str, np.ndarray], options: Mapping[str, str], blocks: Mapping[str, Any] | None, base: BaseModel | None
) -> bytes:
    """Encode tensors as the command ``encode`` does; raise `NNCError` or `ValueError`.

    Args:
        tensors: The tensors by name.
        options: Options by our names, with qp as qp.
        blocks: Block and type by the names of tensors in blocks.
        base: The model before, of an update.
    """
    asked = reference_options(options, blocks)
    given = {name: int(options[name]) if name in options else None for name in _ROLES}
    qp, nonweight_qp = options_for(given["qp"], given["nonweight_qp"], asked.qp_density)
    wanted = replace(asked, qp=qp, nonweight_qp=nonweight_qp)
    with np.errstate(over="ignore"):
        chosen = choose(tensors, wanted, asked=[role for name, role in _ROLES.items() if given[name] is not None]).options
    return encode(tensors, options=chosen, base=base)
