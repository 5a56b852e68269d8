"""Configurations of Keras models that strangers made: unknown layers and sizes are refused before
Keras sees them. Without Keras.
"""

import json
from typing import Any

import pytest

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.keras_safety import checked_configuration, without_statistics


def layer(name: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": {"name": f"my_{name}", **config}, "registered_name": None}


def model(*layers: dict[str, Any]) -> bytes:
    return json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": layers}}).encode()


def test_a_plain_model_goes_through_without_what_compiles_it() -> None:
    compiled = json.loads(model(layer("Dense", units=4, kernel_initializer=layer("GlorotUniform", "keras.initializers"))))
    compiled["compile_config"] = {"optimizer": layer("Evil", "os")}
    assert "compile_config" not in checked_configuration(json.dumps(compiled).encode()).text


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("Lambda", "keras.layers"),
        ("TFSMLayer", "keras.layers"),
        ("TorchModuleWrapper", "keras.layers"),
        ("JaxLayer", "keras.layers"),
        ("FlaxLayer", "keras.layers"),
        ("Layer", "keras.layers"),
        ("WhileLoop", "keras.src.ops.core"),
        ("Map", "keras.src.ops.core"),
        ("Unstack", "keras.src.ops.core"),
        ("np", "keras.src.ops.numpy"),
        ("system", "os"),
        ("Dense", "my_package"),
        ("__lambda__", None),
        ("__typespec__", None),
        ("function", "builtins"),
        ("get_file", "keras.utils"),
    ],
)
def test_other_layers_are_refused_by_name_with_a_remedy(name: str, module: str | None) -> None:
    for hostile in (
        model(layer(name, module)),
        model(layer("Bidirectional", layer=layer(name, module))),
        model(layer("Dropout", seed=[layer(name, module)])),
    ):
        with pytest.raises(ModelError, match=rf"'my_{name}'.*{name}.*code the weights as \.safetensors"):
            checked_configuration(hostile)


def test_a_class_of_the_models_maker_is_named_as_it_was_registered() -> None:
    for module, registered, named in (
        (None, "Custom>My", "the custom class Custom>My,"),
        (None, None, "the custom class My,"),
        ("a.b", None, "a a.b.My,"),
    ):
        with pytest.raises(ModelError, match=f"'my_My', {named} which is not among"):
            checked_configuration(model(layer("My", module) | {"registered_name": registered}))


HUGE = (10**12, 1e300)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, *(model(layer("Dense", units=size)) for size in HUGE)])
def test_what_is_no_configuration_or_has_no_bound_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        checked_configuration(data)


KERAS_TENSOR = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["x", 0, 0]}}


def called(*arguments: Any, name: str = "Add", **config: Any) -> bytes:
    """A model that calls an operation of Keras."""
    operation = layer(name, "keras.src.ops.numpy", **config)
    return model({**operation, "inbound_nodes": [{"args": list(arguments), "kwargs": {}}]})


@pytest.mark.parametrize("constant", [1.0, -3.4e38, {"class_name": "__numpy__", "config": {"value": [1e30, 2.0], "dtype": "float32"}}])
def test_operations_on_tensors_and_constants_are_known(constant: Any) -> None:
    assert "Add" in checked_configuration(called(KERAS_TENSOR, constant)).text
    assert "Add" in checked_configuration(called([constant, {"class_name": "__tuple__", "config": {"value": [KERAS_TENSOR]}}])).text


@pytest.mark.parametrize(
    "arguments", [(), (1.0, 2.0), ([[1.0]],), ({"class_name": "__slice__", "config": {"start": KERAS_TENSOR, "stop": 1, "step": 1}},)]
)
def test_a_call_that_would_compute_at_once_is_refused(arguments: tuple[Any, ...]) -> None:
    """Keras runs a call without a tensor of the model while it loads: `Tile` of 1.0 took 8 GB."""
    with pytest.raises(ModelError, match="'my_Tile' without a tensor of the model"):
        checked_configuration(called(*arguments, name="Tile", repeats=[1 << 31]))


