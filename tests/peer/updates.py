"""Drives the independent codec `nncodec` (PyPI) with update sequences of the second edition.

Runs in the environment of peer.py.

    updates.py encode BASE UPDATE1 [UPDATE2 ...] OUT_PREFIX [KEY=VALUE ...]
        BASE is a model, each UPDATE the differences to add to it (.safetensors, float32 or int32; a
        tensor left out counts as zero and is not sent). Writes OUT_PREFIX.k.nnr, the base as 0.
    updates.py decode STREAM [STREAM ...] OUT_PREFIX
        one session, in order: writes OUT_PREFIX.k.safetensors, what the peer decodes from stream k
        itself (of an update: the differences).
    updates.py serve
        JSON lines on stdin, one JSON line each on stdout, {"ok": true, "files": [...]} or
        {"ok": false, "error": "..."}: {"op": "load"} imports the codec,
        {"op": "encode", "base": F, "updates": [F, ...], "prefix": P, "options": {...}},
        {"op": "decode", "streams": [F, ...], "prefix": P}, {"op": "stop"}
        The answer to encode also has "as_meant": per stream, did the peer's decoder get back the
        indexes that its encoder had.

Options of encode (a list gives one value per stream, base first; not for root, device and blocks):
qp, nonweight_qp, qp_density, use_dq, codebook_mode, scan_order, lambda_scale, row_skipping,
cabac_unary_length_minus1, param_opt, tca, hdsp, pre (nnr_pre_flag, a flag, no more), dims (1:
updates carry the dimensions of their NNR_PT_BLOCK units too), root (plain: the base stream is no
parent; depth0: it is, with put_node_depth 0; first: it is, with put_node_depth 1), device
(device_id of all streams) and blocks, as in peer.py.
"""

import ast
import contextlib
import copy
import inspect
import io
import json
import os
import signal
import sys
from pathlib import Path

import peer

DEFAULTS = {
    "qp": -20,
    "nonweight_qp": -30,
    "qp_density": 2,
    "use_dq": False,
    "codebook_mode": 0,
    "scan_order": 0,
    "cabac_unary_length_minus1": 9,
    "lambda_scale": 0,
    "param_opt": True,
    "row_skipping": False,
    "tca": False,
    "hdsp": False,
    "pre": False,
    "dims": False,
    "root": "plain",
    "device": 0,
    "blocks": None,
}
SECONDS = 20  # for one call: the peer never ends on some input
HELP = {"dims": {}, "in_band": False, "meant": {}, "got": {}}


def load():
    """The peer, with its front end helped where it stops short of what its own core can do."""
    if "peer" in HELP:
        return HELP["peer"]
    import numpy as np

    nnc, core = peer.load("nnc"), peer.load("nnc_core")
    from nncodec.nnc_core import hls
    from nncodec.nnc_core.coder import syntax_compiler
    from nncodec.nnc_core.hdsp.hdsp_tool import HdspTool

    encode, decode, lps = core.coder.encode, core.coder.decode, hls.Coder.nnr_layer_parameter_set_unit_payload
    compile_ndu, compile_oob = syntax_compiler.compile_ndu, syntax_compiler.compile_ndu_oob

    def indexes(data):
        return {name: np.array(value) for name, value in data["parameters"].items()}

    def helped_encode(enc_info, model_info, approx_data, *args, **kwargs):
        HELP["meant"] = indexes(approx_data)
        return encode(enc_info, model_info, approx_data, *args, **kwargs)

    def helped_decode(bitstream, model_info, *args, **kwargs):  # tensor_dimensions_flag 0: the shapes known from earlier streams
        model_info["parameter_dimensions"].update(HELP["dims"])
        out = decode(bitstream, model_info, *args, **kwargs)
        HELP["got"] = indexes(out)
        return out

    def helped_ndu(*args, **kwargs):
        if HELP["in_band"] and kwargs.get("tensor_dims") is None:
            kwargs["tensor_dims"] = kwargs["model_info"]["parameter_dimensions"][kwargs["param"] or kwargs["block_access"].w]
        return compile_ndu(*args, **kwargs)

    def helped_oob(tensor_dims=None, *args, **kwargs):
        return compile_oob(None if HELP["in_band"] else tensor_dims, *args, **kwargs)

    def helped_lps(self):  # an NNR_LPS has no such flag; the peer asks for it
        lps(self)
        self._Coder__seDict["lps_decomposition_performance_map_flag"] = 0

    core.coder.encode, core.coder.decode = helped_encode, helped_decode
    syntax_compiler.compile_ndu, syntax_compiler.compile_ndu_oob = helped_ndu, helped_oob
    hls.Coder.nnr_layer_parameter_set_unit_payload = helped_lps
    core.approximator.recompose_params = lambda model_info, data: data  # DC: G and H by their own names; the peer fails to multiply them
    HELP["peer"] = nnc, core, HdspTool
    return HELP["peer"]


@contextlib.contextmanager
def bounded():
    """Silences the peer and ends a call that takes too long."""

    def stop(*_):
        raise TimeoutError(f"the peer took more than {SECONDS} s")

    old = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


