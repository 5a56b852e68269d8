"""Reads and writes models.

These are the graph formats of Annexes A to D, tensor files, and containers of Annex E.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from nnc_conformance.reference.errors import EncodeError, ModelError, unknown
from nnc_conformance.reference.quantization.choosing import TensorChoices, Treatment
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_NNEF, NNR_TPL_ONNX, NNR_TPL_PYT, NNR_TPL_TEF
from nnc_conformance.reference.topology.classes import Coding, coding
from nnc_conformance.reference.topology.content import LoadingNotes, Topology
from nnc_conformance.reference.zip_bounds import ZIP_START
from nnc_conformance.storage.carriage_files import Carried, is_packed, pack_safetensors, typed_topology, unpack_safetensors
from nnc_conformance.storage.compressed_tar import compressed_tar, read_compressed_tar
from nnc_conformance.storage.inputs import MOST_BYTES, STANDARD_INPUT, read_bytes, read_regular
from nnc_conformance.storage.npz_format import load_npy, load_npz
from nnc_conformance.storage.other_formats import refuse_other_content, refuse_other_formats
from nnc_conformance.storage.outputs import (
    STANDARD_OUTPUT,
    check_new_folder,
    check_outputs,
    refuse_inputs,
    staged,
    write_bytes,
    write_folder,
)
from nnc_conformance.storage.safetensors_format import load_safetensors
from nnc_conformance.storage.shards import INDEX_SUFFIX, read_shards
from nnc_conformance.storage.state_files import refuse_state
from nnc_conformance.storage.tensor_types import is_known
from nnc_conformance.storage.tensors import is_npz, write_tensors

TENSOR_SUFFIXES: Final = (".safetensors", ".npz")
STATE_DICT_SUFFIXES: Final = (".pt", ".pth", ".bin", ".ckpt")
ARCHIVE_SUFFIX: Final = ".tgz"
"""An NNEF model as a .nnef.tgz; tar.gz is read, too."""
NNEF_SUFFIX: Final = ".nnef"
CONTAINER_SUFFIXES: Final = (".onnx", NNEF_SUFFIX, ".safetensors")
"""Formats that can hold data units (Annex E); an NNEF model is a folder."""
READ_SUFFIXES: Final = (
    *TENSOR_SUFFIXES,
    ".npy",
    INDEX_SUFFIX,
    *STATE_DICT_SUFFIXES,
    ".pt2",
    ".onnx",
    ".keras",
    NNEF_SUFFIX,
    ARCHIVE_SUFFIX,
)
WRITTEN_SUFFIXES: Final = (*TENSOR_SUFFIXES, *STATE_DICT_SUFFIXES, ".pt2", ".onnx", ".keras", NNEF_SUFFIX, ARCHIVE_SUFFIX)
STREAM_SUFFIX: Final = ".nnr"
"""A plain bitstream."""
_MODEL_STARTS: Final = (ZIP_START, b"\x89HDF\r\n\x1a\n", b"\x93NUMPY", b"\x1f\x8b\x08")
"""First bytes of zip archives (.npz, .pt, .keras), HDF5, NumPy and gzip files; no stream begins so."""
CARRIED_SUFFIXES: Final = (STREAM_SUFFIX, *CONTAINER_SUFFIXES)
MOST_MESSAGE_BYTES: Final = (1 << 31) - (1 << 24)
"""Bytes of the largest ONNX model that is written as one file; protobuf ends at 2 GiB."""
DATA_SUFFIX: Final = ".data"
"""Is appended to the name of a larger model for the file with its values."""
VARIANCE_NAME: Final = re.compile(r"(.*_)?var(iance)?s?(_ema)?", re.IGNORECASE)
"""Last parts of the names that frameworks give to variances, whose values are not negative."""
TABLE_NAMES: Final = ("cos_cached", "sin_cached", "cos_cache", "sin_cache", "inv_freq")
"""Last parts of the names of rotary tables."""
SCALE_NAME: Final = re.compile(r"(.*_)?(scales?(_inv)?|scb|absmax|quant_map|zeros?|zero_?points?|biases|g_idx)", re.IGNORECASE)
"""Last parts of the names that quantized checkpoints give to scales, offsets, tables and indexes of
groups.
"""
_RUNS: Final = "loading the model would run it"
_CARRIED: Final = "its tensors hold NNR data units (Annex E) instead of plain values; decode it first"
INPUT_REASON: Final = "read by an operator as a scale, zero point, table, mask, coordinate, bound or size"
"""Why tensors of an ONNX graph stay exact."""
NAME_REASON: Final = "named as a scale, zero point or table"
"""Why tensors of other models stay exact."""
NO_CHOICE: Final = "a stream has no type for it"
"""Why a tensor is not coded for which the encoder has no choice."""
NNEF_TYPES: Final = {"scalar": "float32", "integer": "int32", "logical": "bool"}
"""Types of decoded values by the types of NNEF, whose graph states no others."""
_FILES: Final = 1 << 16
"""Files that the folder of a model may hold."""


@dataclass(frozen=True)
class Model:
    """A model as read from files.

    ``topology``: None for a format without a graph. ``exact``: reasons by the names of parameters
    to code without loss. ``unchanged``: names of tensors that stay in the topology. ``plain``: tensors that travel
    with the stream as they are. ``files``: the files read. ``left_out``: parts of the model that do
    not travel, with the reason. ``variances``: names of parameters that are divided by.
    ``quantization``: the graph's quantization file, for an NNR_QNT. ``attribute_values``: numbers
    that are attributes of operators and no tensors, by operator; they stay in the topology.
    ``converted``: what else than values changes on the way, such as the byte order, by the names of
    parameters.
    """

    parameters: Mapping[str, np.ndarray]
    topology: Topology | None = None
    exact: Mapping[str, str] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()
    plain: Mapping[str, np.ndarray] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    variances: frozenset[str] = frozenset()
    quantization: Topology | None = None
    attribute_values: Mapping[str, int] = field(default_factory=dict)
    converted: Mapping[str, str] = field(default_factory=dict)

    @property
    def rounded(self) -> frozenset[str]:
        """Names of binary64 parameters that only binary32 can hold, as the graph holds no values.

        The graphs of ONNX and PyTorch hold theirs, which are then no parameters.
        """
        return frozenset(name for name, array in self.parameters.items() if self.topology is not None and array.dtype == np.float64)

    def settled(self, choice: TensorChoices, *, container: bool, portable: bool = False) -> "Model":
        """Return the model with tensors moved to ``plain`` that the encoder cannot code.

        Without a graph, and unless a container holds them, they and the types travel in a topology
        of this package.

        Args:
            choice: The encoder's choice for each tensor.
            container: Whether a container is written, which holds plain tensors.
            portable: Whether to refuse tensors that only `with_types` would give back.

        Raises `EncodeError` for a tensor that neither a stream nor the graph can hold.
        """
        carried = {row.name: row.reason for row in choice.tensors if row.treatment is Treatment.CARRIED}
        if self.topology is not None and carried:
            name, reason = next(iter(carried.items()))
            raise EncodeError(
                f"{name!r} cannot be coded ({reason}), nor kept in the graph; convert it, or encode the tensors as .safetensors"
            )
        coded = {name: array for name, array in self.parameters.items() if name not in carried}
        plain = {**self.plain, **{name: self.parameters[name] for name in carried}}
        if portable and plain and not container and self.topology is None:
            name = next(iter(plain))
            raise EncodeError(
                f"{name!r} cannot be coded ({carried.get(name, NO_CHOICE)}); leave --portable out to let it travel in a topology "
                "that only `decode` of this package reads, or convert it"
            )
        topology = self.topology if container or self.topology is not None else typed_topology(coded, plain)
        return replace(self, parameters=coded, plain=plain, topology=topology)


def read_model(path: Path, *, suffix: str | None = None) -> Model:
    """Read a model by its suffix.

    An NNEF folder is read by its graph.nnef, standard input as a tensor file.

    Args:
        path: The file or folder.
        suffix: One of `READ_SUFFIXES`, for a path without a known suffix.

    Raises `ModelError` for an unknown suffix, a container of data units, a missing optional
    package, or a damaged file.
    """
    suffix = suffix or suffix_of(path, TENSOR_SUFFIXES[0])
    if suffix not in _READERS or (suffix == NNEF_SUFFIX and path.is_dir()):
        refuse_other_formats(path, suffix, _READERS)
    if suffix not in _READERS:
        refuse_other_content(path, suffix, _READERS)
        raise ModelError(f"{path}: {unknown('model file suffix', suffix, READ_SUFFIXES)}")
    try:
        model = _READERS[suffix](path)
    except ModelError as error:
        refuse_other_content(path, suffix, _READERS)
        raise error if str(error).startswith(str(path)) else ModelError(f"{path}: {error}") from None
    named = frozenset(name for name, array in model.parameters.items() if _is_variance(name, array))
    exact = {**dict.fromkeys(_exact_by_name(model.parameters), NAME_REASON), **model.exact}
    return replace(model, files=(path, *model.files), variances=model.variances | named, exact=exact)


def _parts(name: str) -> list[str]:
    """Split a tensor's name into the modules that it is in, and its own name."""
    return re.split(r"[./]", name)


