"""What is fuzzed: a function of bytes for each target, which returns or raises an `NNCError`."""

import gzip
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from fuzzing import containers

from nnc_conformance.encoders.load import load_encoder
from nnc_conformance.encoders.validation import Validation, validate_session
from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.reduction import document
from nnc_conformance.reference.topology import carriage_nnef, carriage_onnx, nnef, onnx, pytorch
from nnc_conformance.reference.topology.keras_safety import checked_configuration
from nnc_conformance.reference.topology.keras_weights import checked_weights
from nnc_conformance.reference.updates.finishing import final_parameters
from nnc_conformance.reports.certification.policy import load_policy
from nnc_conformance.reports.certification.verify import read_certificate
from nnc_conformance.reports.certification.withdrawals import load_withdrawals
from nnc_conformance.reports.validation import render_sarif, render_validation_junit, text_lines
from nnc_conformance.storage.carriage_files import unpack_safetensors
from nnc_conformance.storage.compressed_tar import read_compressed_tar
from nnc_conformance.storage.package import signature_path, signer_of, verify
from nnc_conformance.storage.sessions import Session
from nnc_conformance.storage.shards import read_shards
from nnc_conformance.storage.signing import load_public_key
from nnc_conformance.storage.state_files import SessionState, dump_state, parse_state
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.decoders.protocol import AnswerError, parse_answer
from nnc_conformance.suites.results.expected_failures import load_expected_failures, write_expected_failures
from nnc_conformance.suites.results.result_files import load_results

LIMITS = DecodeLimits(elements=1 << 16, total_bytes=1 << 22, units=256, seconds=2.0)
SECONDS = 2.0
"""More is a hang."""

