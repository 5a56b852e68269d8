"""State files from strangers and from killed or competing processes: each is taken whole or refused
with a message.
"""

import hashlib
import json
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.update_sessions import SEQUENCES, base_stream, integers, node, stream, update, update_stream

from nnc_conformance.reference import BaseModel, DecodeLimits, Interpretation, decode
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.updates.base_model import BlockRecord
from nnc_conformance.reference.updates.finishing import final_parameters
from nnc_conformance.storage.sessions import Session, SessionError
from nnc_conformance.storage.state_files import (
    MAGIC,
    SessionState,
    StateError,
    dump_state,
    load_session,
    load_state,
    parse_state,
    save_state,
)

BLOCKS = "by-the-peer/n-dcup-hp-dq0"
MISSING: Any = object()
VALUES = (MISSING, None, -1, 0, 1, 7, 2**40 - 1, 2**70, 1.5, "", "x", [], [0], [2**39, 2**39], {}, True)
"""What a header's values are replaced by."""


def begun(name: str) -> tuple[SessionState, list[bytes]]:
    """The session after a sequence's first stream, and the streams after it."""
    first, *others = SEQUENCES[name].streams
    model = decode(first, base=BaseModel()).model
    assert model is not None
    return SessionState().after(first, model), others


def sealed(header: Any, arrays: bytes) -> bytes:
    """A state file of a header, with the right length and checksum."""
    text = json.dumps(header).encode()
    body = MAGIC + struct.pack("<Q", len(text)) + text + arrays
    return body + hashlib.sha256(body).digest()


def parts(state: bytes) -> tuple[Any, bytes]:
    """The header and the arrays of a state file."""
    start = len(MAGIC) + 8
    (size,) = struct.unpack_from("<Q", state, len(MAGIC))
    return json.loads(state[start : start + size]), state[start + size : -32]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a document; of a list the first three."""
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with one value replaced or removed."""
    copy = deepcopy(document)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if value is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return copy


@pytest.mark.parametrize("value", VALUES, ids=lambda value: "missing" if value is MISSING else repr(value))
def test_a_forged_header_is_refused_or_harmless(value: Any) -> None:
    state, (stream, *_) = begun(BLOCKS)
    header, arrays = parts(dump_state(state))
    refused = 0
    for path in places(header):
        try:
            forged = parse_state(sealed(changed(header, path, value), arrays), "x")
            final_parameters(forged.model, recombine=True)
            decoded = decode(stream, base=forged.model)
            assert decoded.model is not None
            final_parameters(decoded.model, recombine=True)
        except NNCError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("arrays", 0, "shape"), [2**39, 2**39], "the header lists"),
        (("arrays", 0, "dtype"), "object", "arrays.0.dtype"),
        (("parameters", "w_G"), 10**6, "has no array"),
        (("parameters", "w_G"), 2**70, "has no array"),
        (("streams",), ["zz"], "streams"),
        (("interpretation", "pre"), "both", "pre"),
    ],
)
def test_what_is_wrong_in_a_header_is_named(path: tuple[Any, ...], value: Any, message: str) -> None:
    header, arrays = parts(dump_state(begun(BLOCKS)[0]))
    with pytest.raises(StateError, match=f"^x: .*{message}"):
        parse_state(sealed(changed(header, path, value), arrays), "x")


def test_a_header_of_another_length_takes_no_memory() -> None:
    data = dump_state(begun(BLOCKS)[0])
    for length in (2**63, 2**40, len(data)):
        with pytest.raises(StateError, match="does not fit the file"):
            parse_state(MAGIC + struct.pack("<Q", length) + data[len(MAGIC) + 8 :], "x")
    deep = b'{"interpretation":' + b"[" * 100_000
    body = MAGIC + struct.pack("<Q", len(deep)) + deep
    with pytest.raises(StateError, match=r"^x: "):
        parse_state(body + hashlib.sha256(body).digest(), "x")
    with pytest.raises(StateError, match="another version; this version reads nnc-state/1"):
        parse_state(b"nnc-state/2\n" + data[len(MAGIC) :], "x")


def test_of_two_sessions_on_one_state_the_later_is_refused(tmp_path: Path) -> None:
    path, out = tmp_path / "s.nncstate", tmp_path / "out"
    first, second, third = base_stream([1, 2]), update_stream([1, 0], update(1)), update_stream([0, 1], update(1))
    opening = Session.begin(path, Interpretation())
    opening.apply(first, "first.nnr")
    with opening.kept():
        pass
    one, other = (Session.begin(path, Interpretation()) for _ in range(2))
    one.apply(second, "second.nnr")
    other.apply(third, "third.nnr")
    with one.kept():
        out.write_bytes(b"one")
    with pytest.raises(StateError, match="changed meanwhile; run the command again"), other.kept():
        out.write_bytes(b"other")
    assert out.read_bytes() == b"one"
    assert load_session(path).streams == (hashlib.sha256(first).hexdigest(), hashlib.sha256(second).hexdigest())