def _is_variance(name: str, array: np.ndarray) -> bool:
    """Return whether a tensor has variances, by its name and its values."""
    *_, last = _parts(name)
    return bool(VARIANCE_NAME.fullmatch(last)) and array.dtype.kind != "c" and bool((array >= 0).all())


def _exact_by_name(parameters: Mapping[str, np.ndarray]) -> frozenset[str]:
    """Return the names of rotary tables, and of quantized tensors' scales, offsets and tables.

    A tensor is taken for a scale if its name is that of one and a tensor of the same module has
    integers of 32 bits or fewer, or floats of 8 bits or fewer.
    """
    quantized = {tuple(_parts(name)) for name, array in parameters.items() if _is_quantized(array)}
    owners = {place for name in quantized for place in (name, name[:-1])}
    found = set()
    for name in parameters:
        *module, last = _parts(name)
        if last in TABLE_NAMES or (SCALE_NAME.fullmatch(last) and tuple(module) in owners):
            found.add(name)
    return frozenset(found)


def _is_quantized(array: np.ndarray) -> bool:
    """Return whether an array's type and shape are those of quantized weights."""
    narrow = array.dtype.itemsize == 1 if array.dtype.kind not in "iu" else array.dtype.itemsize <= 4
    return narrow and array.ndim > 1 and array.dtype != np.bool_


