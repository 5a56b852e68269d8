"""Topologies and quantization data, whose descriptor is a disputed point (clause 6)."""

from dataclasses import replace

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.onnx_bytes import onnx_topology
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.generator.stored_blocks import deflate_bomb, deflate_stored
from nnc_conformance.reference.composer import (
    HeaderForm,
    quantization_unit,
    topology_unit,
)
from nnc_conformance.reference.interpretation import (
    DataString,
    Interpretation,
)
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.structures.topology import (
    DEFLATE,
    NNR_TPL_NNEF,
    NNR_TPL_ONNX,
    NNR_TPL_PYT,
    NNR_TPL_TEF,
    NNR_TPL_UNREC,
    RAW,
)
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

TOPOLOGIES = {
    "unrec": (NNR_TPL_UNREC, bytes(range(1, 40))),
    "nnef": (NNR_TPL_NNEF, b"version 1.0;\ngraph g(x) -> (y)\n{\n    x = external(shape = [1, 2]);\n    y = relu(x);\n}\n"),
    "onnx": (NNR_TPL_ONNX, onnx_topology({"w": (2, 3)})),
    "pyt": (NNR_TPL_PYT, b"PK\x03\x04 a program without weights"),
    "tef": (NNR_TPL_TEF, b'{"class_name": "Sequential", "config": {}}'),
}


def carried(name: str, compression: int) -> Recipe:
    """Build the recipe of a topology in one storage format.

    Args:
        name: The storage format in words, a key of `TOPOLOGIES`.
        compression: Raw or deflated: topology_compression_format.
    """
    storage, data = TOPOLOGIES[name]
    content = deflate_stored(data) if compression == DEFLATE else data
    how = "deflate" if compression == DEFLATE else "raw"
    return topology_recipe(
        f"tpl-{name}-{how}",
        title=f"A topology of storage format {storage}, {how}",
        units=lambda _: [*opening(topology_carriage=True), topology_unit(storage, compression, {"topology_data": content}), small()],
    )


def topology_recipe(name: str, *, title: str, units: object, interpretation: Interpretation | None = None) -> Recipe:
    """Build the recipe of a stream with topology or quantization data.

    It is disputed where the data end.

    Args:
        name: The vector's id.
        title: The vector's title.
        units: Makes the stream's units.
        interpretation: The choices to write by; the defaults if None.
    """
    return Recipe(
        id=name,
        title=title,
        tests="Whether the data goes to the unit's end or ends with a zero byte.",
        catches="Not a bug by itself: published codecs differ.",
        clauses=("6 nnr_quantization_unit_payload" if name.startswith("qnt") else "6 nnr_topology_unit_payload",),
        units=units,  # type: ignore[arg-type]
        level=Level.DISPUTED,
        switch="data_string",
        interpretation=interpretation or Interpretation(),
    )


def dimensions_from_topology(storage: int, data: bytes) -> list[Values]:
    """Build a stream with a topology and two tensors that have their dimensions from it.

    Args:
        storage: topology_storage_format.
        data: The topology, of tensors w and v.
    """
    head = header(NNR_PT_INT, "w", (2, 3))
    tensor = Coded([5, 0, -1, 2, 2, 0])
    return [
        *opening(topology_carriage=True),
        topology_unit(storage, RAW, {"topology_data": data}),
        ndu(head, tensor, form=HeaderForm(input_parameters=False)),
        ndu(replace(head, ids=("v",), unary_length=3), tensor, form=HeaderForm(dimensions_present=False)),
    ]


def scalars() -> list[Values]:
    """Build a stream with an INT and a FLOAT without dimensions in the topology.

    The INT's unit leaves out its input parameters, the FLOAT's its dimensions.
    """
    topology = topology_unit(NNR_TPL_ONNX, RAW, {"topology_data": onnx_topology({"w": (), "v": ()})})
    units = [
        ndu(header(kind, name, (1,)), Coded([-7]), form=form)
        for kind, name, form in (
            (NNR_PT_INT, "w", HeaderForm(input_parameters=False)),
            (NNR_PT_FLOAT, "v", HeaderForm(dimensions_present=False)),
        )
    ]
    return [*opening(topology_carriage=True), topology, *units]