FOLDER = Path(os.environ.get("NNC_FUZZ_DIR") or ("/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()))
"""Where inputs go that are read from files."""


PACKAGE_SHA256 = hashlib.sha256(b"").hexdigest()
"""Of the package whose signature is fuzzed."""


def scratch(pid: int) -> Path:
    """The file of a process, which whoever started it removes by `clean`."""
    return FOLDER / f"nnc-fuzz-{pid}"


def clean(pid: int) -> None:
    """Removes the files of a process."""
    for path in (scratch(pid), signature_path(scratch(pid)), *base_files(pid)):
        path.unlink(missing_ok=True)


def base_files(pid: int) -> list[Path]:
    """The files of a process that `--base` may name: one for each stream that `steps` can give."""
    return [FOLDER / f"nnc-fuzz-{pid}-{number}" for number in range(8)]


def _file(data: bytes) -> Path:
    """The bytes as a file, one for each process."""
    path = scratch(os.getpid())
    path.write_bytes(data)
    return path


def reader(data: bytes) -> None:
    """Units, headers, parameter sets, payloads and topologies of a whole stream, strictly and
    leniently.
    """
    lenient = bool(data) and data[0] & 1 == 1
    decode(data[1:], limits=LIMITS, lenient=lenient)


def steps(data: bytes) -> tuple[bool, list[bytes]]:
    """Whether to be lenient, and the streams of a session: a byte for both, and before each stream
    but the last its length in two bytes.
    """
    head, rest = data[:1] or b"\0", data[1:]
    streams = []
    for _ in range(head[0] >> 1 & 7):
        length = int.from_bytes(rest[:2], "little")
        streams.append(rest[2 : 2 + length])
        rest = rest[2 + length :]
    return bool(head[0] & 1), [*streams, rest]


def joined(streams: Sequence[bytes], *, lenient: bool) -> bytes:
    """What `steps` takes apart."""
    head = bytes([len(streams) - 1 << 1 | lenient])
    return head + b"".join(len(stream).to_bytes(2, "little") + stream for stream in streams[:-1]) + streams[-1]


def session(data: bytes) -> None:
    """Streams in order, each on the model after those before it.

    The model is kept and comes back.
    """
    lenient, streams = steps(data)
    state = SessionState(lenient=lenient)
    for stream in streams:
        model = decode(stream, base=state.model, limits=LIMITS, lenient=lenient).model
        assert model is not None
        state = state.after(stream, model)
    assert parse_state(dump_state(state), "the state").streams == state.streams
    final_parameters(state.model, recombine=True)


def base_models(data: bytes) -> None:
    """Files that `encode --base` names: a state or a stream, and streams after it."""
    made = [path for path, _ in zip(base_files(os.getpid()), steps(data)[1], strict=False)]
    for path, content in zip(made, steps(data)[1], strict=True):
        path.write_bytes(content)
    Session.of_encoder(made, None)


def validated(data: bytes) -> None:
    """Streams judged by all rules, as one session, and the reports on it."""
    named = [(f"{number}.nnr", stream) for number, stream in enumerate(steps(data)[1])]
    validation = validate_session(named, limits=LIMITS)
    for line in text_lines(validation):
        line.encode()
    json.loads(render_sarif(validation))
    ElementTree.fromstring(render_validation_junit(validation))
    Validation.model_validate_json(validation.model_dump_json())


def entropy(data: bytes) -> None:
    """A codeword of one tensor; the first four bytes choose its shape and tools."""
    if len(data) >= 4:
        rows, columns = 1 + data[0] % 24, 1 + data[1] % 24
        scan, density = data[2] % 8 % 5, data[2] >> 5
        unary = 1 + data[3] % 40
        coding = TensorCoding(rows, columns, scan if columns > 1 else 0, bool(data[2] & 8), unary, 6 + density if data[2] & 16 else 0)
        decode_codeword(np.frombuffer(data, np.uint8, offset=4), [coding])


def onnx_topology(data: bytes) -> None:
    """An ONNX topology: its parameters' shapes, and the model restored without any."""
    onnx.parameter_shapes(data)
    onnx.exact_parameters(data)
    onnx.extract(data)


def external_data(data: bytes) -> None:
    """An ONNX model whose values lie in a file: this model itself, by any location, offset and
    length.
    """
    path = _file(data)
    onnx.extract(data, base_dir=path.parent)


def torch_program(data: bytes) -> None:
    """An archive of torch.export, taken apart and put together."""
    parts = pytorch.extract(data)
    pytorch.restore(parts.topology, parts.parameters)


def keras_configuration(data: bytes) -> None:
    """The configuration of a Keras model."""
    checked_configuration(data)


def keras_weights(data: bytes) -> None:
    """The weights of a Keras model, in HDF5."""
    checked_weights(data)


def nnef_topology(data: bytes) -> None:
    """An NNEF topology."""
    nnef.parameter_shapes(data)


def nnef_tensor(data: bytes) -> None:
    """A .dat file of an NNEF model."""
    nnef.read_tensor(data, "w.dat")


def carried(data: bytes) -> None:
    """A model whose tensors hold data units; the first byte chooses its format.

    Of an NNEF model the file that names the units.
    """
    kind, rest = data[:1], data[1:]
    if kind == b"s":
        unpack_safetensors(rest)
    elif kind == b"o":
        carriage_onnx.unpack(rest)
    else:
        carriage_nnef.unpack({**containers.NNEF, carriage_nnef.METADATA_FILE: rest})


def package(data: bytes) -> None:
    """A package, verified to its last byte."""
    verify(_file(data))


def certificate(data: bytes) -> None:
    """A certificate, as JSON or as its page."""
    read_certificate(_file(data))


def nnef_archive(data: bytes) -> None:
    """An NNEF model in a tar archive, which is compressed first."""
    nnef.extract(read_compressed_tar(gzip.compress(data, 1), "the archive"))


def policy(data: bytes) -> None:
    """A policy of certificates, in TOML."""
    load_policy(_file(data))


def public_key(data: bytes) -> None:
    """A public key in PEM form."""
    load_public_key(_file(data))


def state(data: bytes) -> None:
    """A state file of a session."""
    parse_state(data, "the state")


def signature(data: bytes) -> None:
    """The signature next to a package."""
    path = _file(b"")
    signature_path(path).write_bytes(data)
    signer_of(path, PACKAGE_SHA256)


def shard_index(data: bytes) -> None:
    """The index of a checkpoint that is split over several files."""
    read_shards(_file(data), lambda _: {"w": np.zeros(1, np.float32)})


def encoder_file(data: bytes) -> None:
    """An encoder.toml."""
    load_encoder(str(_file(data)))


def expected_failures(data: bytes) -> None:
    """A list of expected failures, in TOML, and the list written anew."""
    path = _file(data)
    listed = load_expected_failures(path)
    write_expected_failures(path, listed)
    assert load_expected_failures(path) == listed


def withdrawals(data: bytes) -> None:
    """A signed list of withdrawn vectors and certificates."""
    load_withdrawals(_file(data))


def decoder_file(data: bytes) -> None:
    """A decoder.toml."""
    load_decoder(str(_file(data)))


def worker_answer(data: bytes) -> None:
    """A line that a decoder under test answers."""
    with suppress(AnswerError):
        parse_answer(data)


def pipeline(data: bytes) -> None:
    """A pipeline of tools of clause 8, in YAML."""
    document.parse(data.decode(errors="replace"))


def results(data: bytes) -> None:
    """A results file."""
    load_results(_file(data))


def tensors(data: bytes) -> None:
    """A safetensors or npz file."""
    load_tensors(data, max_bytes=1 << 22)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reader": reader,
    "sessions": session,
    "base models": base_models,
    "validated streams": validated,
    "entropy decoder": entropy,
    "ONNX topology": onnx_topology,
    "ONNX external data": external_data,
    "PyTorch programs": torch_program,
    "Keras configurations": keras_configuration,
    "Keras weights": keras_weights,
    "NNEF topology": nnef_topology,
    "NNEF tensors": nnef_tensor,
    "NNEF archives": nnef_archive,
    "carried models": carried,
    "tensor files": tensors,
    "state files": state,
    "package verify": package,
    "certificate verify": certificate,
    "withdrawals": withdrawals,
    "policies": policy,
    "public keys": public_key,
    "signatures": signature,
    "shard indexes": shard_index,
    "results parser": results,
    "decoder files": decoder_file,
    "encoder files": encoder_file,
    "expected failures": expected_failures,
    "worker answers": worker_answer,
    "pipelines": pipeline,
}
"""By the names that `SHARES` has."""