def write_model(
    path: Path,
    parameters: Mapping[str, np.ndarray],
    topology: Topology | None,
    *,
    quantization: Topology | None = None,
    suffix: str | None = None,
) -> tuple[str, ...]:
    """Write parameters by the path's suffix, to standard output as .safetensors.

    Return the names of the parts of the topology that hold code and were left out.

    Args:
        path: The file, or the folder of an NNEF model.
        parameters: Arrays by name.
        topology: Required by formats with a graph, and in that format.
        quantization: Content of an NNR_QNT, written with a graph of the same format.
        suffix: One of `READ_SUFFIXES`, for a path without a known suffix.

    Raises `ModelError`.
    """
    refuse_unknown_format(path, suffix=suffix)
    suffix = suffix or suffix_of(path, TENSOR_SUFFIXES[0])
    if suffix in TENSOR_SUFFIXES:
        write_tensors(path, parameters, suffix=suffix)
    elif suffix in STATE_DICT_SUFFIXES:
        from nnc_conformance.reference.topology.pytorch import dump_state_dict

        write_bytes(path, dump_state_dict(parameters))
    else:
        number, name = GRAPH_FORMATS[suffix]
        if topology is None or topology.storage_format != number:
            raise ModelError(f"{path}: the stream carries no {name} topology")
        if suffix in (NNEF_SUFFIX, ARCHIVE_SUFFIX):
            return _to_nnef(path, topology.data, parameters, quantization, archive=suffix == ARCHIVE_SUFFIX)
        return _RESTORERS[suffix](path, topology.data, parameters)
    return ()


