"""Good inputs of each target, small, the same on every machine."""

import json
import tempfile
from functools import cache
from pathlib import Path

import certificate_bodies
import numpy as np
import report_documents
import topology_models
from fuzzing.targets import TARGETS
from hostile import support

from nnc_conformance.reference.entropy.indices import encode_indices
from nnc_conformance.reports.certification.certificate import Certificate
from nnc_conformance.reports.certification.page import render_certificate
from nnc_conformance.storage.npz_format import dump_npz
from nnc_conformance.storage.package_build import build
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.sealed import canonical_text, seal
from nnc_conformance.storage.signing import Purpose
from nnc_conformance.storage.suite_folder import built_in_root
from nnc_conformance.suites.result_files import results_text

MOST_STREAM = 512
"""Bytes of a stream to begin with."""
NNEF = (
    b"version 1.0;\ngraph net(x) -> (y)\n{\n    x = external(shape = [1, 3, 8, 8]);\n    w = variable(shape = [4, 3], label = 'a/w');\n}\n",
    b"w = variable<scalar>(label = \"w\", shape = [2,]); # variable(shape=[1],label='no')\n",
)


@cache
def streams() -> tuple[bytes, ...]:
    """Small published streams, good and bad."""
    found = [path.read_bytes() for level in ("core", "negative") for path in sorted(built_in_root().glob(f"{level}/*/stream.nnr"))]
    return tuple(stream for stream in found if 0 < len(stream) <= MOST_STREAM)


def codewords() -> list[bytes]:
    numbers = np.random.default_rng(19)
    made = []
    for dq in (False, True):
        for scan in (0, 1, 3):
            for unary in (1, 10):
                indexes = numbers.integers(-9, 9, (5, 7)) * (numbers.random((5, 7)) < 0.6)
                payload = encode_indices(indexes, dq=False, scan_order=scan, unary_length=unary, parameter_sets="default")
                made.append(bytes([4, 6, scan | dq << 3, unary - 1]) + payload)
    return made


def models() -> list[bytes]:
    made = (topology_models.nested(), topology_models.constant_forms(), topology_models.loop_and_scan(), topology_models.with_function())
    return [model.SerializeToString() for model in made]


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


def result_files() -> list[bytes]:
    made = report_documents.document(*report_documents.every_outcome())
    return [results_text(made).encode(), json.dumps(json.loads(results_text(made))).encode()]


def tensor_files() -> list[bytes]:
    return [dump_safetensors(support.TENSORS), dump_npz(support.TENSORS)]


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Good inputs of a target."""
    makers = {
        "reader": lambda: [bytes([lenient]) + stream for stream in streams() for lenient in (0, 1)],
        "entropy decoder": codewords,
        "ONNX topology": models,
        "NNEF topology": lambda: list(NNEF),
        "package verify": packages,
        "certificate verify": certificates,
        "results parser": result_files,
        "tensor files": tensor_files,
    }
    assert makers.keys() == TARGETS.keys()
    return tuple(makers[target]())
