"""Model formats that are not read.

Each is named as what it is, with what to do instead.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.zip_bounds import ZIP_START, opened_zip
from nnc_conformance.storage.inputs import read_bytes

_KERAS: Final = "open it with Keras and save it as .keras"
_ONNX: Final = "export the model it was made from as .onnx"
_TENSORS: Final = "save its tensors as .safetensors"
_UNPACK: Final = "unpack it first"
_DOWNLOAD: Final = "download the file itself"
_TORCH: Final = "save its state_dict() as .pt, or export it with torch.export as .pt2"
_BESIDE: Final = "encode the .onnx next to it"
_BY_SUFFIX: Final = {
    ".h5": ("a Keras model or weights in HDF5", _KERAS),
    ".hdf5": ("a Keras model or weights in HDF5", _KERAS),
    ".pb": ("a TensorFlow graph", "convert it to .onnx with tf2onnx, or save the model as .keras"),
    ".tflite": ("a TensorFlow Lite model", "convert it to .onnx with tf2onnx"),
    ".ort": ("a model in ONNX Runtime's own format", "encode the .onnx that it was made from"),
    ".gguf": ("a GGUF model", _TENSORS),
    ".ggml": ("a GGML model", _TENSORS),
    ".mlmodel": ("a Core ML model", _ONNX),
    ".torchscript": ("a TorchScript program", _TORCH),
    ".ptl": ("a TorchScript program", _TORCH),
    ".pte": ("an ExecuTorch program", _TORCH),
    ".nemo": ("a NeMo archive", _UNPACK),
    ".mar": ("a TorchServe archive", _UNPACK),
    ".mlpackage": ("a Core ML model", _ONNX),
    ".xml": ("an OpenVINO model", _ONNX),
    ".caffemodel": ("a Caffe model", _ONNX),
    ".data": ("a file of values next to a model", _BESIDE),
    ".onnx_data": ("a file of values next to a model", _BESIDE),
    ".index": ("a TensorFlow checkpoint", "save the model as .keras"),
    ".zip": ("an archive", _UNPACK),
    ".tar": ("an archive", _UNPACK),
    ".gz": ("a compressed file", _UNPACK),
    ".nnr": ("a stream already", "decode it first"),
    ".pkl": ("a pickle, which could run any code", _TENSORS),
    ".pickle": ("a pickle, which could run any code", _TENSORS),
    ".joblib": ("a pickle, which could run any code", _TENSORS),
    ".msgpack": ("a Flax checkpoint", _TENSORS),
    ".pdparams": ("a Paddle checkpoint", "convert it to .onnx with paddle2onnx"),
    ".pdmodel": ("a Paddle model", "convert it to .onnx with paddle2onnx"),
    ".pdiparams": ("a Paddle checkpoint", "convert it to .onnx with paddle2onnx"),
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


_HEAD: Final = 512
"""Bytes from which a file's content is recognized."""
_MOST_HEADER: Final = 100_000_000
"""Bytes of a safetensors header, at most."""
_WORDS: Final = (
    (0, b"version https://git-lfs", "a pointer of Git LFS in place of the model", "fetch the model with git lfs pull"),
    (0, b"\x1f\x8b", "gzip data", _UNPACK),
    (0, b"BZh", "bzip2 data", _UNPACK),
    (0, b"\xfd7zXZ", "xz data", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "zstd data", _UNPACK),
    (0, b"7z\xbc\xaf", "a 7z archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"\x89HDF", *_BY_SUFFIX[".h5"]),
    (0, b"GGUF", *_BY_SUFFIX[".gguf"]),
    (4, b"TFL3", *_BY_SUFFIX[".tflite"]),
    (4, b"ORTM", *_BY_SUFFIX[".ort"]),
)
"""Offset and bytes that show a content, what it is, and what to do."""
_TORCH_MAGIC: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""First bytes of what torch.save writes if it writes no zip archive."""
_SURE: Final = (ZIP_START, b"\x93NUMPY")
"""Beginnings of files that tell more than a suffix does."""
_IN_ZIP: Final = (
    ("/constants.pkl", "", *_BY_SUFFIX[".torchscript"]),
    ("data/weights/model_weights_config.json", ".pt2", "a torch.export program", ""),
    ("/data.pkl", ".pt", "a file of torch.save", ""),
    ("model.weights.h5", ".keras", "a Keras model", ""),
    (".npy", ".npz", "an .npz file", ""),
)
"""End of the name of a member, the suffix if the format is read, what it is, and what to do."""


def refuse_other_formats(path: Path, suffix: str, readers: Mapping[str, object]) -> None:
    """Raise `ModelError` for a format that is known but not read.

    The path is a file or a folder.

    Args:
        path: The file or folder.
        suffix: Its suffix.
        readers: The readers by the suffixes of their formats.
    """
    found = _BY_SUFFIX.get(suffix)
    if path.is_dir():
        if (path / _GRAPH).is_file():
            return
        found = next((what for name, what in _IN_FOLDER.items() if (path / name).is_file()), None)
        if found is None:
            models = sorted(file.name for file in path.iterdir() if file.suffix.lower() in readers and file.is_file())
            such = f", such as {models[0]}" if models else ""
            raise ModelError(f"{path} is a folder without {_GRAPH}; only an NNEF model is a folder, name the file of any other{such}")
    if found is not None:
        if path.is_file() and _begins_as(path, _SURE):
            refuse_other_content(path, suffix, readers, only_read=True)
        raise ModelError(f"{path} is {found[0]}, which is not read; {found[1]}")


def _begins_as(path: Path, starts: tuple[bytes, ...]) -> bool:
    """Return whether a file begins with one of some bytes."""
    with path.open("rb") as file:
        return file.read(_HEAD).startswith(starts)


def refuse_other_content(path: Path, suffix: str, readers: Mapping[str, object], *, only_read: bool = False) -> None:
    """Raise `ModelError` for a file whose content is not what its suffix says.

    Only regular files whose content is recognized are refused.

    Args:
        path: The file.
        suffix: Its suffix, whatever the content.
        readers: The readers by the suffixes of their formats.
        only_read: Whether to refuse only content of a format that is read.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(_HEAD)
    found, what, remedy = _content(path, head)
    if not what or (only_read and not found) or (found and readers[found] is readers.get(suffix)):
        return
    if found:
        what = f"{what}, but its suffix is {suffix!r}"
        remedy = f"name it {path.stem}{found}, or give --input-format {found.removeprefix('.')}"
    raise ModelError(f"{path} is {what}; {remedy}")


def _content(path: Path, head: bytes) -> tuple[str, str, str]:
    """Return the suffix of a format that is read, the content, and what to do.

    Return empty words if the content is not known.
    """
    if not head:
        return "", "an empty file", _DOWNLOAD
    for offset, word, what, remedy in _WORDS:
        if head.startswith(word, offset):
            return "", what, remedy
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "", "a web page in place of the model", _DOWNLOAD
    if head.startswith(b"PK"):
        return _in_zip(path)
    if head.startswith(b"\x93NUMPY"):
        return ".npy", "an .npy file", ""
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _MOST_HEADER:
        return ".safetensors", "a .safetensors file", ""
    if head.startswith(_TORCH_MAGIC):
        return ".pt", "a file of torch.save", ""
    if head[0] == 0x80 and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "", *_BY_SUFFIX[".pkl"]
    if head[0] == 0x08 and head[2:3] in (b"\x12", b":"):  # ir_version, then producer_name or graph
        return ".onnx", "an ONNX model", ""
    return "", "", ""


def _in_zip(path: Path) -> tuple[str, str, str]:
    """Say what a zip archive holds, by the ends of its members' names.

    Returns:
        (suffix, what it is, what to do), as `_content`; each "" if the archive cannot be read.
    """
    try:
        with opened_zip(read_bytes(path), str(path)) as archive:
            names = archive.namelist()
    except ModelError:  # its reader said more
        return "", "", ""
    for end, suffix, what, remedy in _IN_ZIP:
        if any(name.endswith(end) for name in names):
            return suffix, what, remedy
    return "", "a zip archive", _UNPACK
