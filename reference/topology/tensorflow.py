"""Annex D: the JSON configuration of a Keras model as topology; a parameter's id is the path of its variable. Needs the extra tensorflow.

Of a .keras file the weights and the configuration travel; what a stream has no place for (optimizer, random states, assets) does not.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, declared

EXTRA: Final = "pip install 'nnc-conformance[tensorflow]'"


@dataclass(frozen=True)
class KerasModel:
    """A model taken apart: values by variable path, and its configuration as UTF-8 JSON in one spelling."""

    parameters: dict[str, Array]
    topology: bytes


def extract(model: bytes) -> KerasModel:
    """Takes a .keras file apart; raises `ModelError` for what is none, or holds code, and where Keras is not installed."""
    keras = _keras()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(model)
        opened = _tried("not a Keras model", lambda: keras.saving.load_model(path, compile=False, safe_mode=True))
    values = {variable.path: np.asarray(variable.numpy()) for variable in opened.weights}
    if len(values) != len(opened.weights):
        raise ModelError("the Keras model has two variables of one path")
    configuration = json.dumps(json.loads(opened.to_json()), sort_keys=True, separators=(",", ":"))
    return KerasModel(values, configuration.encode())


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """The .keras file with ``parameters`` in place, that Keras loads and runs.

    A decoded array becomes the variable's element type by `classes.declared`; a scalar may come with the shape (1,). Raises `ModelError`
    for a configuration that makes no model, a parameter that is missing or does not fit, and where Keras is not installed.
    """
    keras = _keras()
    made = _tried("the topology makes no Keras model", lambda: keras.models.model_from_json(topology.decode()))
    if not isinstance(made, keras.Model):
        raise ModelError("the topology makes no Keras model")
    for variable in made.weights:
        if variable.path not in parameters:
            raise ModelError(f"the parameter {variable.path!r} of the topology is missing")
        values, shape = parameters[variable.path], tuple(variable.shape)
        if values.shape != shape and (values.shape, shape) != ((1,), ()):
            raise ModelError(f"parameter {variable.path!r} has the shape {values.shape}, the topology declares {shape}")
        variable.assign(declared(values, np.dtype(str(variable.dtype)), variable.path).reshape(shape))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        made.save(path)
        return path.read_bytes()


def _keras() -> Any:
    try:
        import keras
    except ImportError:
        raise ModelError(f"Keras models need TensorFlow: {EXTRA}") from None
    return keras


def _tried(what: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Exception as error:  # Keras raises whatever a layer's own code does
        raise ModelError(f"{what}: {(str(error).splitlines() or [type(error).__name__])[0][:200]}") from None