@pytest.mark.slow
def test_of_processes_that_apply_one_stream_at_once_one_succeeds(tmp_path: Path) -> None:
    (tmp_path / "0.nnr").write_bytes(base_stream([1, 2]))
    (tmp_path / "1.nnr").write_bytes(update_stream([1, 0], update(1)))
    words = [sys.executable, "-c", "import sys; from nnc_conformance.cli.main import main; main(sys.argv[1:])", "decode"]
    subprocess.run([*words, "0.nnr", "out.npz", "--state", "s.nncstate"], cwd=tmp_path, check=True, capture_output=True)
    running = [
        subprocess.Popen(
            [*words, "1.nnr", "out.npz", "--state", "s.nncstate"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert sorted(process.returncode for process in running) == [0, 2, 2], errors
    assert all("applied before" in text or "changed meanwhile" in text for text in errors if text)
    state = load_session(tmp_path / "s.nncstate")
    assert len(state.streams) == 2
    assert state.model.parameters["w"].tolist() == [2, 2]


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_a_long_session_ends_at_its_limits_only(count: int) -> None:
    session = Session.begin(None, Interpretation(), limits=DecodeLimits(session_streams=count))
    session.apply(base_stream([0]), "base.nnr")
    session.apply(update_stream([1], update(1)), "1.nnr")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # with the decoder loaded
    for depth in range(2, count):
        session.apply(update_stream([1], update(depth)), f"{depth}.nnr")
    assert session.final_parameters()["w"].tolist() == [count - 1]
    with pytest.raises(SessionError, match=f"last.nnr: a session has at most {count} streams"):
        session.apply(update_stream([1], update(count)), "last.nnr")
    assert session.final_parameters()["w"].tolist() == [count - 1]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "the session keeps more than its last model"


def test_a_session_ends_at_its_bytes() -> None:
    base, later = base_stream([0]), update_stream([1], update(1))
    session = Session.begin(None, Interpretation(), limits=DecodeLimits(session_bytes=len(base) + len(later) - 1))
    session.apply(base, "base.nnr")
    with pytest.raises(SessionError, match=r"later.nnr: a session has at most .* bytes"):
        session.apply(later, "later.nnr")


def test_a_scalar_keeps_its_shape() -> None:
    model = BaseModel(parameters={"s": np.array(3, np.int32)})
    assert parse_state(dump_state(SessionState(model=model)), "x").model.parameters["s"].shape == ()


def test_dimension_shifts_come_back() -> None:
    moves = Interpretation.parse({"dimension_shift": "moves"})
    first = stream(integers([1, 2, 3, 4], [2, 2], node(0), shift=1))
    model = decode(first, base=BaseModel(), interpretation=moves).model
    assert model is not None
    model = replace(model, blocks={"b": BlockRecord(("b", "c"), 1, (2, 3), 1)})
    kept = parse_state(dump_state(SessionState(model, moves)), "x").model
    assert (kept.histories["w"].shift, kept.blocks) == (1, model.blocks)


@pytest.mark.parametrize("name", ["mapping-split", "mapping-split-axis-1", "mapping-shifts"])
def test_a_tensor_of_a_dimension_mapping_comes_back(name: str) -> None:
    """Its history is that of the tensors that were coded as one, which has more elements."""
    (path,) = (Path(__file__).parents[2] / "vectors" / "inferred" / name).glob("*.nnr")
    model = decode(path.read_bytes(), base=BaseModel()).model
    assert model is not None
    kept = parse_state(dump_state(SessionState(model=model)), "x").model
    assert {each: values.tolist() for each, values in kept.parameters.items()} == {
        each: values.tolist() for each, values in model.parameters.items()
    }


@pytest.mark.parametrize("shape", [[2], [2, 1], [1, 1, 2]])
def test_a_parameter_that_is_not_as_it_was_coded_is_refused(shape: list[int]) -> None:
    """NumPy would spread some of these over the update, and fail at others without a name."""
    model = decode(base_stream([1, 2], dims=[1, 2]), base=BaseModel()).model
    assert model is not None
    header, arrays = parts(dump_state(SessionState(model=model)))
    header["arrays"][header["parameters"]["w"]]["shape"] = shape
    session = Session(parse_state(sealed(header, arrays), "x"), None, None, DecodeLimits())
    with pytest.raises(SessionError, match=r"'w' has the shape \(.*\) in the base model, where it was coded as \(1, 2\)"):
        session.apply(update_stream([1, 1], update(1), [1, 2]), "u")


def test_paths_may_be_text(tmp_path: Path) -> None:
    model = BaseModel(parameters={"w": np.float32([1, 2])})
    save_state(model, str(tmp_path / "s.nncstate"))
    assert load_state(str(tmp_path / "s.nncstate")).parameters["w"].tolist() == [1, 2]