class Session:
    """What a receiver keeps between streams: the last indexes and depths, the history of significance, the shapes."""

    def __init__(self, device=0):
        self.nnc, self.core, tool = load()
        self.parents = {"parameters": {}, "put_node_depth": {}, "device_id": device, "parameter_id": {}}
        self.history = tool(True)
        HELP["dims"] = {}

    def first_header(self, data):
        """The header of the first NDU, {} if there is none or the peer cannot say."""
        with contextlib.suppress(Exception), bounded():
            return self.core.coder.decode_ndu_unit_header(bytearray(data), {"performance_maps": {}}) or {}
        return {}

    def decode(self, data):
        import numpy as np

        head = self.first_header(data)
        keep = {"approx_param_base": self.parents, "update_base_param": True}
        with bounded():
            if "device_id" not in head:  # first edition, or no node id: the peer keeps no history of it
                out = self.nnc.decompress(bytearray(data))
            elif head.get("mps_parent_signalling_enabled_flag"):
                further = {"hdsp_tool": self.history, "return_hls": True}
                taken = inspect.signature(self.nnc.decompress).parameters  # releases before 2.1 have no such history
                out = self.nnc.decompress(bytearray(data), **keep, **{name: value for name, value in further.items() if name in taken})
                out = out[0] if "return_hls" in taken else out
            else:  # a base: the peer counts depths from 1, whatever the header says
                out = self.nnc.decompress(bytearray(data), **keep)
                self.parents["put_node_depth"].update({name: int(head["put_node_depth"]) for name in HELP["got"]})
        HELP["dims"].update({name: list(value.shape) for name, value in out.items()})
        return {name: np.ascontiguousarray(value, np.float32 if value.dtype == np.float64 else None) for name, value in out.items()}


def decode(streams, prefix):
    from safetensors.numpy import save_file

    session, files = Session(), []
    for k, stream in enumerate(streams):
        try:
            tensors = session.decode(Path(stream).read_bytes())
        except (Exception, SystemExit) as error:  # the peer also leaves by SystemExit
            raise RuntimeError(f"stream {k}: {one_line(error)}") from None
        files.append(f"{prefix}.{k}.safetensors")
        save_file(tensors, files[-1])
    return {"ok": True, "files": files}


def encode(base, updates, prefix, options):
    import numpy as np
    from safetensors.numpy import load_file

    unknown = sorted(set(options) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"no such option: {', '.join(unknown)}")
    options = {**DEFAULTS, **options}
    root, device, blocks = (options.pop(k) for k in ("root", "device", "blocks"))
    if root not in ("plain", "depth0", "first"):
        raise ValueError("root is plain, depth0 or first")
    session, files, meant, zeros = Session(device), [], [], {}
    empty = copy.deepcopy(session.parents)
    for k, source in enumerate([base, *updates]):
        step = {}
        for name, value in options.items():
            if isinstance(value, list) and len(value) != len(updates) + 1:
                raise ValueError(f"{name}: a list needs one value for each of the {len(updates) + 1} streams")
            value = value[k] if isinstance(value, list) else value
            step[name] = bool(value) if isinstance(DEFAULTS[name], bool) else value
        tca, hdsp, pre, dims = (step.pop(name) for name in ("tca", "hdsp", "pre", "dims"))
        if k == 0:
            step["approx_param_base"] = copy.deepcopy(empty) if root == "first" else None
        else:
            step.update(compress_differences=True, tca=tca, pre_signalling=pre, approx_param_base=copy.deepcopy(session.parents))
            if hdsp:  # the encoder is given the decoder's history: its own can lose step
                step["hdsp_tool"] = copy.deepcopy(session.history)
        HELP["in_band"] = dims and k > 0
        try:
            tensors = {**zeros, **load_file(source)}  # all of them, in one order: the peer numbers parameter_id by the place
            zeros = {name: np.zeros_like(value) for name, value in tensors.items()}
            with bounded():
                data = bytes(
                    session.nnc.compress(
                        tensors,
                        block_id_and_param_type=copy.deepcopy(blocks),
                        device_id=device,
                        bitstream_path=None,
                        return_bitstream=True,
                        **step,
                    )
                )
            sent = HELP["meant"]
            session.decode(data)
        except (Exception, SystemExit) as error:
            raise RuntimeError(f"stream {k}: {one_line(error)}") from None
        finally:
            HELP["in_band"] = False
        if k == 0 and root == "plain":
            session.parents = empty  # the shapes stay, the indexes are no parent
        files.append(f"{prefix}.{k}.nnr")
        Path(files[-1]).write_bytes(data)
        meant.append(all(np.array_equal(value, sent.get(name)) for name, value in HELP["got"].items()))
    return {"ok": True, "files": files, "as_meant": meant}


def one_line(error):
    text = " ".join(str(error).split())
    return text if isinstance(error, RuntimeError) and text.startswith("stream ") else f"{type(error).__name__}: {text}"[:300]


def answer(work, *args):
    try:
        return work(*args)
    except (Exception, SystemExit) as error:
        return {"ok": False, "error": one_line(error)}


def serve():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints goes to stderr

    def work(line):
        job = json.loads(line)
        if job["op"] == "stop":
            return None
        if job["op"] == "load":
            load()
            return {"ok": True}
        if job["op"] == "encode":
            return encode(job["base"], job["updates"], job["prefix"], job.get("options", {}))
        assert job["op"] == "decode", "op is encode, decode or stop"
        return decode(job["streams"], job["prefix"])

    for line in sys.stdin:
        result = answer(work, line)
        if result is None:
            break
        print(json.dumps(result), file=out, flush=True)


def value_of(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text  # root=plain


def main(argv):
    verb, rest, pairs = argv[0] if argv else "", argv[1:], {}
    while rest and rest[-1].split("=", 1)[0].isidentifier() and "=" in rest[-1]:
        key, text = rest.pop().split("=", 1)
        pairs[key] = value_of(text)
    if verb == "serve" and not rest and not pairs:
        serve()
        return
    if verb == "encode" and len(rest) >= 2:
        result = answer(encode, rest[0], rest[1:-1], rest[-1], pairs)
    elif verb == "decode" and len(rest) >= 2 and not pairs:
        result = answer(decode, rest[:-1], rest[-1])
    else:
        sys.exit(__doc__)
    if not result["ok"]:
        sys.exit(f"updates.py: {result['error']}")
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
