"""Every table and number in docs/decoder-protocol.md, and its schema, agree with the code."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from nnc_conformance.reference.errors import Category
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.vector import CAPABILITIES
from nnc_conformance.suites.decoders import command, load, protocol, worker_host, worker_process
from nnc_conformance.suites.decoders.protocol import WorkerProtocol
from nnc_conformance.suites.decoders.schema import schema
from nnc_conformance.suites.results.fault_table import FAULTS, Fault
from nnc_conformance.suites.results.outcomes import OUTCOMES
from nnc_conformance.suites.sandbox.bounded_process import KEPT_BYTES
from nnc_conformance.suites.sandbox.limits import Limits

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "decoder-protocol.md").read_text()


def table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


TABLES = {
    "capabilities": table((f"`{name}`", one.meaning) for name, one in CAPABILITIES.items()),
    "what cannot count": "| capability | what cannot count |\n|---|---|\n"
    + table((f"`{name}`", one.uncounted) for name, one in CAPABILITIES.items() if one.uncounted),
    "categories": " ".join(f"`{category}`" for category in Category),
    "exit codes": table(
        [
            (f"{command.EXIT_DECODED}", "decoded: the output is written and closed"),
            (f"{command.EXIT_REFUSED}", "refused"),
            (f"{command.EXIT_UNSUPPORTED}", "unsupported"),
        ]
    ),
    "limits": table(
        [
            ("wall time", f"{Limits().wall_seconds:g} s", "`--time-limit S`", "`timeout`"),
            ("CPU time of the tree", f"{Limits().cpu_seconds:g} s", "grows with `--time-limit`", "`timeout`"),
            ("memory of the tree", f"{Limits().memory_bytes >> 20} MiB", "`--memory-limit MIB`", "`limit`"),
            ("bytes written and printed", f"{Limits().output_bytes >> 20} MiB", "", "`limit`"),
            ("files written", f"{Limits().files}", "", "`limit`"),
            ("processes", f"{Limits().processes}", "", "`limit`"),
        ]
    ),
    "outcomes": table((f"`{outcome}`", meaning.when, "yes" if meaning.fails else "no") for outcome, meaning in OUTCOMES.items()),
    "faults": table((f"`{fault}`", str(meaning.severity), meaning.what, meaning.hint) for fault, meaning in FAULTS.items()),
    "start": f"it has {worker_process.START_SECONDS:g} s",
    "longest line": f"{protocol.LONGEST_LINE} bytes at most",
    "standard error": f"the last {KEPT_BYTES >> 10} KiB are kept",
    "fruitless starts": f"fails to start {worker_host.FAILED_STARTS} times in a row",
}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_says_what_the_code_does(name: str) -> None:
    assert TABLES[name] in PAGE


SCHEMA_FILES = {
    WorkerProtocol.SINGLE: "decoder-protocol.schema.json",
    WorkerProtocol.SESSIONS: "decoder-protocol-2.schema.json",
}


@pytest.mark.parametrize("spoken", WorkerProtocol)
def test_the_schemas_are_those_of_the_models(spoken: WorkerProtocol) -> None:
    name = SCHEMA_FILES[spoken]
    assert (DOCS / name).read_text() == canonical_json(schema(spoken)), (
        f"write it anew: python -m nnc_conformance.suites.decoders.schema {spoken} > docs/{name}"
    )


def valid(message: Any, spoken: WorkerProtocol = WorkerProtocol.SINGLE) -> bool:
    return bool(Draft202012Validator(schema(spoken)).is_valid(message))


@pytest.mark.parametrize(("spoken", "count"), [(WorkerProtocol.SINGLE, 9), (WorkerProtocol.SESSIONS, 7)])
def test_the_lines_on_the_page_are_those_of_the_protocol(spoken: WorkerProtocol, count: int) -> None:
    part = PAGE.split("### nnc-worker/2")[spoken is WorkerProtocol.SESSIONS]
    lines = re.findall(r"^([<>]) (\{.*\})$", part, re.M)
    assert len(lines) == count
    for direction, line in lines:
        assert valid(json.loads(line), spoken)
        if direction == ">":
            assert protocol.request_line(protocol.parse_request(line.encode())).decode().strip() == line
        else:
            protocol.parse_answer(line.encode(), spoken)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "started", "protocol": "nnc-worker/1"},
        {"type": "decoded", "id": "1", "step": "0"},
        {"type": "refused", "id": "1", "session": 1},
    ],
)
def test_the_schema_of_sessions_and_the_harness_refuse_the_same(message: Any) -> None:
    assert not valid(message, WorkerProtocol.SESSIONS)
    with pytest.raises(protocol.AnswerError) as caught:
        protocol.parse_answer(json.dumps(message).encode(), WorkerProtocol.SESSIONS)
    assert caught.value.fault is Fault.ANSWER_FORM


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"type": "started"},
        {"type": "started", "protocol": "nnc-worker/2"},
        {"type": "done", "id": "1"},
        {"type": "decoded"},
        {"type": "decoded", "id": 1},
        {"type": "refused", "id": "1", "unit": -1},
        {"type": "refused", "id": "1", "byte": "7"},
        {"type": "unsupported", "id": None},
    ],
)
def test_the_schema_and_the_harness_refuse_the_same(message: Any) -> None:
    assert not valid(message)
    with pytest.raises(protocol.AnswerError) as caught:
        protocol.parse_answer(json.dumps(message).encode())
    assert caught.value.fault is Fault.ANSWER_FORM


@pytest.mark.parametrize(
    "message",
    [
        {"type": "refused", "id": "1", "category": None, "unit": 0, "byte": None, "message": "x", "more": [1]},
        {"type": "unsupported", "id": "x y"},
    ],
)
def test_the_schema_and_the_harness_accept_the_same(message: Any) -> None:
    assert valid(message)
    assert (
        protocol.parse_answer(json.dumps(message).encode()).model_dump().items()
        <= {**message, "message": message.get("message", "")}.items()
    )


def test_the_toml_on_the_page_is_one(tmp_path: Path) -> None:
    text, _ = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    program = tmp_path / "build" / "my-decoder"
    program.parent.mkdir()
    program.touch(mode=0o755)
    (tmp_path / "decoder.toml").write_text(text)
    decoder = load.load_decoder(str(tmp_path / "decoder.toml"))
    assert decoder.command == (str(program), "--worker")
    assert decoder.capabilities == ("float", "int", "raw-float")
    assert [category for _, category in decoder.errors] == [Category.TRUNCATED, Category.RESERVED]


def test_the_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE):
        assert (DOCS / target).exists(), target
