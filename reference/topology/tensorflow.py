"""Annex D: the JSON configuration of a Keras model as topology. Needs the extra ``tensorflow``.

The id of a parameter is the path of its variable. Weights and configuration of a .keras file are
kept, and the vocabularies of its layers are added to the configuration; a stream cannot store the
optimizer and random states.
"""

import json
import math
import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.classes import Array, as_declared
from nnc_conformance.reference.topology.keras_safety import VOCABULARIES, checked_configuration, without_statistics
from nnc_conformance.reference.topology.keras_weights import checked_weights
from nnc_conformance.reference.zip_bounds import FREE_BYTES, opened_zip, read_member

EXTRA: Final = "pip install 'nnc-conformance[tensorflow]'"
"""Command that installs TensorFlow."""
_CONFIGURATION: Final = "config.json"
_WEIGHTS: Final = "model.weights.h5"
_METADATA: Final = "metadata.json"
_VOCABULARY: Final = re.compile(r"assets(/\w+)+\.txt", re.ASCII)
"""Members of a .keras file in which Keras keeps the vocabularies of layers."""
_LINE: Final = 200
"""Characters of a line of Keras that an error repeats."""
_NOT_A_MODEL: Final = "the topology is not a Keras model"


@dataclass(frozen=True)
class KerasModel:
    """A model split for coding.

    Args:
        parameters: Values by variable path.
        topology: The configuration as JSON in UTF-8, the same for equal models.
        left_out: Files of the archive that hold nothing of the model.
        compiled: Whether the file has an optimizer, losses and metrics, which are left out, too.
    """

    parameters: dict[str, Array]
    topology: bytes
    left_out: tuple[str, ...] = ()
    compiled: bool = False


def extract(model: bytes) -> KerasModel:
    """Split a .keras file into parameters and topology.

    Raises:
        ModelError: For anything else, a model with code, or if Keras is not installed.
    """
    keras = _keras()
    with opened_zip(model, "not a Keras model: the .keras file") as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        missing = {_CONFIGURATION, _WEIGHTS} - set(entries)
        if missing:
            raise ModelError(f"not a Keras model: it has no {' and no '.join(sorted(missing))}")
        configuration = checked_configuration(read_member(archive, entries[_CONFIGURATION]))
        weights = read_member(archive, entries[_WEIGHTS])
        assets = {name: read_member(archive, entry) for name, entry in entries.items() if _VOCABULARY.fullmatch(name)}
    most = checked_weights(weights) + FREE_BYTES
    _check_size(_planned(keras, configuration.text, most), most)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        with zipfile.ZipFile(path, "w") as checked:
            for name, data in {_CONFIGURATION: configuration.text.encode(), _METADATA: b"{}", _WEIGHTS: weights, **assets}.items():
                checked.writestr(name, data)
        opened = _or_model_error("not a Keras model", lambda: keras.saving.load_model(path, compile=False, safe_mode=True))
        others = [name for name in entries if name not in (_CONFIGURATION, _WEIGHTS, _METADATA) and not name.endswith("/")]
        left_out = tuple(sorted(set(others) - _written(opened, path))) if others else ()
    values = {variable.path: np.asarray(variable.numpy()) for variable in opened.weights}
    if len(values) != len(opened.weights):
        raise ModelError("the Keras model has two variables with the same path")
    described = json.loads(_or_model_error("not a Keras model", opened.to_json))
    _fill_in_vocabularies(described, opened)
    return KerasModel(values, json.dumps(described, sort_keys=True, separators=(",", ":")).encode(), left_out, configuration.compiled)


def _written(model: Any, path: Path) -> set[str]:
    """Return the names of the files that Keras writes for a model: those that its layers read.

    Args:
        model: The model.
        path: Where to write it.
    """
    _or_model_error("not a Keras model", lambda: model.save(path))
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def restore(topology: bytes, parameters: Mapping[str, Array]) -> bytes:
    """Return the .keras file with ``parameters`` filled in, ready to load and run.

    Arrays are converted by `classes.as_declared`; a scalar may have shape (1,).

    Raises:
        ModelError: For a bad configuration, a parameter that is missing or does not fit, or if
            Keras is not installed.
    """
    keras = _keras()
    configuration = checked_configuration(topology).text
    most = sum(values.nbytes for values in parameters.values()) + FREE_BYTES
    for name, shape, _ in _planned(keras, configuration, most):
        _fitting(parameters, name, shape)
    made = _or_model_error(_NOT_A_MODEL, lambda: keras.models.model_from_json(configuration))
    for variable in made.weights:
        shape = tuple(variable.shape)
        values = _fitting(parameters, variable.path, shape)
        variable.assign(as_declared(values, np.dtype(str(variable.dtype)), variable.path).reshape(shape))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        _or_model_error(_NOT_A_MODEL, lambda: made.save(path))
        return path.read_bytes()


