"""nnr_decompressed_data_format where it names the payload's own format (clause 6).

Conversions are in `inferred`.
"""

from nnc_conformance.generator.composition import Coded, bits32, header, ndu, opening
from nnc_conformance.generator.facts import FLOAT32_FORMAT, INT32_FORMAT
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.storage.vector import Level

_FORMAT = ("6 nnr_compressed_data_unit_header",)
_TENSOR = Coded([4, 0, -3, 9])


def default_format(kind: str, payload_type: int, data_format: int, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of a tensor that names its payload type's own data format.

    Args:
        kind: The payload type in words, such as ``int``.
        payload_type: The payload type.
        data_format: nnr_decompressed_data_format, the default of the payload type.
        level: The vector's level.
    """
    head = header(payload_type, "w", (2, 2), data_format=data_format)
    tensor = bits32(0x3F800000, 0x40490FDB, 0x80000000, 0) if payload_type == NNR_PT_RAW_FLOAT else _TENSOR
    return Recipe(
        id=f"ndu-format-{kind}-default",
        title=f"The default format of {kind.upper()}, sent",
        tests="nnr_decompressed_data_format may name the format that the payload type has anyway.",
        catches="A decoder that misses the seven bits of the format.",
        clauses=_FORMAT,
        level=level,
        units=lambda _: [*opening(), ndu(head, tensor)],
    )


RECIPES = (
    default_format("int", NNR_PT_INT, INT32_FORMAT, Level.FULL),
    default_format("float", NNR_PT_FLOAT, FLOAT32_FORMAT),
    default_format("raw", NNR_PT_RAW_FLOAT, FLOAT32_FORMAT),
    Recipe(
        id="ndu-format-block-default",
        title="The default format of a BLOCK, sent",
        tests="The format of a BLOCK stands for all its tensors.",
        catches="A decoder that reads a format for each tensor.",
        clauses=_FORMAT,
        units=lambda _: [
            *opening(),
            ndu(
                header(NNR_PT_BLOCK, ("w", "b"), (2, 2), parameter_types=BI, data_format=FLOAT32_FORMAT),
                {"w": _TENSOR, "b": Coded([1, 2])},
            ),
        ],
    ),
)
