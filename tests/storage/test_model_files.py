"""Model files as people keep them are read, and those of other formats are named."""

import gzip
import io
import json
import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology.nnef import write_tensor
from nnc_conformance.storage.compressed_tar import read_compressed_tar
from nnc_conformance.storage.model_files import READ_SUFFIXES, read_model, write_model
from nnc_conformance.storage.shards import read_shards
from nnc_conformance.storage.tensors import write_tensors

WEIGHTS = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
GRAPH = """version 1.0;
graph net(x) -> (y)
{
    x = external<scalar>(shape = [1, 4]);
    w = variable<scalar>(shape = [4, 4], label = 'w');
    y = mul(x, w);
}
"""


def test_a_single_array(tmp_path: Path) -> None:
    np.save(tmp_path / "W.NPY", WEIGHTS.astype(">f4"))
    (tmp_path / "W.NPY.npy").rename(tmp_path / "W.NPY")
    parameters = read_model(tmp_path / "W.NPY").parameters
    assert list(parameters) == ["W"]
    np.testing.assert_array_equal(parameters["W"], WEIGHTS)


def test_big_endian_arrays_are_listed(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", WEIGHTS.astype(">f4"))
    np.savez(tmp_path / "m.npz", w=WEIGHTS.astype(">f4"), i=np.arange(3, dtype=">i2"), byte=np.zeros(2, ">i1"), little=WEIGHTS)
    assert set(read_model(tmp_path / "w.npy").converted) == {"w"}
    model = read_model(tmp_path / "m.npz")
    assert set(model.converted) == {"w", "i"}
    assert all("little-endian" in what for what in model.converted.values())
    np.testing.assert_array_equal(model.parameters["i"], [0, 1, 2])


@pytest.mark.parametrize(("array", "kind"), [(np.array([{}], object), "Python objects"), (np.array(["a"]), "text")])
def test_an_array_of_a_type_that_is_not_supported_lists_those_that_are(tmp_path: Path, array: np.ndarray, kind: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ModelError, match=rf"a\.npy: tensor 'a' has {kind}.*; truth values, integers .* floats"):
        read_model(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".npz", ".pt2"])
def test_an_archive_that_is_cut_off_is_named_so(tmp_path: Path, suffix: str) -> None:
    np.savez(tmp_path / "m.npz", w=WEIGHTS)
    whole = (tmp_path / "m.npz").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=rf"cut\{suffix}: .* is cut off: its {len(whole) // 2} bytes"):
        read_model(tmp_path / f"cut{suffix}")


def test_an_npz_with_text_and_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=WEIGHTS, names=np.array(["a", "b"]), objects=np.array([{}], object), long=np.ones(2, np.clongdouble))
    with zipfile.ZipFile(tmp_path / "m.npz", "a") as archive:
        archive.writestr("README.txt", "Trained on Monday.")
    model = read_model(tmp_path / "m.npz")
    assert list(model.parameters) == ["w"]
    assert set(model.left_out) == {"names", "objects", "long", "README.txt"}
    assert all(reason.startswith("it ") for reason in model.left_out.values())


QUANTIZED = {
    "gptq": ({"l.0.qweight": np.int32, "l.0.qzeros": np.int32}, {"l.0.scales": (4, 4)}),
    "deepseek": ({"l.0.weight": ml_dtypes.float8_e4m3fn}, {"l.0.weight_scale_inv": (4, 4)}),
    "compressed-tensors": ({"l.0.weight": np.int8}, {"l.0.weight_scale": (4, 1), "l.0.input_zero_point": (4,)}),
    "bitsandbytes": ({"l.0.weight": np.uint8}, {"l.0.weight.absmax": (4,), "l.0.weight.quant_map": (16,)}),
    "llm.int8": ({"l.0.weight": np.int8}, {"l.0.SCB": (4,)}),
    "mlx": ({"l.0.weight": np.uint32}, {"l.0.scales": (4, 4), "l.0.biases": (4, 4)}),
    "hqq": ({"l.0.W_q": np.uint8}, {"l.0.scale": (4, 1), "l.0.zero": (4, 1)}),
}
"""Names and types of quantized weights, and names and shapes of their scales, by library."""