def refuse_unknown_format(path: Path, *, suffix: str | None = None) -> None:
    """Raise `ModelError` for an output whose format `write_model` does not know."""
    suffix = suffix or suffix_of(path, TENSOR_SUFFIXES[0])
    if suffix not in WRITTEN_SUFFIXES:
        raise ModelError(f"{path}: {unknown('model file suffix', suffix, WRITTEN_SUFFIXES)}")


def check_written(path: Path, *, suffix: str | None = None, inputs: Iterable[Path] = (), others: Iterable[Path] = ()) -> None:
    """Raise, before work begins, if a model or container cannot be written.

    Args:
        path: The file, or the folder of an NNEF model.
        suffix: One of `READ_SUFFIXES`, for a path without a known suffix.
        inputs: Files and folders that the command reads.
        others: Further outputs of the command.

    Raises:
        OutputError: Something would be lost, or there is no place for it.
        OSError: A file may not be written.
    """
    if (suffix or suffix_of(path, TENSOR_SUFFIXES[0])) == NNEF_SUFFIX:
        read = list(inputs)
        refuse_inputs(path, read)
        check_new_folder(path)
        check_outputs(others, read)
    else:
        check_outputs([path, *others], inputs)


def suffix_of(path: Path, standard: str) -> str:
    """Return the suffix that decides the format of a path.

    ``standard`` is that of standard input and output.
    """
    if path in (STANDARD_INPUT, STANDARD_OUTPUT):
        return standard
    if path.is_dir():
        return NNEF_SUFFIX
    return ARCHIVE_SUFFIX if path.name.lower().endswith(".tar.gz") else path.suffix.lower()


def is_container(path: Path, *, suffix: str | None = None) -> bool:
    """Return whether a path to write names a container of data units (Annex E)."""
    return (suffix or suffix_of(path, STREAM_SUFFIX)) in CONTAINER_SUFFIXES


def for_container(model: Model) -> Model:
    """Move the tensors whose type or values coding would change to ``plain``."""
    plain = {name: array for name, array in model.parameters.items() if coding(array) is Coding.UNCHANGED}
    return replace(model, parameters={name: array for name, array in model.parameters.items() if name not in plain}, plain=plain)


def refuse_no_stream(data: bytes, name: str) -> None:
    """Refuse a state file or a model in the place of a stream.

    Args:
        data: The content of the file.
        name: Its name in the message.

    Raises:
        StateError: It is a state file.
        ModelError: It begins as an archive, an HDF5 file or an array file does.
    """
    refuse_state(data, name)
    if data.startswith(_MODEL_STARTS):
        raise ModelError(f"{name} is a model or an archive, not a stream; make a stream of a model with encode")


def read_stream(path: Path, *, suffix: str | None = None) -> Carried:
    """Read a bitstream, or the stream of a container of data units, by the suffix.

    Standard input is a bitstream.

    Args:
        path: The file, or the folder of an NNEF model.
        suffix: One of `CARRIED_SUFFIXES`, for a path without a known suffix.

    Raises `ModelError` for a container without data units or a model, and `StateError` for a state
    file.
    """
    match suffix or suffix_of(path, STREAM_SUFFIX):
        case ".nnef":
            from nnc_conformance.reference.topology.carriage_nnef import unpack as unpack_nnef

            return Carried(unpack_nnef(_folder(path)))
        case ".onnx":
            from nnc_conformance.reference.topology.carriage_onnx import unpack

            return Carried(unpack(read_bytes(path)))
        case ".safetensors":
            return unpack_safetensors(read_bytes(path))
        case _:
            stream = read_bytes(path)
            refuse_no_stream(stream, str(path))
            return Carried(stream)


