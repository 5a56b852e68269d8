"""Tensor files: round trips, agreement with the safetensors package and NumPy, and garbage."""

import contextlib
import hashlib
import io
import json
import math
import os
import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.npz_format import dump_npz, load_npz
from nnc_conformance.storage.safetensors_format import dump_safetensors, load_safetensors, tensors_sha256
from nnc_conformance.storage.tensor_types import DTYPES, PACKED_BITS
from nnc_conformance.storage.tensors import load_tensors, read_tensors, write_tensors

names = st.one_of(st.sampled_from(["", "__metadata__", "\\__metadata__", "\\\\__metadata__", "a/b", "../x", "ä", "x.npy"]), st.text())


def arrays_of(dtypes: list[np.dtype]) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(st.sampled_from(dtypes), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)).flatmap(raw_arrays)


def raw_arrays(kind: tuple[np.dtype, tuple[int, ...]]) -> st.SearchStrategy[np.ndarray]:
    dtype, shape = kind
    size = math.prod(shape) * dtype.itemsize
    return st.binary(min_size=size, max_size=size).map(lambda raw: np.frombuffer(raw, dtype).reshape(shape))


npz_arrays = arrays_of([dtype for name, dtype in DTYPES.items() if dtype.isbuiltin == 1 or name == "BF16"])
arrays = arrays_of([dtype for name, dtype in DTYPES.items() if name not in PACKED_BITS])
plain_tensors = st.dictionaries(
    st.text(max_size=5).filter(lambda name: name != "__metadata__"),
    arrays_of([dtype for dtype in DTYPES.values() if dtype.isbuiltin == 1 and dtype.kind != "c"]),
    max_size=4,
)
"""What the safetensors package's NumPy interface reads too."""


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    def facts(tensors: dict[str, np.ndarray]) -> dict[str, tuple[object, ...]]:
        return {name: (array.dtype, array.shape, array.tobytes()) for name, array in tensors.items()}

    return facts(left) == facts(right)


@given(st.dictionaries(names, arrays, max_size=4))
def test_safetensors_gives_back_every_name_type_shape_and_bit(tensors: dict[str, np.ndarray]) -> None:
    data = dump_safetensors(tensors)
    assert same(load_safetensors(data), tensors)
    assert dump_safetensors(dict(reversed(tensors.items()))) == data
    assert tensors_sha256(tensors) == hashlib.sha256(data).hexdigest()


@given(st.dictionaries(names.filter(lambda name: "\0" not in name), npz_arrays, max_size=4))
def test_npz_gives_back_every_name_type_shape_and_bit(tensors: dict[str, np.ndarray]) -> None:
    data = dump_npz(tensors)
    assert same(load_npz(data), tensors)
    assert same(load_tensors(data), tensors)


@pytest.mark.parametrize(
    ("kind", "values", "stored"),
    [
        ("F4", [1.5, -6.0, 0.5, -0.0], bytes([0xF3, 0x81])),
        ("F6_E2M3", [1.0, -7.5, 0.125, 0.0], bytes([0xC8, 0x1F, 0x00])),
        ("F8_E4M3", [1.0, -448.0], bytes([0x38, 0xFE])),
        ("C64", [1 - 2j], struct.pack("<2f", 1, -2)),
    ],
)
def test_types_of_few_bits_and_complex_numbers_are_kept(kind: str, values: list[complex], stored: bytes) -> None:
    array = np.array(values, np.complex64 if kind == "C64" else np.float32).astype(DTYPES[kind])
    data = dump_safetensors({"x": array})
    assert data.endswith(stored)
    assert same(load_safetensors(data), {"x": array})


def test_elements_that_leave_part_of_a_byte_are_refused() -> None:
    with pytest.raises(ModelError, match="whole bytes"):
        dump_safetensors({"x": np.ones(3, DTYPES["F4"])})
    with pytest.raises(ModelError, match=r"'f'.*write \.safetensors"):
        dump_npz({"f": np.ones(3, DTYPES["F8_E4M3"])})


@given(plain_tensors)
def test_the_safetensors_package_reads_what_is_written(tensors: dict[str, np.ndarray]) -> None:
    assert same(safetensors.numpy.load(dump_safetensors(tensors)), tensors)


@given(plain_tensors)
def test_what_the_safetensors_package_writes_is_read(tensors: dict[str, np.ndarray]) -> None:
    assert same(load_safetensors(safetensors.numpy.save(tensors, metadata={"made": "elsewhere"})), tensors)


def test_what_numpy_saves_is_read() -> None:
    tensors = {"a/b": np.arange(6, dtype=">f4").reshape(2, 3), "f": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(3, 2))}
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **tensors)
        read = load_tensors(buffer.getvalue())
        assert all(np.array_equal(read[name], array) for name, array in tensors.items())
        assert read["a/b"].dtype == np.dtype("<f4")
    buffer = io.BytesIO()
    np.savez(buffer, b=np.array([1.5], ml_dtypes.bfloat16))
    assert load_tensors(buffer.getvalue())["b"].dtype == DTYPES["BF16"]


