"""What is fuzzed: a function of bytes for each target, which returns or raises an `NNCError`."""

import gzip
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from fuzzing import containers

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.entropy.codeword import decode_codeword
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.reduction import document
from nnc_conformance.reference.topology import carriage_nnef, carriage_onnx, nnef, onnx, pytorch
from nnc_conformance.reference.topology.keras_safety import checked_configuration
from nnc_conformance.reports.certification.policy import load_policy
from nnc_conformance.reports.certification.verify import read_certificate
from nnc_conformance.reports.certification.withdrawals import load_withdrawals
from nnc_conformance.storage.carriage_files import unpack_safetensors
from nnc_conformance.storage.compressed_tar import read_compressed_tar
from nnc_conformance.storage.package import verify
from nnc_conformance.storage.signing import load_public_key
from nnc_conformance.storage.state_files import parse_state
from nnc_conformance.storage.tensors import load_tensors
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.decoders.protocol import AnswerError, parse_answer
from nnc_conformance.suites.results.result_files import load_results

LIMITS = DecodeLimits(elements=1 << 16, total_bytes=1 << 22, units=256, seconds=2.0)
SECONDS = 2.0
"""More is a hang."""

FOLDER = Path(os.environ.get("NNC_FUZZ_DIR") or ("/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()))
"""Where inputs go that are read from files."""


def scratch(pid: int) -> Path:
    """The file of a process, which whoever started it removes."""
    return FOLDER / f"nnc-fuzz-{pid}"


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
    "entropy decoder": entropy,
    "ONNX topology": onnx_topology,
    "ONNX external data": external_data,
    "PyTorch programs": torch_program,
    "Keras configurations": keras_configuration,
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
    "results parser": results,
    "decoder files": decoder_file,
    "worker answers": worker_answer,
    "pipelines": pipeline,
}
"""By the names that `SHARES` has."""