def write_container(path: Path, stream: bytes, model: Model, *, suffix: str | None = None) -> None:
    """Write a model's stream as a container of data units.

    Args:
        path: The file, or the folder of an NNEF model.
        stream: The stream.
        model: The model that it codes; its types and plain tensors go into a safetensors file.
        suffix: One of `CARRIED_SUFFIXES`, for a path without a known suffix.

    Raises `EncodeError` for a stream that the container cannot hold, `ModelError`, and `OSError`.
    """
    match suffix or suffix_of(path, STREAM_SUFFIX):
        case ".onnx":
            from nnc_conformance.reference.topology.carriage_onnx import pack

            write_bytes(path, pack(stream))
        case ".safetensors":
            kinds = {name: (array.dtype, array.shape) for name, array in model.parameters.items()}
            write_bytes(path, pack_safetensors(Carried(stream, kinds, model.plain)))
        case _:
            from nnc_conformance.reference.topology.carriage_nnef import pack as pack_nnef

            write_folder(path, pack_nnef(stream))


def _tensors(path: Path) -> Model:
    """Read an npz or safetensors file as a model without topology.

    Raises `ModelError` for a file that carries topology in the metadata or cannot be read.
    """
    data = read_bytes(path)
    if not is_npz(data) and is_packed(data):
        raise ModelError(f"{path}: {_CARRIED}")
    notes = LoadingNotes()
    return _tensor_model(path, load_npz(data, notes=notes) if is_npz(data) else load_safetensors(data), notes)


def _tensor_model(path: Path, tensors: Mapping[str, np.ndarray], notes: LoadingNotes) -> Model:
    """Make the model of a file of tensors.

    Raise `ModelError` if all that it holds is left out.
    """
    if notes.left_out and not tensors:
        name, reason = next(iter(notes.left_out.items()))
        raise ModelError(f"{path} has no tensor that can be coded; {name!r}: {reason}")
    return Model(tensors, left_out=notes.left_out, converted=notes.converted)


def _array(path: Path) -> Model:
    notes = LoadingNotes()
    return _tensor_model(path, {path.stem: load_npy(path.stem, read_bytes(path), notes=notes)}, notes)


def _shards(path: Path) -> Model:
    """Read a model in several files, which the index file at ``path`` lists.

    Raises `ModelError` if one is missing, damaged or of another kind.
    """

    left_out: dict[str, str] = {}
    converted: dict[str, str] = {}

    def tensors(file: Path) -> Mapping[str, np.ndarray]:
        """Read one of the files; raise `ModelError` if it is missing or of another kind."""
        suffix = file.suffix.lower()
        if suffix not in (*TENSOR_SUFFIXES, *STATE_DICT_SUFFIXES):
            raise ModelError(f"{path}: {file.name} is neither a tensor file nor a state_dict")
        try:
            model = _READERS[suffix](file)
        except FileNotFoundError:
            raise ModelError(f"{path} names {file.name}, which is missing; all files of the checkpoint must lie next to it") from None
        except ModelError as error:
            raise ModelError(f"{path}: {file.name}: {str(error).removeprefix(f'{file}: ')}") from None
        left_out.update(model.left_out)
        converted.update(model.converted)
        return model.parameters

    parameters, files = read_shards(path, tensors)
    return Model(parameters, files=files, left_out=left_out, converted={name: converted[name] for name in parameters if name in converted})


