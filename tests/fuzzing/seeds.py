"""Good inputs of each target, small, the same on every machine."""

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fuzzing import containers
from fuzzing.mutate import KEY
from fuzzing.targets import PACKAGE_SHA256, joined, scratch
from helpers import certificate_bodies, report_documents, topology_models
from helpers import torch_programs as torch_programs_made
from hostile import support
from onnx import TensorProto, helper

from nnc_conformance.generator.composition import Coded
from nnc_conformance.reference import decode, encode
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.entropy.indices import encode_indices
from nnc_conformance.reference.topology.carriage_nnef import METADATA_FILE
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.reports.certification import certificate as certificate_module
from nnc_conformance.reports.certification.certificate import Certificate
from nnc_conformance.reports.certification.page import render_certificate
from nnc_conformance.reports.certification.withdrawals import WithdrawalsBody, WithdrawnVector
from nnc_conformance.storage.npz_format import dump_npz
from nnc_conformance.storage.package_build import build
from nnc_conformance.storage.package_model import DetachedSignature, canonical
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.sealed import canonical_text, seal
from nnc_conformance.storage.signing import Purpose, sign
from nnc_conformance.storage.state_files import SessionState, dump_state
from nnc_conformance.storage.suite_folder import built_in_root
from nnc_conformance.suites.decoders.protocol import DecodedAnswer, RefusedAnswer, StartedAnswer, UnsupportedAnswer
from nnc_conformance.suites.results.result_files import results_text

MOST_STREAM = 512
"""Bytes of a stream, or of all streams of a session, to begin with."""
MOST_SESSIONS = 60
"""Sessions to begin with."""
MOST_STEPS = 4
"""Streams of a session to begin with."""
NNEF = (
    b"version 1.0;\ngraph net(x) -> (y)\n{\n    x = external(shape = [1, 3, 8, 8]);\n    w = variable(shape = [4, 3], label = 'a/w');\n}\n",
    b"w = variable<scalar>(label = \"w\", shape = [2,]); # variable(shape=[1],label='no')\n",
)

DECODER_FILES = (
    b'name = "x"\nversion = "1"\nkind = "command"\ncommand = "/bin/true {stream} {output}"\ncapabilities = ["int", "float"]\n'
    b'[errors]\n"unexpected end" = "truncated"\n',
    b'name = "y"\nkind = "python"\ncommand = "module:function"\n',
)
ENCODER_FILES = (
    b'name = "x"\nversion = "1"\nkind = "command"\ncommand = "/bin/true {input} {output} {options}"\nbase = "--base {stream}"\n'
    b'max_error_steps = 2.5\n[options]\nqp = "--qp {value}"\n[options.dq]\non = "--dq"\noff = ""\n',
    b'name = "y"\nkind = "worker"\ncommand = "/bin/true"\nupdates = true\n',
)
EXPECTED_FAILURES = (
    b'format = "nnc-expected-failures/1"\n[[failure]]\nvector = "a-b"\ndecoder = "x"\nreason = "known"\nexpires = 2030-01-01\n',
    b'format = "nnc-expected-failures/1"\n',
)
POLICY = Path(certificate_module.__file__).with_name("policy.toml")
PIPELINES = (
    b"- batch_norm_folding\n- local_scaling\n",
    b"held: held.npz\nclasses: true\ntools:\n  - {tool: sparsification, thresholds: [0.01, 2e-2]}\n"
    b'  - {tool: low_rank, mse_thresholds: [1e-4]}\n  - {tool: local_scaling, tensors: ["conv*"], train: {epochs: 3}}\n',
)


@cache
def streams() -> tuple[bytes, ...]:
    """Small published streams, good and bad."""
    found = [path.read_bytes() for level in ("core", "negative") for path in sorted(built_in_root().glob(f"{level}/*/stream.nnr"))]
    return tuple(stream for stream in found if 0 < len(stream) <= MOST_STREAM)


