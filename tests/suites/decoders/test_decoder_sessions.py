"""Decoders of every kind are given sessions, and whatever they do, each step has its execution."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.sampling import sampled
from helpers.update_sessions import SEQUENCES, bits_of
from hostile import support

from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.decoders.host import KILLED_ONCE, DecoderHost
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.decoders.protocol import WorkerProtocol
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.sandbox.limits import Limits

TENSORS = [{"a": np.array([step, -step], "<i4")} for step in range(3)]
STREAMS = [support.GOOD + dump_safetensors(tensors) for tensors in TENSORS]
MODELS = [TENSORS[0], TENSORS[0], TENSORS[1]]
"""What the toy decoders give as the model after each step."""
ALL_OF_IT = ("apply-updates", "second-edition", "updates")


def spec(kind: DecoderKind, *words: str, protocol: WorkerProtocol = WorkerProtocol.SINGLE) -> DecoderSpec:
    return DecoderSpec(name="toy", kind=kind, argument="", command=words, capabilities=ALL_OF_IT, protocol=protocol)


def python(function: str) -> DecoderSpec:
    words = (*load_decoder("in-tree").command[:-1], f"hostile_function:{function}", str(support.HERE))
    return spec(DecoderKind.PYTHON, *words, protocol=WorkerProtocol.SESSIONS)


def worker(fault: str) -> DecoderSpec:
    script = str(support.HERE / "session_worker.py")
    return spec(DecoderKind.WORKER, sys.executable, "-S", script, fault, protocol=WorkerProtocol.SESSIONS)


COMMAND = spec(DecoderKind.COMMAND, sys.executable, "-S", str(support.HERE / "session_toy.py"), "{output}", "{model}", "{streams}")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DecoderHost]:
    with DecoderHost(Limits(wall_seconds=30), tmp_path_factory.mktemp("scratch")) as host:
        yield host


def endings(executions: list[Execution]) -> list[DecoderEnding]:
    return [execution.ending for execution in executions]


def assert_decoded(executions: list[Execution], models: bool = True) -> None:
    assert endings(executions) == [DecoderEnding.DECODED] * len(STREAMS), executions[-1]
    for execution, tensors, model in zip(executions, TENSORS, MODELS, strict=True):
        assert execution.tensors is not None
        assert bits_of(execution.tensors) == bits_of(tensors)
        assert (execution.model is not None) is models
        assert not models or bits_of(execution.model or {}) == bits_of(model)


@pytest.mark.parametrize("decoder", [COMMAND, worker("none")], ids=["command", "worker"])
def test_each_step_is_decoded_with_the_streams_before_it(host: DecoderHost, decoder: DecoderSpec) -> None:
    assert_decoded(host.decode_session(decoder, STREAMS))
    assert_decoded(host.decode_session(decoder, STREAMS))


def test_a_function_gets_the_streams_so_far_and_may_give_the_model(host: DecoderHost) -> None:
    executions = host.decode_session(python("sessions"), STREAMS)
    assert [bits_of(execution.tensors or {}) for execution in executions] == list(map(bits_of, TENSORS))
    assert [bits_of(execution.model or {}) for execution in executions] == [bits_of(TENSORS[0])] * 3
    assert_decoded(host.decode_session(python("stream_or_sessions"), STREAMS), models=False)


def test_a_function_gets_bytes_outside_sessions(host: DecoderHost) -> None:
    assert host.decode(python("stream_or_sessions"), STREAMS[1]).ending is DecoderEnding.DECODED
    assert host.decode(python("good"), STREAMS[1]).ending is DecoderEnding.DECODED


@pytest.mark.parametrize("decoder", [COMMAND, worker("none"), python("sessions")], ids=["command", "worker", "python"])
def test_a_session_ends_with_the_step_that_is_refused(host: DecoderHost, decoder: DecoderSpec) -> None:
    executions = host.decode_session(decoder, [STREAMS[0], support.BAD, STREAMS[2]])
    assert endings(executions) == [DecoderEnding.DECODED, DecoderEnding.REFUSED]
    assert endings(host.decode_session(decoder, STREAMS[:1])) == [DecoderEnding.DECODED]


@pytest.mark.parametrize("decoder", [COMMAND, worker("none")], ids=["command", "worker"])
def test_a_single_stream_is_a_session_of_one_step(host: DecoderHost, decoder: DecoderSpec) -> None:
    execution = host.decode(decoder, STREAMS[2])
    assert bits_of(execution.tensors or {}) == bits_of(TENSORS[2])


def test_the_model_is_asked_only_of_apply_updates(host: DecoderHost) -> None:
    for decoder in (COMMAND, worker("none")):
        executions = host.decode_session(decoder.model_copy(update={"capabilities": ("second-edition", "updates")}), STREAMS)
        assert endings(executions) == [DecoderEnding.DECODED] * 3
        assert {execution.model is None for execution in executions} == {True}


def test_a_decoder_without_sessions_decodes_one_stream_and_no_more(host: DecoderHost, tmp_path: Path) -> None:
    for argument in (support.command("toy.py"), support.worker(tmp_path, "toy_worker.py")):
        decoder = load_decoder(argument)
        assert endings(host.decode_session(decoder, STREAMS[:1])) == [DecoderEnding.DECODED]
        (execution,) = host.decode_session(decoder, STREAMS)
        assert execution.ending is DecoderEnding.UNSUPPORTED


@pytest.mark.parametrize("name", ["by-the-peer/k-all-thrp-dq1-scan1", "by-the-peer/l-thp"])
def test_the_reference_decodes_sessions_of_the_peer(host: DecoderHost, name: str) -> None:
    sequence = SEQUENCES[name]
    executions = host.decode_session(load_decoder("in-tree"), sequence.streams)
    assert [bits_of(execution.tensors or {}) for execution in executions] == list(map(bits_of, sequence.tensors))


HOSTILE: dict[str, tuple[DecoderEnding, Fault, str]] = {
    "answers for another session": (DecoderEnding.PROTOCOL, Fault.ANSWER_ID, "an answer carries another session than its request: 'other'"),
    "answers for another step": (DecoderEnding.PROTOCOL, Fault.ANSWER_ID, "an answer carries another step than its request: 0, not 1"),
    "answers with the id of the step before": (DecoderEnding.PROTOCOL, Fault.ANSWER_ID, "an answer carries the id of another request"),
    "dies": (DecoderEnding.CRASH, Fault.EXIT_CODE, "exit code 3 in place of an answer"),
    "answers twice": (DecoderEnding.PROTOCOL, Fault.ANSWER_TWICE, "it wrote more than one answer to a request"),
    "hangs": (DecoderEnding.TIMEOUT, Fault.TIMEOUT, "longer than 1.5 s"),
    "moves its folder": (DecoderEnding.PROTOCOL, Fault.OUTPUT_MISSING, "no output was written"),
    "leaves a pipe": (DecoderEnding.PROTOCOL, Fault.FOLDER_REPLACED, "stream 2 cannot be written into the case's folder: File exists"),
    "writes the output of the step before": (DecoderEnding.PROTOCOL, Fault.OUTPUT_MISSING, "no output was written"),
}


@pytest.mark.parametrize(("fault", "ending", "kind", "message"), sampled([(name, (name, *found)) for name, found in HOSTILE.items()], 2))
def test_a_hostile_worker_loses_its_session_and_no_other(
    tmp_path: Path, fault: str, ending: DecoderEnding, kind: Fault, message: str
) -> None:
    limits = Limits(wall_seconds=1.5 if ending is DecoderEnding.TIMEOUT else 30)
    with DecoderHost(limits, tmp_path) as host:
        for _ in range(2):
            *decoded, last = host.decode_session(worker(fault), STREAMS)
            assert {execution.ending for execution in decoded} == {DecoderEnding.DECODED}
            assert (last.ending, last.fault) == (ending, kind), last.message
            assert last.message.startswith(message)
            assert_decoded(host.decode_session(worker("none"), STREAMS))


def test_a_late_model_is_never_that_of_another_step(host: DecoderHost) -> None:
    for _ in range(2):
        first, second, third = host.decode_session(worker("writes its model late"), STREAMS)
        assert first.model is None
        assert third.model is None
        assert second.ending is DecoderEnding.DECODED
        assert second.model is None


def test_a_model_that_cannot_be_read_costs_nothing(host: DecoderHost) -> None:
    _, second, third = host.decode_session(worker("writes a spoiled model"), STREAMS)
    assert (second.ending, second.model) == (DecoderEnding.DECODED, None)
    assert second.log.detail.startswith("the model after the step cannot be read: ")
    assert third.model is not None


def test_limits_hold_for_each_step(tmp_path: Path) -> None:
    size = 40_000
    streams = [support.GOOD + dump_safetensors({"a": np.zeros(size, "<i4")}) for _ in range(3)]
    room = Limits(wall_seconds=30, output_bytes=6 * 4 * size)
    with DecoderHost(room, tmp_path) as host:
        assert endings(host.decode_session(worker("none"), streams)) == [DecoderEnding.DECODED] * 3


KILLED_WORKER = """
import json, os, pathlib, sys
mark = pathlib.Path(sys.argv[1])
for line in sys.stdin:
    request = json.loads(line)
    if request["type"] == "stop":
        break
    if request["type"] == "decode":
        times = len(mark.read_text()) if mark.exists() else 0
        if times < int(sys.argv[2]):
            mark.write_text("x" * (times + 1))
            os.kill(os.getpid(), 9)
        pathlib.Path(request["output"]).write_bytes(pathlib.Path(request["stream"]).read_bytes()[4:])
    kind = {"start": "started", "decode": "decoded"}[request["type"]]
    print(json.dumps({**request, "type": kind}), flush=True)
"""


@pytest.mark.parametrize(("kills", "ending"), [(1, DecoderEnding.DECODED), (2, DecoderEnding.CRASH)])
def test_a_case_that_sigkill_ends_is_tried_once_more(host: DecoderHost, tmp_path: Path, kills: int, ending: DecoderEnding) -> None:
    (tmp_path / "killed.py").write_text(KILLED_WORKER)
    words = (sys.executable, "-S", str(tmp_path / "killed.py"), str(tmp_path / "mark"), str(kills))
    execution = host.decode(spec(DecoderKind.WORKER, *words), STREAMS[0])
    assert execution.ending is ending
    assert execution.log.retried == KILLED_ONCE
    assert host.decode(spec(DecoderKind.WORKER, *words), STREAMS[0]).log.retried == ""
