"""The network `magika-types`, cut out of magika: `python -m wild.cut_out` in tests/ writes it.

It needs the package magika 1.0.3. The files that are read are those of `wild.networks.even_files`
on the day; the network and what it reads are committed and kept as data.
"""

import hashlib
import json

import numpy as np

from nnc_conformance.generator.networks import adapting, graphs, packaged_networks
from nnc_conformance.reference.topology.onnx import extract
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.outputs import write_bytes, write_text
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors
from wild.adapting import Adaptation, cut, magika_adaptation


def held_file(adaptation: Adaptation) -> bytes:
    """Features and labels, every other file for training and the others held out."""
    classes, labels = np.unique(adaptation.truth, return_inverse=True)
    features = adaptation.features.astype(np.float16)
    return dump_safetensors(
        {
            "classes": classes.astype(np.int64),
            "features": features[1::2],
            "labels": labels[1::2].astype(np.int64),
            "training_features": features[::2],
            "training_labels": labels[::2].astype(np.int64),
        }
    )


def main() -> None:
    """Write the network, its data and its entry in `networks.json`."""
    adaptation = magika_adaptation()
    held = held_file(adaptation)
    data = load_safetensors(held)
    model = graphs.types_layer(adapting.NETWORK, cut(adaptation.model, data["classes"])).SerializeToString(deterministic=True)
    write_bytes(adapting.HERE / adapting.HELD_FILE, held)
    write_bytes(adapting.HERE / f"{adapting.NETWORK}.onnx", model)
    right = packaged_networks.correct(model, {graphs.FEATURES: data["features"].astype(np.float32)}, data["labels"])
    listed = adapting.HERE / "networks.json"
    summary = json.loads(listed.read_text(encoding="utf-8"))
    summary["networks"][adapting.NETWORK] = {
        "file": f"{adapting.NETWORK}.onnx",
        "sha256": hashlib.sha256(model).hexdigest(),
        "source": "magika 1.0.3, model standard_v3_3, Apache License 2.0, Google LLC; the last layer, for the types that occur",
        "input": graphs.FEATURES,
        "held_file": adapting.HELD_FILE,
        "held_sha256": hashlib.sha256(held).hexdigest(),
        "held_correct": right,
        "held_accuracy": round(right / len(data["labels"]), 6),
        "parameters": sum(array.size for array in extract(model).parameters.values()),
    }
    write_text(listed, canonical_json(summary))


if __name__ == "__main__":
    main()