def pack(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: object = "U8", shape: object = (1,), offsets: object = (0, 1)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


BAD_SAFETENSORS = {
    "empty": b"",
    "short": b"\x01\0\0",
    "header too long": struct.pack("<Q", 1 << 62) + b"{}",
    "no JSON": pack(b"{"),
    "not UTF-8": pack(b'{"\xff":1}'),
    "no object": pack([1]),
    "deep": pack(b"[" * 100_000),
    "huge number": pack(b'{"a":' + b"9" * 5000 + b"}"),
    "doubled name": pack(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"
    ),
    "surrogate": pack({"\ud800": entry()}, b"x"),
    "unknown type": pack({"a": entry(dtype="F7_E4M2")}, b"x"),
    "type no text": pack({"a": entry(dtype=[])}, b"x"),
    "shape no list": pack({"a": entry(shape=1)}, b"x"),
    "negative shape": pack({"a": entry(shape=(-1, -1))}, b"x"),
    "bool in shape": pack({"a": entry(shape=(True,))}, b"x"),
    "rank": pack({"a": entry(shape=(1,) * 65)}, b"x"),
    "huge empty": pack({"a": entry(shape=(0, 1 << 62, 1 << 62), offsets=(0, 0))}),
    "shape against offsets": pack({"a": entry(shape=(1 << 40,))}, b"x"),
    "backwards": pack({"a": entry(shape=(0,), offsets=(1, 0))}, b"x"),
    "entry of more": pack({"a": {**entry(), "x": 1}}, b"x"),
    "hole": pack({"a": entry(offsets=(1, 2))}, b"xx"),
    "overlap": pack({"a": entry(), "b": entry()}, b"x"),
    "rest": pack({"a": entry()}, b"xx"),
    "cut": pack({"a": entry()}),
}


@pytest.mark.parametrize("data", BAD_SAFETENSORS.values(), ids=BAD_SAFETENSORS.keys())
def test_a_bad_safetensors_file_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(ModelError):
        load_safetensors(data)


def archive(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def npy(descr: str = "'|u1'", shape: str = "(1,)", data: bytes = b"x") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


BAD_NPZ = {
    "no archive": b"PK\x03\x04garbage",
    "cut": archive([("a.npy", npy())])[:-30],
    "no npy": archive([("a.npy", b"garbage")]),
    "pickle": archive([("a.npy", npy("'|O'", data=b"\x80\x04N."))]),
    "text type": archive([("a.npy", npy("'<U4'", data=b"\0" * 16))]),
    "claims too much": archive([("a.npy", npy(shape="(1099511627776,)"))]),
    "negative": archive([("a.npy", npy(shape="(-1,)"))]),
    "code in the header": archive([("a.npy", npy(descr="__import__('os')"))]),
    "rest": archive([("a.npy", npy(data=b"xx"))]),
    "version": archive([("a.npy", b"\x93NUMPY\x09\x00" + npy()[8:])]),
    "other compression": archive([("a.npy", npy())], zipfile.ZIP_LZMA),
    "bomb": archive([("a.npy", npy(shape="(40000000,)", data=bytes(40_000_000)))], zipfile.ZIP_DEFLATED),
}


@pytest.mark.parametrize("data", BAD_NPZ.values(), ids=BAD_NPZ.keys())
def test_a_bad_npz_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(ModelError):
        load_npz(data, max_bytes=1 << 20)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_doubled_member_is_a_typed_error() -> None:
    with pytest.raises(ModelError, match="twice"):
        load_npz(archive([("a.npy", npy()), ("a.npy", npy())]))


@given(st.binary(max_size=200))
def test_garbage_is_a_typed_error_or_an_empty_file(data: bytes) -> None:
    for load in (load_tensors, load_safetensors, load_npz):
        with contextlib.suppress(ModelError):
            load(data)


@given(st.data())
def test_a_flipped_byte_is_an_error_or_other_tensors(data: st.DataObject) -> None:
    for dump, load in ((dump_safetensors, load_safetensors), (dump_npz, load_npz)):
        whole = bytearray(dump({"a": np.arange(3, dtype="<f4"), "b": np.zeros((2, 0), "i1")}))
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        with contextlib.suppress(ModelError):
            load(bytes(whole))


@pytest.mark.parametrize("array", [np.array([1j]), np.array(["x"]), np.array([None]), np.zeros(1, "M8[s]")], ids=str)
def test_other_types_cannot_be_written(array: np.ndarray) -> None:
    for dump in (dump_safetensors, dump_npz):
        with pytest.raises(ModelError):
            dump({"a": array})


def test_names_that_cannot_be_written() -> None:
    tensor = np.zeros(1, "u1")
    for dump, name in ((dump_safetensors, "\ud800"), (dump_npz, "\ud800"), (dump_npz, "a\0b"), (dump_npz, "x" * 70_000)):
        with pytest.raises(ModelError):
            dump({name: tensor})


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    write_tensors(good, {"a": np.zeros(3, "<f4")})
    assert list(read_tensors(good)) == ["a"]
    (tmp_path / "link").symlink_to(good)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "pipe", tmp_path, tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(ModelError):
            read_tensors(path)
    with pytest.raises(ModelError, match="more than 10 bytes"):
        read_tensors(good, max_bytes=10)
    with pytest.raises(ModelError, match=r"unknown tensor file suffix '\.bin'; choose from \.safetensors, \.npz"):
        write_tensors(tmp_path / "a.bin", {})
    assert not (tmp_path / "a.bin").exists()