_SHAPES = onnx_topology({"w": (2, 3), "v": (2, 3)})
_GRAPH = b"""version 1.0;
graph g(x) -> (y)
{
    x = external(shape = [1, 3]);  # not a parameter
    a = variable(shape = [2, 3], label = 'w');
    b = variable<scalar>(label = "v", shape = [2, 3]);
    y = linear(x, a, b);
}
"""
_CALIBRATION = b"[quantization]\nbits = 8\n"

RECIPES = (
    *(carried(name, compression) for name in TOPOLOGIES for compression in (RAW, DEFLATE)),
    topology_recipe(
        "tpl-empty",
        title="A topology without bytes",
        units=lambda _: [*opening(topology_carriage=True), topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": b""}), small()],
    ),
    topology_recipe(
        "tpl-onnx-deflate-blocks",
        title="A topology deflated in several blocks",
        units=lambda _: [
            *opening(topology_carriage=True),
            topology_unit(NNR_TPL_ONNX, DEFLATE, {"topology_data": deflate_stored(_SHAPES, 20)}),
            small(),
        ],
    ),
    topology_recipe(
        "tpl-onnx-dimensions",
        title="Dimensions from an ONNX topology",
        units=lambda _: dimensions_from_topology(NNR_TPL_ONNX, _SHAPES),
    ),
    topology_recipe(
        "tpl-onnx-dimensions-packed",
        title="Dimensions from an ONNX topology, packed in one field",
        units=lambda _: dimensions_from_topology(NNR_TPL_ONNX, onnx_topology({"w": (2, 3), "v": (2, 3)}, packed=True)),
    ),
    topology_recipe(
        "tpl-onnx-dimensions-constant",
        title="Dimensions from Constant nodes of an ONNX topology",
        units=lambda _: dimensions_from_topology(NNR_TPL_ONNX, onnx_topology({"w": (2, 3), "v": (2, 3)}, constants=True)),
    ),
    topology_recipe(
        "tpl-onnx-scalars",
        title="Scalars whose dimensions an ONNX topology gives",
        units=lambda _: scalars(),
    ),
    topology_recipe(
        "tpl-unrec-deflate-large",
        title="A topology that inflates to more than 64 KiB",
        units=lambda _: [
            *opening(topology_carriage=True),
            topology_unit(NNR_TPL_UNREC, DEFLATE, {"topology_data": deflate_bomb(100_000)}),
            small(),
        ],
    ),
    topology_recipe(
        "tpl-nnef-dimensions",
        title="Dimensions from an NNEF topology",
        units=lambda _: dimensions_from_topology(NNR_TPL_NNEF, _GRAPH),
    ),
    topology_recipe(
        "tpl-onnx-dimensions-zero-byte",
        title="Dimensions from an ONNX topology that a zero byte ends",
        units=lambda _: dimensions_from_topology(NNR_TPL_ONNX, _SHAPES + b"\0"),
        interpretation=Interpretation(data_string=DataString.ST),
    ),
    topology_recipe(
        "tpl-replaced",
        title="Two topologies",
        units=lambda _: [
            *opening(topology_carriage=True),
            *(topology_unit(NNR_TPL_NNEF, RAW, {"topology_data": data}) for data in (b"first", b"second")),
            small(),
        ],
    ),
    topology_recipe(
        "qnt-raw",
        title="Quantization data, raw",
        units=lambda _: [*opening(), quantization_unit(NNR_TPL_UNREC, RAW, _CALIBRATION), small()],
    ),
    topology_recipe(
        "qnt-deflate",
        title="Quantization data, deflated",
        units=lambda _: [*opening(), quantization_unit(NNR_TPL_ONNX, DEFLATE, deflate_stored(_CALIBRATION)), small()],
    ),
    topology_recipe(
        "qnt-empty",
        title="Quantization data without bytes",
        units=lambda _: [*opening(), quantization_unit(NNR_TPL_NNEF, RAW, b""), small()],
    ),
)