@pytest.mark.parametrize("kind", ["S2000000000", "object", "O", 7, None, "float64,float64"])
def test_a_constant_is_of_numbers(kind: Any) -> None:
    with pytest.raises(ModelError, match="a constant of type"):
        checked_configuration(called(KERAS_TENSOR, {"class_name": "__numpy__", "config": {"value": [1], "dtype": kind}}))


def test_a_quantization_that_is_not_read_is_refused_with_a_remedy() -> None:
    with pytest.raises(ModelError, match="quantized by GPTQConfig, which is not read; quantize it to int8, int4 or float8"):
        checked_configuration(model(layer("Dense", quantization_config=layer("GPTQConfig", "keras.quantizers"))))


@pytest.mark.parametrize(
    ("name", "module", "config"),
    [
        ("StringLookup", "keras.layers", {"num_oov_indices": 1 << 30}),
        ("TextVectorization", "keras.layers", {"max_tokens": 1 << 30}),
        ("TextVectorization", "keras.layers", {"ngrams": 1 << 30}),
        ("Split", "keras.src.ops.numpy", {"indices_or_sections": 1 << 30}),
        ("Discretization", "keras.layers", {"num_bins": 1 << 30}),
    ],
)
def test_a_number_that_becomes_the_length_of_a_list_is_bounded(name: str, module: str, config: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="has the number 1073741824"):
        checked_configuration(model(layer(name, module, **config)))


@pytest.mark.parametrize("vocabulary", ["/etc/passwd", {"class_name": "__tensor__"}, [["a"]], 7])
def test_a_vocabulary_is_words_and_not_the_path_of_a_file(vocabulary: Any) -> None:
    with pytest.raises(ModelError, match=r"vocabulary of 'my_StringLookup' is not a list"):
        checked_configuration(model(layer("StringLookup", vocabulary=vocabulary)))


def test_vocabularies_seeds_and_salts_are_no_sizes() -> None:
    settings = {"vocabulary": [10**12, "word"], "seed": 10**12, "salt": [10**12, 1]}
    assert json.loads(checked_configuration(model(layer("IntegerLookup", **settings))).text)


def nested(depth: int) -> bytes:
    """A model in models in models."""
    before, after = model("inner").split(b'"inner"')  # type: ignore[arg-type]
    return before * depth + model(layer("Flatten")) + after * depth


def long_functional(count: int) -> bytes:
    layers = [layer("Flatten")] * count
    return json.dumps({"module": "keras", "class_name": "Functional", "config": {"name": "f", "layers": layers}}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (nested(100), "within each other"),
        (nested(400), "not a Keras model|within each other"),
        (model(*[layer("Flatten")] * 1001), "of more than 1000 layers"),
        (model(layer("TimeDistributed", layer=json.loads(model(*[layer("Flatten")] * 1001)))), "of more than 1000 layers"),
        (long_functional(10_001), "more than 10000 layers"),
        (model(layer("LSTM", units=4, stateful=True)), "'my_LSTM'.*stateful=False"),
        (model(layer("Bidirectional", layer=layer("GRU", units=4, stateful=1))), "'my_GRU'.*stateful=False"),
    ],
)
def test_what_takes_keras_too_long_or_too_deep_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        checked_configuration(data)


def test_large_models_and_states_that_are_off_are_known() -> None:
    for data in (long_functional(9000), model(*[layer("Flatten")] * 1000), nested(15), model(layer("LSTM", units=4, stateful=False))):
        checked_configuration(data)


def test_normalizations_by_statistics_are_planned_as_layers_with_as_many_values() -> None:
    given = model(layer("TimeDistributed", layer=layer("Normalization", mean=[1.0], variance=2.0, axis=[1, 2])), layer("Dense", units=3))
    made = json.loads(without_statistics(given.decode()))["config"]["layers"]
    inner = made[0]["config"]["layer"]
    assert (inner["class_name"], inner["config"]) == ("LayerNormalization", {"name": "my_Normalization", "axis": [1, 2]})
    assert made[1] == layer("Dense", units=3)
    whole = json.loads(without_statistics(model(layer("Normalization", mean=1.0, variance=2.0, axis=None)).decode()))
    assert whole["config"]["layers"][0]["class_name"] == "Identity"