def _onnx(path: Path) -> Model:
    """Read an ONNX model; values in files next to it are read too."""
    from nnc_conformance.reference.topology.onnx import attribute_values, exact_parameters, extract, variance_parameters

    content = read_bytes(path)
    model = extract(content) if path == STANDARD_INPUT else extract(content, base_dir=path.parent, path=path)
    exact = dict.fromkeys(exact_parameters(model.topology), INPUT_REASON)
    variances = variance_parameters(model.topology)
    topology = Topology(NNR_TPL_ONNX, model.topology)
    numbers = attribute_values(model.topology)
    return Model(model.parameters, topology, exact, model.unchanged, files=model.files, variances=variances, attribute_values=numbers)


def _nnef(path: Path) -> Model:
    return _nnef_files(path, _folder(path))


def _nnef_archive(path: Path) -> Model:
    return _nnef_files(path, read_compressed_tar(read_bytes(path), str(path)))


def _nnef_files(path: Path, files: Mapping[str, bytes]) -> Model:
    """Make a model of the files of an NNEF folder or archive.

    Raises `ModelError` for damaged files, or if the variables hold data units.

    Args:
        path: The folder or archive, for messages.
        files: The content of its files, by file name.
    """
    from nnc_conformance.reference.topology.carriage_nnef import METADATA_FILE
    from nnc_conformance.reference.topology.nnef import extract, variables, variances

    if METADATA_FILE in files:
        raise ModelError(f"{path}: {_CARRIED}")
    model = extract(files)
    types = {each.label: (str(model.parameters[each.label].dtype), NNEF_TYPES[each.kind]) for each in variables(model.topology)}
    return Model(
        model.parameters,
        Topology(NNR_TPL_NNEF, model.topology),
        left_out=dict.fromkeys(model.left_out, "an NNEF stream carries graph, quantization and variables only"),
        variances=variances(model.topology),
        quantization=None if model.quantization is None else Topology(NNR_TPL_NNEF, model.quantization),
        converted={name: f"{stored}, comes back as {written}" for name, (stored, written) in types.items() if stored != written},
    )


def _state_dict(path: Path) -> Model:
    """Read a PyTorch state_dict as a model without topology.

    Entries of types that are not supported are left out, with the reason.
    """
    from nnc_conformance.reference.topology.pytorch import load_state_dict

    notes = LoadingNotes()
    loaded = load_state_dict(read_bytes(path), notes=notes)
    notes.left_out |= {name: f"its type {array.dtype} is not supported" for name, array in loaded.items() if not is_known(array.dtype)}
    return _tensor_model(path, {name: array for name, array in loaded.items() if name not in notes.left_out}, notes)


def _program(path: Path) -> Model:
    """Read a program exported by PyTorch (.pt2)."""
    from nnc_conformance.reference.topology.pytorch import extract

    model = extract(read_bytes(path))
    topology = Topology(NNR_TPL_PYT, model.topology)
    return Model(model.parameters, topology, unchanged=model.unchanged, left_out=dict.fromkeys(model.left_out, _RUNS))


def _keras(path: Path) -> Model:
    """Read a Keras model (.keras)."""
    from nnc_conformance.reference.topology.keras_safety import COMPILED
    from nnc_conformance.reference.topology.tensorflow import extract

    model = extract(read_bytes(path))
    left_out = dict.fromkeys(model.left_out, "no layer reads it")
    if model.compiled:
        left_out[COMPILED] = "a stream has no optimizer, losses or metrics; compile the decoded model to train it"
    return Model(model.parameters, Topology(NNR_TPL_TEF, model.topology), left_out=left_out)


_READERS: Final[Mapping[str, Callable[[Path], Model]]] = {
    ".safetensors": _tensors,
    ".npz": _tensors,
    ".npy": _array,
    INDEX_SUFFIX: _shards,
    **dict.fromkeys(STATE_DICT_SUFFIXES, _state_dict),
    ".onnx": _onnx,
    ".pt2": _program,
    ".keras": _keras,
    NNEF_SUFFIX: _nnef,
    ARCHIVE_SUFFIX: _nnef_archive,
}


