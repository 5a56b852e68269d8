"""The trained networks that come with the package, and the images held out from their training."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError, unknown
from nnc_conformance.storage.safetensors_format import load_safetensors

_PACKAGE = files("nnc_conformance.generator.networks")


def names() -> tuple[str, ...]:
    """Return the networks' names, sorted."""
    return tuple(sorted(_summary()["networks"]))


def model_bytes(name: str) -> bytes:
    """Return a network as a serialised ONNX ModelProto; raise ModelError for an unknown name."""
    return _PACKAGE.joinpath(_entry(name)["file"]).read_bytes()


def held_data(name: str) -> tuple[dict[str, npt.NDArray[np.float32]], npt.NDArray[np.int64]]:
    """Return the held-out images and their labels.

    The images are keyed by graph input name: float32 [N, 1, 8, 8] in 0..1. The labels are int64 [N]
    in 0..9. The index of the largest of a network's 10 logits is its answer. Raises `ModelError`
    for an unknown name.
    """
    _entry(name)
    tensors = load_safetensors(_PACKAGE.joinpath(_summary()["data"]["held_file"]).read_bytes())
    return {_summary()["input"]: tensors["images"]}, tensors["labels"]


def _entry(name: str) -> dict[str, Any]:
    networks: dict[str, dict[str, Any]] = _summary()["networks"]
    if name not in networks:
        raise ModelError(unknown("network", name, names()))
    return networks[name]


@cache
def _summary() -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(_PACKAGE.joinpath("networks.json").read_text(encoding="utf-8"))
    return summary