@cache
def sessions() -> tuple[tuple[bytes, ...], ...]:
    """Small published sessions, good ones."""
    found = {}
    for level in ("core", "inferred"):
        for path in sorted(built_in_root().glob(f"{level}/*/step-0.nnr")):
            if path.parent.name.startswith("bad-"):
                continue
            files = sorted(path.parent.glob("step-*.nnr"), key=lambda file: int(file.stem.partition("-")[2]))
            found[path] = tuple(file.read_bytes() for file in files)
    small = [made for made in found.values() if len(made) <= MOST_STEPS and sum(map(len, made)) <= MOST_STREAM]
    return tuple(small[:: 1 + len(small) // MOST_SESSIONS])


def joined_sessions() -> list[bytes]:
    """As their target wants them."""
    return [joined(made, lenient=bool(number % 2)) for number, made in enumerate(sessions())]


def codewords() -> list[bytes]:
    numbers = np.random.default_rng(19)
    made = []
    for dq in (False, True):
        for scan in (0, 1, 3):
            for unary in (1, 10):
                quants = numbers.integers(-9, 9, 35) * (numbers.random(35) < 0.6)
                content = Coded(quants).content(TensorCoding(5, 7, scan, dq, unary, 0))
                indexes = content.indexes.reshape(5, 7)
                payload = encode_indices(indexes, dq=dq, scan_order=scan, unary_length=unary, parameter_sets="default")
                made.append(bytes([4, 6, scan | dq << 3, unary - 1]) + payload)
    return made


def models() -> list[bytes]:
    made = (topology_models.nested(), topology_models.constant_forms(), topology_models.loop_and_scan(), topology_models.with_function())
    return [model.SerializeToString() for model in made]


def models_with_external_data() -> list[bytes]:
    """Models whose one tensor lies in a file: the model's own, which the target makes."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", scratch(os.getpid()).name), ("offset", "4"), ("length", "24")):
        tensor.external_data.add(key=key, value=value)
    return [helper.make_model(helper.make_graph([], "g", [], [], [tensor])).SerializeToString()]


def torch_programs() -> list[bytes]:
    """A program with a weight, a constant, an operator and an expression of sizes."""
    sized = torch_programs_made.node("torch.ops.aten.view.default", as_expr={"expr_str": "2*Symbol('s0') + 1", "hint": None})
    constants = {"c": torch_programs_made.row("tensor_0")}
    files = {"data/constants/tensor_0": torch_programs_made.WEIGHTS.tobytes()}
    return [torch_programs_made.program(), torch_programs_made.program(nodes=[sized], constants=constants, files=files)]


def keras_configurations() -> list[bytes]:
    """A model with layers, an operation, an initializer and a vocabulary."""
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["x", 0, 0]}}
    start = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}}
    layers = [
        {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 3, "kernel_initializer": start}},
        {"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "l", "vocabulary": ["a", "b"], "num_oov_indices": 1}},
        {"module": "keras.src.ops.numpy", "class_name": "Add", "config": {}, "inbound_nodes": [{"args": [tensor, 1.0], "kwargs": {}}]},
    ]
    return [json.dumps({"module": "keras", "class_name": "Functional", "config": {"name": "m", "layers": layers}}).encode()]


def keras_weights() -> list[bytes]:
    """Arrays in groups, in one chunk or compressed in several, as Keras writes them."""
    made = []
    for options in ({}, {"chunks": (2, 3), "compression": "gzip"}):
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file.create_dataset("layers/dense/vars/0", data=np.ones((4, 3), np.float32), **options)
            file.create_dataset("layers/dense/vars/1", data=np.zeros(3, np.float32))
            file.attrs["keras_version"] = "3"
        made.append(out.getvalue())
    return made


def base_files_joined() -> list[bytes]:
    """Sessions, and the state after a base with a stream after it."""
    first, *later = next(made for made in sessions() if len(made) == 2)
    model = decode(first, base=BaseModel()).model
    assert model is not None
    state = dump_state(SessionState().after(first, model))
    return [*joined_sessions()[::8], joined([state, *later], lenient=False), joined([state], lenient=False)]


def states() -> list[bytes]:
    """The state after a base, and an empty one."""
    first = decode(encode(support.TENSORS), base=BaseModel())
    assert first.model is not None
    return [dump_state(SessionState()), dump_state(SessionState().after(b"stream", first.model))]


def public_keys() -> list[bytes]:
    return [KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)]


def signatures() -> list[bytes]:
    return [canonical(DetachedSignature(sha256=PACKAGE_SHA256, signature=sign(Purpose.PACKAGE, PACKAGE_SHA256, KEY)))]


def shard_indexes() -> list[bytes]:
    """An index whose one tensor lies in a file: the index itself, which the target makes."""
    return [json.dumps({"metadata": {"total_size": 4}, "weight_map": {"w": scratch(os.getpid()).name}}).encode()]


def nnef_archives() -> list[bytes]:
    """A model with a graph and two tensors, in three forms of tar."""
    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for name, data in zip(("graph.nnef", "w.dat", "b.dat"), (containers.GRAPH, *containers.NNEF_TENSORS), strict=True):
                member = tarfile.TarInfo(name)
                member.size, member.pax_headers = len(data), {"comment": "x"}
                archive.addfile(member, io.BytesIO(data))
        made.append(out.getvalue())
    return made


def packages() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        support.write_suite(work / "suite", support.good_vectors(1))
        build(work / "suite", work / "package.tar")
        return [(work / "package.tar").read_bytes()]


def certificates() -> list[bytes]:
    made = seal(certificate_bodies.body_of(), Purpose.CERTIFICATE, None)
    made = Certificate(body=made.body, seal=made.seal)
    return [canonical_text(made).encode(), render_certificate(made).encode()]


def carried_models() -> list[bytes]:
    """By the format's letter, as the target wants it."""
    return [b"s" + containers.safetensors(), b"o" + containers.onnx_model(), b"n" + containers.NNEF[METADATA_FILE]]


def withdrawal_lists() -> list[bytes]:
    withdrawn = WithdrawnVector(vector="good-0", revision=1, reason="its shape was wrong")
    body = WithdrawalsBody(serial=1, date=certificate_bodies.DAY, vectors=(withdrawn,), certificates=())
    return [canonical_text(seal(body, Purpose.WITHDRAWALS, KEY)).encode()]


def answers() -> list[bytes]:
    made = (
        StartedAnswer(type="started", protocol="nnc-worker/1"),
        DecodedAnswer(type="decoded", id="7"),
        RefusedAnswer(type="refused", id="7", category="syntax", unit=1, byte=9, message="no"),
        UnsupportedAnswer(type="unsupported", id="7"),
    )
    return [answer.model_dump_json().encode() for answer in made]


def result_files() -> list[bytes]:
    made = report_documents.document(*report_documents.every_outcome())
    return [results_text(made).encode(), json.dumps(json.loads(results_text(made))).encode()]


def tensor_files() -> list[bytes]:
    return [dump_safetensors(support.TENSORS), dump_npz(support.TENSORS)]


MAKERS: dict[str, Callable[[], Sequence[bytes]]] = {
    "reader": lambda: [bytes([lenient]) + stream for stream in streams() for lenient in (0, 1)],
    "sessions": joined_sessions,
    "base models": base_files_joined,
    "validated streams": lambda: [*joined_sessions()[::2], *(joined([stream], lenient=False) for stream in streams()[::20])],
    "entropy decoder": codewords,
    "ONNX topology": models,
    "ONNX external data": models_with_external_data,
    "PyTorch programs": torch_programs,
    "Keras configurations": keras_configurations,
    "Keras weights": keras_weights,
    "NNEF topology": lambda: NNEF,
    "NNEF tensors": lambda: containers.NNEF_TENSORS,
    "NNEF archives": nnef_archives,
    "carried models": carried_models,
    "tensor files": tensor_files,
    "state files": states,
    "package verify": packages,
    "certificate verify": certificates,
    "withdrawals": withdrawal_lists,
    "policies": lambda: [POLICY.read_bytes()],
    "public keys": public_keys,
    "signatures": signatures,
    "shard indexes": shard_indexes,
    "results parser": result_files,
    "decoder files": lambda: DECODER_FILES,
    "encoder files": lambda: ENCODER_FILES,
    "expected failures": lambda: EXPECTED_FAILURES,
    "worker answers": answers,
    "pipelines": lambda: PIPELINES,
}


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Good inputs of a target."""
    return tuple(MAKERS[target]())
