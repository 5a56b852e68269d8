"""Configurations of Keras models that strangers made: unknown layers and sizes are refused before Keras sees them. Without Keras."""

import json
from typing import Any

import pytest

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.keras_safety import checked_configuration


def layer(name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": {"name": f"my_{name}", **config}, "registered_name": None}


def model(*layers: dict[str, Any]) -> bytes:
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": layers}}).encode()


def test_a_plain_model_goes_through_without_what_compiles_it() -> None:
    compiled = json.loads(model(layer("Dense", units=4, kernel_initializer=layer("GlorotUniform", "keras.initializers"))))
    compiled["compile_config"] = {"optimizer": layer("Evil", "os")}
    assert "compile_config" not in checked_configuration(json.dumps(compiled).encode())


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("Lambda", "keras.layers"),
        ("TFSMLayer", "keras.layers"),
        ("TextVectorization", "keras.layers"),
        ("StringLookup", "keras.layers"),
        ("system", "os"),
        ("Dense", "my_package"),
        ("__lambda__", None),
        ("__typespec__", None),
        ("function", "builtins"),
        ("get_file", "keras.utils"),
    ],
)
def test_other_layers_are_refused_by_name_with_a_remedy(name: str, module: str | None) -> None:
    for hostile in (model(layer(name, module)), model(layer("Bidirectional", layer=layer(name, module)))):
        with pytest.raises(ModelError, match=rf"'my_{name}'.*{name}.*code the weights as \.safetensors"):
            checked_configuration(hostile)


HUGE = (10**12, 1e300)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, *(model(layer("Dense", units=size)) for size in HUGE)])
def test_what_is_no_configuration_or_has_no_bound_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        checked_configuration(data)
