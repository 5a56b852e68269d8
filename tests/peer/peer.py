"""Drives the independent codec `nncodec` (PyPI) as a black box.

Run it with its own environment's Python.

    peer.py version
    peer.py decode STREAM OUT.safetensors
    peer.py encode IN.safetensors OUT.nnr [KEY=VALUE ...]
    peer.py serve
        JSON lines on stdin, one JSON line each on stdout, {"ok": true} or
        {"ok": false, "error": "..."}: {"op": "load"} imports the codec,
        {"op": "decode", "stream": F, "output": F},
        {"op": "encode", "input": F, "output": F, "options": {...}}, {"op": "stop"}
    peer.py time IN.safetensors OUT.safetensors [qp=N] [dq=0|1] [scan=N] [unary=N]
                 [search=0|1] [rounds=N]
        times the bare compiled core on the float32 tensor "x" (2-D or more): prints
        {"encode": [seconds], "decode": [seconds]}; OUT gets "q" (int32: what a decoder gives,
        doubled for dq), "payload" (uint8: flags, indexes, terminate) and, with scan > 0,
        "entry_points"; density 2, no rate-distortion optimisation
    peer.py time-encode IN.safetensors OUT.nnr [rounds=N] [KEY=VALUE ...]
        times encoding through the public interface, after one round that is not counted: prints
        {"encode": [seconds]}
    peer.py time-update IN.safetensors [dq=0|1] [unary=N] [hdsp=0|1] [rounds=N]
        times the bare compiled core on the payload of one tensor of an update: prints
        {"decode": [processor seconds]}; IN has "payload", "q" (what it must decode to), "seen" (int8), and
        with TCA "base"

Options of encode: qp, nonweight_qp, qp_density, use_dq, codebook_mode (0 none, 1, 2), scan_order,
cabac_unary_length_minus1, lambda_scale (0: no rate-distortion optimisation), param_opt (search of
parameter sets), profile (0, the default here, is the first edition), and blocks =
{"block_identifier": {name: block}, "parameter_type": {name: type}} with the types weight,
weight.ls, bias, bn.beta, bn.gamma, bn.mean, bn.var (the LS tensor of X is called X_scaling), which
makes NNR_PT_BLOCK units.

Its published wheel imports data-set and web packages it does not need to code a tensor: absent ones
are replaced by empty stand-ins.
"""

import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from unittest import mock

import numpy as np
from safetensors.numpy import load_file, save_file

OPTIONAL: Final = frozenset(
    (
        "cv2",
        "datasets",
        "flwr",
        "h5py",
        "hydra",
        "matplotlib",
        "omegaconf",
        "pandas",
        "PIL",
        "psutil",
        "ptflops",
        "requests",
        "scipy",
        "sentencepiece",
        "sklearn",
        "tensorflow",
        "timm",
        "tinydb",
        "torchmetrics",
        "torchvision",
        "tqdm",
        "transformers",
        "wandb",
        "webdataset",
    )
)


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds any module of `OPTIONAL` that nobody else finds, and makes it a mock."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".", maxsplit=1)[0] in OPTIONAL:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module: ModuleType = mock.MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def load(name: str) -> Any:
    """A module of the codec, imported in silence."""
    with contextlib.redirect_stdout(io.StringIO()):
        return importlib.import_module(f"nncodec.{name}")


def decode(stream: str, output: str) -> None:
    """Decodes a stream into tensors by name."""
    nnc = load("nnc")
    with contextlib.redirect_stdout(io.StringIO()):
        decoded = nnc.decompress(bytearray(Path(stream).read_bytes()))
    save_file({name: np.ascontiguousarray(array) for name, array in decoded.items()}, output)


