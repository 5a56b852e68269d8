"""External data of ONNX models: read where installers and caches lay it out, refused where it leads
out or grows without bound.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.topology import external_data
from nnc_conformance.reference.topology.model_folder import inside
from nnc_conformance.reference.topology.onnx import OnnxModel, extract
from nnc_conformance.storage.model_files import read_model

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def tensor(name: str = "w", location: str = "w.data", data_type: int = TensorProto.FLOAT, **entries: object) -> TensorProto:
    made = TensorProto(name=name, data_type=data_type, dims=W.shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        made.external_data.add(key=key, value=str(value))
    return made


def model(*tensors: TensorProto) -> ModelProto:
    return helper.make_model(helper.make_graph([], "g", [], [], tensors or (tensor(),)))


def read(folder: Path, *tensors: TensorProto) -> OnnxModel:
    return extract(model(*tensors).SerializeToString(), base_dir=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "cache" / "snapshots" / "1a2b" / "onnx"
    made.mkdir(parents=True)
    (tmp_path / "secret").write_bytes(W.tobytes())
    return made


def holds(read: OnnxModel, *files: Path) -> bool:
    return np.array_equal(read.parameters["w"], W) and read.files == files


def test_a_file_in_the_folder_and_below_it(folder: Path) -> None:
    (folder / "deep").mkdir()
    for location in ("w.data", "deep/w.data", "./w.data", "a..b"):
        (folder / location).write_bytes(W.tobytes())
        assert holds(read(folder, tensor(location=location)), folder / location)


def test_hard_links_are_read(folder: Path, tmp_path: Path) -> None:
    (folder / "w.data").hardlink_to(tmp_path / "secret")
    assert holds(read(folder), folder / "w.data")


def test_links_inside_the_folder_are_read(folder: Path) -> None:
    (folder / "real").write_bytes(W.tobytes())
    (folder / "w.data").symlink_to("real")
    assert holds(read(folder), folder / "real")


def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "w.data").write_bytes(W.tobytes())
    (tmp_path / "link").symlink_to(folder)
    assert holds(read(tmp_path / "link"), folder / "w.data")


@pytest.mark.parametrize("depth", ["../../", "../../../"], ids=["revision", "folder of a revision"])
def test_the_cache_of_hugging_face_is_read(folder: Path, tmp_path: Path, depth: str) -> None:
    revision = {"../../": folder.parent, "../../../": folder}[depth]
    blob = tmp_path / "cache" / "blobs" / "0f1e"
    blob.parent.mkdir()
    blob.write_bytes(W.tobytes())
    (revision / "w.data").symlink_to(f"{depth}blobs/0f1e")
    assert holds(read(revision), blob)


@pytest.mark.parametrize("place", ["model", "snapshot", "a/snapshots/1a2b"])
def test_a_folder_that_is_named_blobs_is_not_the_cache(tmp_path: Path, place: str) -> None:
    """It holds somebody else's files, such as those of a registry of containers."""
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "secret").write_bytes(W.tobytes())
    (folder / "w.data").symlink_to(tmp_path / "blobs" / "secret")
    with pytest.raises(ModelError, match="leads out of the model's folder"):
        read(folder)


def test_a_model_that_is_a_blob_itself_has_its_data_there(tmp_path: Path) -> None:
    """A program that mirrors the cache may lay out other folders than the cache does."""
    revision, blobs = tmp_path / "hub" / "revision", tmp_path / "hub" / "blobs"
    revision.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "0f1e").write_bytes(W.tobytes())
    (blobs / "2d3c").write_bytes(model(tensor()).SerializeToString())
    (revision / "w.data").symlink_to("../blobs/0f1e")
    (revision / "model.onnx").symlink_to("../blobs/2d3c")
    assert np.array_equal(read_model(revision / "model.onnx").parameters["w"], W)
    (revision / "copy.onnx").write_bytes(model(tensor()).SerializeToString())
    with pytest.raises(ModelError, match="leads out of the model's folder"):
        read_model(revision / "copy.onnx")