@pytest.mark.parametrize("library", QUANTIZED)
def test_scales_of_quantized_checkpoints_are_exact(tmp_path: Path, library: str) -> None:
    integers, scales = QUANTIZED[library]
    tensors = {name: np.ones((4, 4), dtype) for name, dtype in integers.items()}
    tensors |= {name: np.full(shape, 1e-3, np.float16) for name, shape in scales.items()}
    write_tensors(tmp_path / "m.safetensors", {**tensors, "l.0.bias": WEIGHTS[0], "norm.scale": WEIGHTS[0]})
    assert set(read_model(tmp_path / "m.safetensors").exact) == set(scales)


def test_rotary_tables_are_exact_and_gains_are_not(tmp_path: Path) -> None:
    names = ("rotary.cos_cached", "rotary.inv_freq", "norm.scale", "scale", "h.biases")
    write_tensors(tmp_path / "m.npz", {**dict.fromkeys(names, WEIGHTS), "norm.mask": np.ones((2, 2), bool), "h.step": np.array(3)})
    exact = read_model(tmp_path / "m.npz").exact
    assert set(exact) == {"rotary.cos_cached", "rotary.inv_freq"}
    assert all("named" in reason and "operator" not in reason for reason in exact.values())


def test_variances_are_found_by_their_names_and_are_not_negative(tmp_path: Path) -> None:
    positive = np.abs(WEIGHTS[:1])
    names = ("bn.running_var", "bn/moving_variance", "normalization/variance", "bn0_moving_var", "batch_stats/bn/var")
    write_tensors(tmp_path / "m.npz", {**dict.fromkeys((*names, "running_mean", "variant"), positive), "other.var": WEIGHTS[:1]})
    assert read_model(tmp_path / "m.npz").variances == set(names)


def test_a_file_of_which_all_is_left_out_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", names=np.array(["a", "b"]))
    with pytest.raises(ModelError, match=r"m\.npz has no tensor that can be coded; 'names': it has text, which is not supported"):
        read_model(tmp_path / "m.npz")


def shards(folder: Path, locations: dict[str, str]) -> Path:
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": locations}))
    return index


def test_a_split_checkpoint_in_the_order_of_its_index(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    write_tensors(tmp_path / "parts" / "1.safetensors", {"b": WEIGHTS, "other": WEIGHTS})
    write_tensors(tmp_path / "2.npz", {"a": WEIGHTS[0]})
    model = read_model(shards(tmp_path, {"b": "parts/1.safetensors", "a": "2.npz"}))
    assert list(model.parameters) == ["b", "a"]
    assert set(model.files) == {tmp_path / name for name in ("model.safetensors.index.json", "parts/1.safetensors", "2.npz")}


@pytest.mark.parametrize(
    ("locations", "reason"),
    [
        ({"w": "../1.safetensors"}, "not a path inside"),
        ({"w": "/1.safetensors"}, "not a path inside"),
        ({"w": ""}, "not a path inside"),
        ({"missing": "1.safetensors"}, "no tensor 'missing'"),
        ({"w": "1.txt"}, "neither a tensor file"),
        ({"w": "model.safetensors.index.json"}, "neither a tensor file"),
        ({"w": 1}, "name a file for each tensor"),
        ([], "name a file for each tensor"),
    ],
)
def test_an_index_that_is_wrong_is_refused(tmp_path: Path, locations: dict[str, str], reason: str) -> None:
    write_tensors(tmp_path / "1.safetensors", {"w": WEIGHTS})
    with pytest.raises(ModelError, match=reason):
        read_model(shards(tmp_path, locations))


def test_an_index_and_its_files_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"\x09\0\0\0\0\0\0\0{")
    for location, message in (
        ("../x.safetensors", "'../x.safetensors' is not a path inside the model's folder"),
        ("broken.safetensors", "broken.safetensors: the safetensors header claims 9 bytes in a file of 9"),
    ):
        with pytest.raises(ModelError) as refused:
            read_model(shards(tmp_path, {"w": location}))
        assert str(refused.value) == f"{tmp_path / 'model.safetensors.index.json'}: {message}"
    with pytest.raises(ModelError, match=r"index\.json names 2\.safetensors, which is missing; all files"):
        read_model(shards(tmp_path, {"w": "2.safetensors"}))