@contextlib.contextmanager
def first_edition(profile: int) -> Iterator[None]:
    """Within this context the codec writes a profile, 0 without later-edition elements."""
    coder = load("nnc_core").coder
    codec_encode = coder.encode

    def encode_profile(enc_info: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        enc_info["general_profile_idc"] = profile
        if profile == 0:
            enc_info.update(mps_parent_signalling_enabled_flag=0, parent_node_id_present_flag=0, node_id_present_flag=0)
        return codec_encode(enc_info, *args, **kwargs)

    coder.encode = encode_profile
    try:
        yield
    finally:
        coder.encode = codec_encode


def compress(parameters: dict[str, Any], output: str, options: dict[str, Any]) -> bytes:
    """Encodes tensors by name; the codec also writes the file ``output``."""
    options = {"row_skipping": False, **options}
    blocks = options.pop("blocks", None)
    with contextlib.redirect_stdout(io.StringIO()):
        stream = load("nnc").compress(parameters, block_id_and_param_type=blocks, bitstream_path=output, return_bitstream=True, **options)
    return bytes(stream)


def encode(source: str, output: str, options: dict[str, Any]) -> None:
    """Encodes tensors by name into a stream."""
    options = dict(options)
    with first_edition(options.pop("profile", 0)):
        Path(output).write_bytes(compress(load_file(source), output, options))


def encode_times(source: str, output: str, rounds: int = 3, **options: Any) -> dict[str, list[float]]:
    """Processor seconds of each round of encoding through the public interface; ``output`` gets a stream."""
    parameters = load_file(source)
    seconds = []
    with first_edition(0):
        stream = compress(parameters, output, options)
        for _ in range(rounds):
            start = time.thread_time()
            compress(parameters, output, options)
            seconds.append(time.thread_time() - start)
    Path(output).write_bytes(stream)
    return {"encode": seconds}


def bare_core() -> Any:
    """The compiled core alone, without the Python around it."""
    package = importlib.util.find_spec("nncodec")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("nncodec")
    (library,) = (Path(package.origin).parent / "extensions").glob("deepCABAC*.so")
    spec = importlib.util.spec_from_file_location("deepCABAC", library)
    if spec is None or spec.loader is None:
        raise ImportError(str(library))
    core = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(core)
    return core


def core_times(
    source: str, target: str, qp: int = -24, dq: int = 0, scan: int = 0, unary: int = 10, search: int = 1, rounds: int = 9
) -> dict[str, list[float]]:
    """Seconds of each round of encoding and decoding one tensor."""
    core = bare_core()
    x = load_file(source)["x"]
    q = np.zeros(x.shape, np.int32)
    off: list[Any] = [core.HdspMode.AlwaysOff, np.zeros(0, dtype=np.int8)]
    quantizer = core.Encoder()
    quantizer.initCtxModels(unary, 0)
    quantizer.quantLayer(x, q, dq, 2, qp, 0.0, unary, scan, 0)

    def write() -> Any:
        encoder = core.Encoder()
        encoder.initCtxModels(unary, search)
        encoder.encodeLayer(q, dq, scan, 0, 0, 0, np.zeros(len(q), np.int32), *off, 0, 0)
        return np.frombuffer(encoder.finish().tobytes(), np.uint8).copy()

    def reader() -> Any:
        decoder = core.Decoder()
        decoder.setStream(payload)
        decoder.initCtxModels(unary)
        return decoder

    def read() -> Any:
        out, decoder = np.zeros(q.shape, np.int32), reader()
        if scan:
            decoder.setEntryPoints(points)
        decoder.decodeLayer(out, dq, scan, 0, 0, *off, 0, 0)
        return out

    payload = write()
    points: Any = np.zeros(0, np.uint64)
    if scan:
        points = reader().decodeLayerAndCreateEPs(np.zeros(q.shape, np.int32), dq, scan, 0, 0, *off, 0, 0)
    if not np.array_equal(read(), q):
        raise RuntimeError("the peer does not decode its own payload")
    save_file({"q": q, "payload": payload, "entry_points": np.asarray(points, np.uint64)}, target)
    seconds: dict[str, list[float]] = {"encode": [], "decode": []}
    for _ in range(rounds):
        for direction, work in (("encode", write), ("decode", read)):
            start = time.perf_counter()
            work()
            seconds[direction].append(time.perf_counter() - start)
    return seconds


def update_times(source: str, dq: int = 0, unary: int = 10, hdsp: int = 0, rounds: int = 3) -> dict[str, list[float]]:
    """Processor seconds of each round of decoding one tensor of an update.

    ``source`` holds the payload, the indexes q that it must decode to, and what earlier updates
    left: base, only with TCA, and seen.
    """
    core = bare_core()
    tensors = load_file(source)
    mode = core.HdspMode.TensorOn if hdsp else core.HdspMode.TensorOff
    after = (dq, 0, 1, 1, mode, tensors["seen"].reshape(-1), 0, 0)

    def read() -> Any:
        out, decoder = np.zeros(tensors["q"].shape, np.int32), core.Decoder()
        decoder.setStream(tensors["payload"])
        decoder.initCtxModels(unary)
        if "base" in tensors:
            decoder.decodeLayer2(out, tensors["base"], *after)
        else:
            decoder.decodeLayer(out, *after)
        return out

    if not np.array_equal(read(), tensors["q"]):
        raise RuntimeError("the peer decodes other indexes")
    seconds = []
    for _ in range(rounds):
        start = time.thread_time()
        read()
        seconds.append(time.thread_time() - start)
    return {"decode": seconds}


def perform(job: dict[str, Any]) -> None:
    """One job of `serve`."""
    if job["op"] == "load":
        load("nnc")
    elif job["op"] == "decode":
        decode(job["stream"], job["output"])
    elif job["op"] == "encode":
        encode(job["input"], job["output"], job.get("options", {}))
    else:
        raise ValueError(f"no operation {job['op']!r}")


def serve() -> None:
    """Answers jobs until asked to stop; what the codec prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        if job["op"] == "stop":
            break
        result: dict[str, Any] = {"ok": True}
        try:
            perform(job)
        except (Exception, SystemExit) as error:  # the codec also leaves by SystemExit
            result = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), file=answers, flush=True)


def main(arguments: list[str]) -> None:
    """The command line."""
    verb, *rest = arguments or [""]
    options = {key: ast.literal_eval(value) for key, value in (word.split("=", 1) for word in rest[2:])}
    if verb == "version":
        load("nnc")
        print("nncodec", version("nncodec"))
    elif verb == "decode":
        decode(*rest)
    elif verb == "encode":
        encode(rest[0], rest[1], options)
    elif verb == "time":
        print(json.dumps(core_times(rest[0], rest[1], **options)))
    elif verb == "time-update":
        updated = {key: ast.literal_eval(value) for key, value in (word.split("=", 1) for word in rest[1:])}
        print(json.dumps(update_times(rest[0], **updated)))
    elif verb == "time-encode":
        print(json.dumps(encode_times(rest[0], rest[1], **options)))
    elif verb == "serve":
        serve()
    else:
        sys.exit(__doc__)


sys.meta_path.append(StandIn())

if __name__ == "__main__":
    main(sys.argv[1:])