def _to_onnx(path: Path, topology: bytes, parameters: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Write an ONNX model, with the values of a large one next to it.

    Values go to a second file from 2 GB on. Nothing is left out, so the result is empty. Raises
    `ModelError` rather than replace the data file of another model.

    Args:
        path: The file.
        topology: The graph without values.
        parameters: The values by name.
    """
    from nnc_conformance.reference.topology.onnx import restore, restore_beside

    if len(topology) + sum(array.nbytes for array in parameters.values()) <= MOST_MESSAGE_BYTES:
        write_bytes(path, restore(topology, parameters))
        return ()
    data_file = path.with_name(f"{path.name}{DATA_SUFFIX}")
    if path.exists() and not path.is_file():
        raise ModelError(f"{path} cannot hold a model of 2 GB or more, whose values are in a file next to it; name a file")
    if data_file.exists() and not path.exists():
        raise ModelError(f"{data_file} exists, and the values of {path.name} would replace it; name another output")
    model, data = restore_beside(topology, parameters, data_file.name)
    with staged(data_file, data) as put_data, staged(path, model) as put_model:
        put_data()
        put_model()
    return ()


def _to_nnef(
    path: Path, topology: bytes, parameters: Mapping[str, np.ndarray], quantization: Topology | None, *, archive: bool
) -> tuple[str, ...]:
    """Write an NNEF folder or archive; nothing is left out, so the result is empty.

    Args:
        path: The folder, or the archive.
        topology: The graph without values.
        parameters: The values by name.
        quantization: The stream's quantization data; ignored unless it is of NNEF.
        archive: Whether to write an archive.
    """
    from nnc_conformance.reference.topology.nnef import restore

    text = quantization.data if quantization is not None and quantization.storage_format == NNR_TPL_NNEF else None
    files = restore(topology, parameters, text)
    if archive:
        write_bytes(path, compressed_tar(files))
    else:
        write_folder(path, files)
    return ()


def _to_program(path: Path, topology: bytes, parameters: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Write a program of PyTorch (.pt2) and return the names of what was left out.

    Args:
        path: The file.
        topology: The program without values.
        parameters: The values by name.
    """
    from nnc_conformance.reference.topology.pytorch import left_out, restore

    write_bytes(path, restore(topology, parameters))
    return left_out(topology)


def _to_keras(path: Path, topology: bytes, parameters: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Write a Keras model; nothing is left out, so the result is empty.

    Args:
        path: The file.
        topology: The model without values.
        parameters: The values by name.
    """
    from nnc_conformance.reference.topology.tensorflow import restore

    write_bytes(path, restore(topology, parameters))
    return ()


_RESTORERS: Final[Mapping[str, Callable[[Path, bytes, Mapping[str, np.ndarray]], tuple[str, ...]]]] = {
    ".onnx": _to_onnx,
    ".pt2": _to_program,
    ".keras": _to_keras,
}
GRAPH_FORMATS: Final = {
    ".onnx": (NNR_TPL_ONNX, "ONNX"),
    NNEF_SUFFIX: (NNR_TPL_NNEF, "NNEF"),
    ARCHIVE_SUFFIX: (NNR_TPL_NNEF, "NNEF"),
    ".pt2": (NNR_TPL_PYT, "PyTorch"),
    ".keras": (NNR_TPL_TEF, "TensorFlow"),
}
"""topology_storage_format and name of each format, by suffix."""


def _folder(path: Path) -> dict[str, bytes]:
    """Read the regular files in a folder by their relative paths; skip links.

    Raises `ModelError` if they are too many or too large.
    """
    files: dict[str, bytes] = {}
    left = MOST_BYTES
    for file in sorted(path.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        data = read_regular(file, max_bytes=left)
        files[file.relative_to(path).as_posix()] = data
        left -= len(data)
        if len(files) > _FILES:
            raise ModelError(f"{path} has more than {_FILES} files")
    return files
