"""Annex D: the JSON configuration of a Keras model as topology. Needs the extra ``tensorflow``.

The id of a parameter is the path of its variable. Weights and configuration of a .keras file are
kept; a stream cannot store the optimizer, random states and assets.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, as_declared
from nnc_conformance.reference.topology.keras_safety import checked_configuration
from nnc_conformance.reference.zip_bounds import opened_zip, read_member

EXTRA: Final = "pip install 'nnc-conformance[tensorflow]'"
"""Command that installs TensorFlow."""


@dataclass(frozen=True)
class KerasModel:
    """A model split for coding.

    Args:
        parameters: values by variable path.
        topology: the configuration as JSON in UTF-8, the same for equal models.
    """

    parameters: dict[str, Array]
    topology: bytes


def extract(model: bytes) -> KerasModel:
    """Split a .keras file into parameters and topology.

    Raises:
        ModelError: for anything else, a model with code, or if Keras is not installed.
    """
    keras = _keras()
    with opened_zip(model, "not a Keras model: the .keras file") as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if "config.json" not in entries:
            raise ModelError("not a Keras model: it has no config.json")
        checked_configuration(read_member(archive, entries["config.json"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(model)
        opened = _or_model_error("not a Keras model", lambda: keras.saving.load_model(path, compile=False, safe_mode=True))
    values = {variable.path: np.asarray(variable.numpy()) for variable in opened.weights}
    if len(values) != len(opened.weights):
        raise ModelError("the Keras model has two variables with the same path")
    configuration = json.dumps(json.loads(opened.to_json()), sort_keys=True, separators=(",", ":"))
    return KerasModel(values, configuration.encode())


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """Return the .keras file with ``parameters`` filled in, ready to load and run.

    Arrays are converted by `classes.as_declared`; a scalar may have shape (1,).

    Raises:
        ModelError: for a bad configuration, a parameter that is missing or does not fit, or if
            Keras is not installed.
    """
    keras = _keras()
    configuration = checked_configuration(topology)
    with keras.StatelessScope(initialize_variables=False):  # builds the layers without memory for their variables
        planned = _or_model_error("the topology is not a Keras model", lambda: keras.models.model_from_json(configuration))
    if isinstance(planned, keras.Model):
        for variable in planned.weights:
            _fitting(parameters, variable.path, tuple(variable.shape))
    made = _or_model_error("the topology is not a Keras model", lambda: keras.models.model_from_json(configuration))
    if not isinstance(made, keras.Model):
        raise ModelError("the topology is not a Keras model")
    for variable in made.weights:
        shape = tuple(variable.shape)
        values = _fitting(parameters, variable.path, shape)
        variable.assign(as_declared(values, np.dtype(str(variable.dtype)), variable.path).reshape(shape))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        made.save(path)
        return path.read_bytes()


def _fitting(parameters: Mapping[str, Array], path: str, shape: tuple[int, ...]) -> Array:
    """Return the parameter of a variable; raise `ModelError` if it is missing or has another shape."""
    if path not in parameters:
        raise ModelError(f"the parameter {path!r} of the topology is missing")
    values = parameters[path]
    if values.shape != shape and (values.shape, shape) != ((1,), ()):
        raise ModelError(f"parameter {path!r} has shape {values.shape}; the topology declares {shape}")
    return values


def _keras() -> Any:
    """Import Keras; raise `ModelError` if it is not installed."""
    try:
        import keras
    except ImportError:
        raise ModelError(f"Keras models need TensorFlow: {EXTRA}") from None
    return keras


def _or_model_error(what: str, make: Callable[[], Any]) -> Any:
    """Call ``make``; turn any exception into a `ModelError` that begins with ``what``."""
    try:
        return make()
    except Exception as error:  # the code of a layer can raise any exception
        raise ModelError(f"{what}: {(str(error).splitlines() or [type(error).__name__])[0][:200]}") from None