def test_blobs_of_another_repository_are_not(folder: Path, tmp_path: Path) -> None:
    blob = tmp_path / "other" / "blobs" / "0f1e"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(W.tobytes())
    (folder / "w.data").symlink_to(blob)
    with pytest.raises(ModelError, match="leads out of the model's folder"):
        read(folder)


def test_no_location_leads_out(folder: Path, tmp_path: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "outside").symlink_to(tmp_path)
    (folder / "link").symlink_to("../../../../secret")
    (folder / "chain").symlink_to("link")
    secret = tmp_path / "secret"
    for location in ("../../../../secret", "inner/../../../../../secret", str(secret), "outside/secret", "link", "chain", "", "w\0", ".."):
        with pytest.raises(ModelError, match=r"'w' cannot be read: .*the model's folder"):
            read(folder, tensor(location=location))


def test_a_location_that_is_no_file_name_is_refused(folder: Path) -> None:
    """A half of a surrogate pair, as JSON can hold it."""
    with pytest.raises(ModelError, match="is not a path inside the model's folder"):
        inside(folder, "\ud800.safetensors")


def test_what_is_no_regular_file_is_refused_at_once(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "deep").mkdir()
    (folder / "null").symlink_to("/dev/null")
    for location, message in (
        ("fifo", "not a regular file"),
        ("deep", "directory|not a regular"),
        ("missing", "No such file"),
        ("null", "out"),
    ):
        with pytest.raises(ModelError, match=message):
            read(folder, tensor(location=location))


def test_a_location_that_is_not_utf8_is_refused(folder: Path) -> None:
    data = model(tensor(location="abcd")).SerializeToString().replace(b"abcd", b"ab\xff\xfe")
    with pytest.raises(ModelError, match=r"'w' cannot be read: .*not UTF-8"):
        extract(data, base_dir=folder)


def test_ranges_of_a_file(folder: Path) -> None:
    (folder / "w.data").write_bytes(b"1234" + W.tobytes() + b"more")
    assert holds(read(folder, tensor(offset=4, length=24)), folder / "w.data")
    for entries, message in (
        ({"offset": 4}, "28 bytes, not 24"),
        ({"offset": 8, "length": 25}, "has 32 bytes, 25 from byte 8"),
        ({"offset": 33}, "has 32 bytes"),
        ({"offset": 0, "length": 23}, "23 bytes, not 24"),
        ({"offset": -4, "length": 24}, "offset '-4' is not a number"),
        ({"offset": 0, "length": "9" * 20}, "length '9+' is not a number"),
        ({"offset": "4e0"}, "is not a number"),
    ):
        with pytest.raises(ModelError, match=message):
            read(folder, tensor(**entries))


def test_a_sparse_file_of_a_terabyte_takes_no_memory(folder: Path) -> None:
    with (folder / "w.data").open("wb") as file:
        file.truncate(1 << 40)
    for data_type in (TensorProto.FLOAT, TensorProto.COMPLEX64):
        with pytest.raises(ModelError, match=r"not 24|more than 17179869184 bytes"):
            read(folder, tensor(data_type=data_type))


def test_many_tensors_may_not_take_the_same_bytes_again_and_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "w.data").write_bytes(W.tobytes())
    tied = [tensor(f"w{number}") for number in range(external_data.MOST_SHARING)]
    assert len(read(folder, *tied).parameters) == external_data.MOST_SHARING
    with pytest.raises(ModelError, match="the same bytes too often"):
        read(folder, *tied, tensor("one more"))
    monkeypatch.setattr(external_data, "MOST_BYTES", 47)
    with pytest.raises(ModelError, match="more than 47 bytes"):
        read(folder, *tied[:2])


def test_a_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(ModelError, match=f"{folder / 'w.data'}: No such file"):
        read(folder)