Variables = list[tuple[str, tuple[int, ...], str]]
"""Path, shape and type of each variable of a model."""


def _planned(keras: Any, configuration: str, most: int) -> Variables:
    """Return (path, shape, type) of a model's variables, without memory for them.

    Raise `ModelError` if a model with statistics, which Keras computes at once, takes more than
    ``most`` bytes.

    Args:
        keras: The module.
        configuration: The model as JSON.
        most: The most bytes.
    """
    outline = without_statistics(configuration)
    if outline != configuration:
        _check_size(_outlined(keras, outline), most)
    return _outlined(keras, configuration)


def _check_size(variables: Variables, most: int) -> None:
    needed = sum(math.prod(shape) * _bytes_of(kind) for _, shape, kind in variables)
    if needed > most:
        raise ModelError(f"the Keras configuration has variables of {needed} bytes, more than its weights; save the model again with Keras")


def _outlined(keras: Any, configuration: str) -> Variables:
    """Return (path, shape, type) of a model's variables without memory for them.

    Keras keeps a list of such variables for each thread, and gives them memory later; the list ends
    with the thread.
    """

    def build() -> Any:
        with keras.StatelessScope(initialize_variables=False):
            return keras.models.model_from_json(configuration)

    with ThreadPoolExecutor(1) as thread:
        planned = _or_model_error(_NOT_A_MODEL, thread.submit(build).result)
    if not isinstance(planned, keras.Model):
        raise ModelError(_NOT_A_MODEL)
    return [(variable.path, tuple(variable.shape), str(variable.dtype)) for variable in planned.weights]


def _bytes_of(kind: str) -> int:
    """Return the bytes of a value of a variable's type.

    If numpy does not know the type, return the most that any type has.
    """
    try:
        return np.dtype(kind).itemsize
    except TypeError:
        return 16


def _fill_in_vocabularies(described: dict[str, Any], model: Any) -> None:
    """Write the vocabularies that layers have learned into the model's configuration.

    A stream stores the configuration.
    """
    for entry in described["config"].get("layers", ()):
        settings = entry["config"]
        if entry["class_name"] in VOCABULARIES:
            layer = model.get_layer(settings["name"])
            words = layer.get_vocabulary(include_special_tokens=False) if layer.vocabulary_size() else []
            settings["vocabulary"] = [word.item() if isinstance(word, np.generic) else word for word in words] or None
        elif "layers" in settings:
            _fill_in_vocabularies(entry, model.get_layer(settings["name"]))
    waiting: list[Any] = [described]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("class_name") in VOCABULARIES:
                _check_complete(value["class_name"], value["config"])
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_complete(kind: str, settings: dict[str, Any]) -> None:
    """Raise `ModelError` for a layer whose learned state would be lost.

    It is neither in its configuration nor among the weights.

    Args:
        kind: The layer's class.
        settings: Its configuration.
    """
    needs = ["vocabulary", *(["idf_weights"] if settings.get("output_mode") == "tf_idf" else [])]
    missing = [name for name in needs if not settings.get(name)]
    if missing:
        raise ModelError(
            f"the Keras model has {settings.get('name')!r}, a {kind} without its {' and its '.join(missing)} in the configuration, "
            "which is all that a stream stores of it; make the layer with these, or code the weights as .safetensors"
        )


def _fitting(parameters: Mapping[str, Array], path: str, shape: tuple[int, ...]) -> Array:
    """Return the parameter of a variable.

    Raise `ModelError` if it is missing or has another shape.

    Args:
        parameters: Ndarrays by path of the variable.
        path: The variable.
        shape: Its shape.
    """
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
        raise ModelError(f"{what}: {_first_sentences(str(error)) or type(error).__name__}") from None


def _first_sentences(message: str) -> str:
    """Return the first line of a message, and the next one after a colon."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    taken = 2 if lines and lines[0].endswith(":") else 1
    return " ".join(line[:_LINE] for line in lines[:taken])
