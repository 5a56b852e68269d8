"""Model formats that are not read: each is named as what it is, with what to do instead."""

from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import ModelError

_KERAS: Final = "open it with Keras and save it as .keras"
_ONNX: Final = "export the model it was made from as .onnx"
_TENSORS: Final = "save its tensors as .safetensors"
_BY_SUFFIX: Final = {
    ".h5": ("a Keras model or weights in HDF5", _KERAS),
    ".hdf5": ("a Keras model or weights in HDF5", _KERAS),
    ".pb": ("a TensorFlow graph", "convert it to .onnx with tf2onnx, or save the model as .keras"),
    ".tflite": ("a TensorFlow Lite model", "convert it to .onnx with tf2onnx"),
    ".ort": ("a model in ONNX Runtime's own format", "encode the .onnx that it was made from"),
    ".gguf": ("a GGUF model", _TENSORS),
    ".ggml": ("a GGML model", _TENSORS),
    ".mlmodel": ("a Core ML model", _ONNX),
    ".torchscript": ("a TorchScript program", "save its state_dict() as .pt, or export it with torch.export as .pt2"),
    ".pkl": ("a pickle, which could run any code", _TENSORS),
    ".pickle": ("a pickle, which could run any code", _TENSORS),
    ".joblib": ("a pickle, which could run any code", _TENSORS),
    ".msgpack": ("a Flax checkpoint", _TENSORS),
    ".pdparams": ("a Paddle checkpoint", "convert it to .onnx with paddle2onnx"),
    ".engine": ("a TensorRT engine", _ONNX),
}
_IN_FOLDER: Final = {
    "saved_model.pb": ("a TensorFlow SavedModel", "convert it to .onnx with tf2onnx, or save the model as .keras"),
    "model.safetensors.index.json": ("a split checkpoint", "name its file model.safetensors.index.json"),
    "pytorch_model.bin.index.json": ("a split checkpoint", "name its file pytorch_model.bin.index.json"),
    "model.safetensors": ("a folder with a checkpoint", "name its file model.safetensors"),
    "pytorch_model.bin": ("a folder with a checkpoint", "name its file pytorch_model.bin"),
    "model.onnx": ("a folder with a model", "name its file model.onnx"),
}
_GRAPH: Final = "graph.nnef"


def refuse_other_formats(path: Path, suffix: str) -> None:
    """Raise `ModelError` for a file or folder of a format that is known but not read.

    Args:
        path: The file or folder.
        suffix: Its suffix.
    """
    found = _BY_SUFFIX.get(suffix)
    if path.is_dir():
        if (path / _GRAPH).is_file():
            return
        found = next((what for name, what in _IN_FOLDER.items() if (path / name).is_file()), None)
        if found is None:
            raise ModelError(f"{path} is a folder without {_GRAPH}; only an NNEF model is a folder, name the file of any other")
    if found is not None:
        raise ModelError(f"{path} is {found[0]}, which is not read; {found[1]}")
