"""Archives as torch.export.save lays them out, made without torch."""

import io
import json
import zipfile
from typing import Any

import numpy as np

WEIGHTS = np.arange(6, dtype=np.float32).reshape(2, 3)


def row(path: str = "weight_0", *, pickled: bool = False) -> dict[str, Any]:
    meta = {
        "dtype": 7,
        "sizes": [{"as_int": 2}, {"as_int": 3}],
        "strides": [{"as_int": 3}, {"as_int": 1}],
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }
    return {"path_name": path, "is_param": True, "use_pickle": pickled, "tensor_meta": meta}


def node(target: str, **arguments: Any) -> dict[str, Any]:
    return {"target": target, "inputs": [{"name": "x", "arg": arguments}], "outputs": [], "metadata": {}}


def specification(arguments: int = 1, keywords: Any = (), *, kind: str = "builtins.dict", context: Any = None) -> str:
    """How the inputs of a program are nested: positional ones in a tuple, keyword ones in a
    dictionary.
    """
    leaf = {"type": None, "context": None, "children_spec": []}
    positional = {"type": "builtins.tuple", "context": "null", "children_spec": [leaf] * arguments}
    names = json.dumps(list(keywords)) if context is None else context
    named = {"type": kind, "context": names, "children_spec": [leaf] * len(list(keywords))}
    return json.dumps([1, {"type": "builtins.tuple", "context": "null", "children_spec": [positional, named]}])


def program(
    *,
    weights: dict[str, Any] | None = None,
    constants: dict[str, Any] | None = None,
    nodes: Any = (),
    files: dict[str, bytes] | None = None,
    model: dict[str, Any] | None = None,
) -> bytes:
    """An archive as torch.export.save lays it out."""
    whole = {
        "archive_format": b"pt2",
        "archive_version": b"0",
        "byteorder": b"little",
        ".data/version": b"3\n",
        "models/model.json": json.dumps({"graph_module": {"graph": {"nodes": list(nodes)}}, **(model or {})}).encode(),
        "data/weights/model_weights_config.json": json.dumps({"config": weights or {"w": row()}}).encode(),
        "data/weights/weight_0": WEIGHTS.tobytes(),
        "data/constants/model_constants_config.json": json.dumps({"config": constants or {}}).encode(),
        "data/sample_inputs/model.pt": b"",
        **(files or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in whole.items():
            archive.writestr(f"archive/{name}", data)
    return out.getvalue()