def test_what_shards_leave_out_is_listed(tmp_path: Path) -> None:
    np.savez(tmp_path / "1.npz", w=WEIGHTS.astype(">f4"), names=np.array(["a"]))
    model = read_model(shards(tmp_path, {"w": "1.npz"}))
    assert (set(model.left_out), set(model.converted)) == ({"names"}, {"w"})


def test_shards_lie_in_the_folder_and_are_regular_files(tmp_path: Path) -> None:
    """A link to /dev/zero would be read up to 16 GB, a FIFO for ever."""
    model, other = tmp_path / "model", tmp_path / "other"
    model.mkdir()
    other.mkdir()
    write_tensors(other / "x.safetensors", {"w": np.ones(3, np.float32)})
    (model / "link.safetensors").symlink_to(other / "x.safetensors")
    (model / "zero.safetensors").symlink_to("/dev/zero")
    os.mkfifo(model / "fifo.safetensors")
    (model / "round.safetensors").symlink_to("round.safetensors")
    (model / "folder.safetensors").mkdir()
    for name in ("link", "zero", "fifo", "round", "folder"):
        with pytest.raises(ModelError, match=f"{name}.safetensors"):
            read_model(shards(model, {"w": f"{name}.safetensors"}))


def test_shards_of_the_hugging_face_cache_are_read(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--x" / "snapshots" / "1", tmp_path / "models--x" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    write_tensors(tmp_path / "x.safetensors", {"w": np.ones(3, np.float32)})
    (tmp_path / "x.safetensors").rename(blobs / "abc")
    (snapshot / "x.safetensors").symlink_to("../../blobs/abc")
    assert list(read_model(shards(snapshot, {"w": "x.safetensors"})).parameters) == ["w"]


def test_names_and_links_do_not_multiply_a_shard(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", {"w": np.ones(3, np.float32), "v": np.ones(3, np.float32), "u": np.ones(3, np.float32)})
    (tmp_path / "hard.safetensors").hardlink_to(tmp_path / "x.safetensors")
    (tmp_path / "soft.safetensors").symlink_to("x.safetensors")
    opened: list[Path] = []

    def read(path: Path) -> dict[str, np.ndarray]:
        opened.append(path)
        return dict(read_model(path).parameters)

    names = {"w": "x.safetensors", "v": "./hard.safetensors", "u": ".//soft.safetensors"}
    assert set(read_shards(shards(tmp_path, names), read)[0]) == set(names)
    assert len(opened) == 1


def test_a_json_file_that_is_no_index(tmp_path: Path) -> None:
    for text in ("{", "[]", "{}", '{"a": 1}', "\xff"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ModelError, match="not the index of a split checkpoint"):
            read_model(tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"architectures": []}')
    with pytest.raises(ModelError, match="a JSON object with a weight_map: it has no weight_map; name a file of tensors"):
        read_model(tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"weight_map": {}}')
    with pytest.raises(ModelError, match="its weight_map is empty; name the file of each tensor in it"):
        read_model(tmp_path / "config.json")


def archive(files: dict[str, bytes], folder: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as opened:
        for name, data in files.items():
            info = tarfile.TarInfo(folder + name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(link)
    return out.getvalue()


@pytest.mark.parametrize("name", ["m.nnef.tgz", "m.tgz", "m.nnef.tar.gz"])
@pytest.mark.parametrize("folder", ["", "./"])
def test_an_nnef_archive(tmp_path: Path, name: str, folder: str) -> None:
    (tmp_path / name).write_bytes(archive({"graph.nnef": GRAPH.encode(), "w.dat": write_tensor(WEIGHTS, "w"), "notes": b"x"}, folder))
    model = read_model(tmp_path / name)
    np.testing.assert_array_equal(model.parameters["w"], WEIGHTS)
    assert set(model.left_out) == {"notes"}


@pytest.mark.parametrize("name", ["B.NNEF.TGZ", "b.tgz", "b.nnef.Tar.Gz"])
def test_an_nnef_archive_is_written_like_a_folder(tmp_path: Path, name: str) -> None:
    files = {"graph.nnef": GRAPH.encode(), "graph.quant": b'"w": linear_quantize(0.0, 1.0, 8);', "w.dat": write_tensor(WEIGHTS, "w")}
    (tmp_path / "a.tgz").write_bytes(archive(files))
    model = read_model(tmp_path / "a.tgz")
    write_model(tmp_path / name, model.parameters, model.topology, quantization=model.quantization)
    with tarfile.open(tmp_path / name, "r:gz") as opened:
        assert {each.name: opened.extractfile(each).read() for each in opened} == files
    first = (tmp_path / name).read_bytes()
    write_model(tmp_path / name, model.parameters, model.topology, quantization=model.quantization)
    assert (tmp_path / name).read_bytes() == first


def test_a_damaged_archive_is_refused() -> None:
    whole = archive({"graph.nnef": GRAPH.encode()})
    for data in (b"", whole[:60], b"text", whole[:-20]):
        with pytest.raises(ModelError, match="cannot be read"):
            read_compressed_tar(data, "m.tgz")


def test_an_archive_that_unpacks_to_far_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnc_conformance.storage.compressed_tar.FREE_BYTES", 1 << 16)
    with pytest.raises(ModelError, match="unpacks to more"):
        read_compressed_tar(archive({"w.dat": bytes(1 << 22)}), "m.tgz")


def test_equal_initializers_are_one_and_others_are_refused(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(WEIGHTS, "w")
    typed = helper.make_tensor("w", onnx.TensorProto.FLOAT, [4, 4], WEIGHTS.reshape(-1).tolist())
    external = onnx.TensorProto(name="w", data_type=1, dims=[4, 4], data_location=onnx.TensorProto.EXTERNAL)
    external.external_data.add(key="location", value="w.bin")
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    other = (numpy_helper.from_array(WEIGHTS + 1, "w"), numpy_helper.from_array(WEIGHTS.reshape(16), "w"))
    for second, fits in ((tensor, True), (typed, True), (external, True), *((each, False) for each in other)):
        graph = helper.make_graph([helper.make_node("Neg", ["w"], ["y"])], "g", [], [], [tensor, second])
        (tmp_path / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())
        if not fits:
            with pytest.raises(ModelError, match="two tensors named 'w'"):
                read_model(tmp_path / "m.onnx")
            continue
        model = read_model(tmp_path / "m.onnx")
        write_model(tmp_path / "back.onnx", model.parameters, model.topology)
        assert [each.name for each in onnx.load(tmp_path / "back.onnx").graph.initializer] == ["w"]


@pytest.mark.parametrize("suffix", ["h5", "pb", "tflite", "gguf", "pkl", "torchscript", "ort", "nnr", "gz", "xml", "nemo", "onnx_data"])
def test_other_formats_are_named_with_a_remedy(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"m.{suffix}").write_bytes(b"x")
    with pytest.raises(ModelError, match=r" is an? .*, which is not read; \w+"):
        read_model(tmp_path / f"m.{suffix}")


def test_an_unknown_suffix_lists_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        read_model(tmp_path / "m.xyz")
    assert all(suffix in str(refused.value) for suffix in READ_SUFFIXES)


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        for name in names:
            opened.writestr(name, b"x")
    return out.getvalue()


FOREIGN = {
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n": "a pointer of Git LFS in place of the model; fetch",
    b"": "an empty file; download",
    b"\n<!DOCTYPE html><html>404</html>": "a web page in place of the model; download",
    gzip.compress(b"x"): "gzip data; unpack",
    pickle.dumps({"a": 1}): "a pickle, which could run any code; save its tensors as .safetensors",
    b"\x1c\0\0\0TFL3": "a TensorFlow Lite model; convert it",
    b"\x89HDF\r\n\x1a\n": "a Keras model or weights in HDF5; open it with Keras",
    zipped("model/code/x.py", "model/data.pkl", "model/constants.pkl"): "a TorchScript program; save its state_dict",
    zipped("notes.txt"): "a zip archive; unpack",
    zipped("archive/data.pkl"): "a file of torch.save, but its suffix is {suffix!r}; name it m.pt, or give --input-format pt",
    zipped("config.json", "model.weights.h5"): "a Keras model, but its suffix is {suffix!r}; name it m.keras, or",
    onnx.ModelProto(ir_version=8, producer_name="x").SerializeToString(): "an ONNX model, but its suffix is {suffix!r}; name it m.onnx, or",
    np.lib.format.magic(1, 0): "an .npy file, but its suffix is {suffix!r}; name it m.npy, or",
}


@pytest.mark.parametrize("suffix", ["", ".onnx", ".safetensors", ".npz", ".keras", ".pt2", ".json", ".npy", ".xyz"])
@pytest.mark.parametrize("content", FOREIGN, ids=range(len(FOREIGN)))
def test_content_that_its_suffix_does_not_name_is_recognized(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError) as refused:
        read_model(path)
    says = FOREIGN[content].format(suffix=suffix)
    if f"name it m{suffix}," in says:  # the suffix is right, and the content damaged
        assert "but its suffix" not in str(refused.value)
    else:
        assert str(refused.value).startswith(f"{path} is {says}")


@pytest.mark.parametrize("suffix", [".pkl", ".gguf", ".h5", ".tflite"])
def test_content_that_is_read_counts_more_than_a_suffix_that_is_not(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    with path.open("wb") as file:
        np.savez(file, w=WEIGHTS)
    with pytest.raises(ModelError, match=rf"is an \.npz file, but its suffix is '{re.escape(suffix)}'; name it m\.npz, or give"):
        read_model(path)
    path.write_bytes(zipped("notes.txt"))
    with pytest.raises(ModelError, match="which is not read"):
        read_model(path)


def test_safetensors_of_any_name_are_recognized(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", {"w": WEIGHTS})
    (tmp_path / "x.safetensors").rename(tmp_path / "blob")
    with pytest.raises(ModelError, match=r"is a \.safetensors file, but its suffix is ''; name it blob\.safetensors, or give"):
        read_model(tmp_path / "blob")
    assert list(read_model(tmp_path / "blob", suffix=".safetensors").parameters) == ["w"]


def test_a_folder_with_a_model_names_it(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"without graph\.nnef; .*, such as net\.onnx$"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("file", "reason"),
    [("saved_model.pb", "TensorFlow SavedModel"), ("model.safetensors", "name its file model.safetensors"), ("x", "without graph.nnef")],
)
def test_a_folder_that_is_no_nnef_model_says_what_it_is(tmp_path: Path, file: str, reason: str) -> None:
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(ModelError, match=reason):
        read_model(tmp_path)


def test_a_model_beyond_2_gb_has_its_values_in_a_file_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnc_conformance.storage.model_files.MOST_MESSAGE_BYTES", 100)
    values = {"w": WEIGHTS, "small": np.array([3], np.int8), "b": np.ones(4, np.float16)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [], [], [numpy_helper.from_array(array, name) for name, array in values.items()])
    onnx.save(helper.make_model(graph), tmp_path / "in.onnx")
    model = read_model(tmp_path / "in.onnx")
    write_model(tmp_path / "out.onnx", model.parameters, model.topology)
    back = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "out.onnx").graph.initializer}
    assert {name: (array.dtype, array.tobytes()) for name, array in back.items()} == {
        name: (array.dtype, array.tobytes()) for name, array in values.items()
    }
    assert read_model(tmp_path / "out.onnx").files == (tmp_path / "out.onnx", tmp_path / "out.onnx.data")
    write_model(tmp_path / "out.onnx", model.parameters, model.topology)
    (tmp_path / "other.onnx.data").write_bytes(b"kept")
    with pytest.raises(ModelError, match=r"other\.onnx\.data exists"):
        write_model(tmp_path / "other.onnx", model.parameters, model.topology)
    assert (tmp_path / "other.onnx.data").read_bytes() == b"kept"
