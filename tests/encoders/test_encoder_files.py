"""encoder.toml: what is loaded, and how each mistake is named."""

import re
from pathlib import Path

import pytest

from nnc_conformance.encoders.cases import cases_for
from nnc_conformance.encoders.check import HINTS, check_encoder
from nnc_conformance.encoders.encoder_spec import EncoderError, EncoderKind
from nnc_conformance.encoders.load import EncoderFile, load_encoder, load_encoders
from nnc_conformance.encoders.option_values import ASKED, OCTAVES
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.suites.decoders import worker_process
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.sandbox.limits import Limits

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"
GOOD = """\
name = "mine"
kind = "command"
command = "cat {input} {output} {base} {options}"
base = "--base {stream}"
max_error_steps = 2.5

[options]
qp = "--qp {value}"
dq = { off = "--no-dq", on = "--dq --fast" }
"""


def written(folder: Path, text: str) -> str:
    path = folder / "encoder.toml"
    path.write_text(text)
    return str(path)


def test_a_file_is_loaded_with_its_words(tmp_path: Path) -> None:
    encoder = load_encoder(written(tmp_path, GOOD))
    assert (encoder.name, encoder.kind, encoder.updates, encoder.max_error_steps) == ("mine", EncoderKind.COMMAND, True, 2.5)
    assert encoder.option_words({"qp": "-20", "dq": "on"}) == ["--dq", "--fast", "--qp", "-20"]
    assert encoder.base_words(["a.nnr", "b.nnr"]) == ["--base", "a.nnr", "--base", "b.nnr"]
    assert not encoder.options["dq"].knows("auto")


def test_asked_options_are_those_of_the_encoder() -> None:
    assert set(ASKED) < set(EncoderOptions.__dataclass_fields__)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/encoder*.toml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_are_loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_encoder(str(path)).options


def test_the_page_lists_the_options_with_their_values() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (`\w+`(, )?)+ \|", line)]
    listed = {name: row.split("|")[2] for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert set(ASKED) <= set(listed)
    for name, option in ASKED.items():
        if name not in OCTAVES and name != "scan_order":
            assert set(option.values) <= set(re.findall(r"\w+", listed[name])), name


def test_the_page_lists_every_group_and_outcome() -> None:
    text = PAGE.read_text()
    assert {group for one in cases_for(load_encoder("in-tree")) if f"`{(group := one.case.group)}`" not in text} == set()
    assert [hint for hint in HINTS.values() if "docs/" in hint and "docs/encoders.md" not in hint] == []


def test_the_file_of_the_page_is_right_and_has_every_key(tmp_path: Path) -> None:
    text = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.S)[1]
    encoder = load_encoder(written(tmp_path, text.replace("{here}/build/my-encoder", "cat")))
    assert (encoder.updates, encoder.option_words({"dq": "on"})) == (True, ["--dq"])
    assert set(re.findall(r"^(\w+) = ", text, re.M)) | {"updates", "options"} >= set(EncoderFile.model_fields)


@pytest.mark.parametrize(
    ("old", "new", "fault", "said"),
    [
        ('name = "mine"', "name = mine", Fault.TOML_SYNTAX, "Invalid value"),
        ('name = "mine"\n', "", Fault.TOML_KEY, "name: required field is missing"),
        ('kind = "command"', 'kind = "python"', Fault.TOML_KEY, "kind: unknown value 'python'; choose from command, worker"),
        ("max_error_steps = 2.5", "max_error_steps = 0", Fault.TOML_KEY, "max_error_steps: must be above 0"),
        ("max_error_steps", "max_errors", Fault.TOML_KEY, "max_errors: unknown field"),
        ("cat {input}", "no-such-program {input}", Fault.COMMAND_NOT_FOUND, "was not found"),
        ("cat {input}", "cat 'x {input}", Fault.COMMAND_WORDS, "cannot be split"),
        ("{input}", "input", Fault.COMMAND_PLACEHOLDERS, "lacks {input}"),
        ("{output}", "output", Fault.COMMAND_PLACEHOLDERS, "lacks {output}"),
        ("{base}", "x{base}", Fault.COMMAND_PLACEHOLDERS, "make it a word of its own"),
        ("{options}", "--{options}", Fault.COMMAND_PLACEHOLDERS, "make it a word of its own"),
        ("--base {stream}", "--base", Fault.COMMAND_PLACEHOLDERS, "lacks {stream}"),
        ('base = "', 'updates = true\nbase = "', Fault.TOML_KEY, "updates: a command encodes updates if it has {base}"),
        ("qp = ", "quantizer = ", Fault.TOML_KEY, "options.quantizer: unknown option 'quantizer'"),
        ("--qp {value}", "--qp", Fault.COMMAND_PLACEHOLDERS, "options.qp: '--qp' lacks {value}"),
        ("on =", "yes =", Fault.TOML_KEY, "options.dq.yes: dq is off or on, not 'yes'"),
        ('qp = "--qp {value}"', 'qp = { -28 = "--qp -28" }', Fault.TOML_KEY, "options.qp: it is asked for with any integer"),
        ("--dq --fast", "'--dq", Fault.COMMAND_WORDS, "options.dq: "),
        ('{ off = "--no-dq", on = "--dq --fast" }', "{}", Fault.TOML_KEY, "options.dq: the table has no values"),
        ('dq = { off = "--no-dq"', 'scan_order = { 7 = "--no-dq"', Fault.TOML_KEY, "options.scan_order.7: scan_order 7 is not in 0..4"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, fault: Fault, said: str) -> None:
    assert old in GOOD
    with pytest.raises(EncoderError) as raised:
        load_encoder(written(tmp_path, GOOD.replace(old, new)))
    assert raised.value.problems[0][0] is fault
    assert said in raised.value.problems[0][1]


def test_all_mistakes_are_listed(tmp_path: Path) -> None:
    with pytest.raises(EncoderError) as raised:
        load_encoder(written(tmp_path, GOOD.replace("qp =", "quantizer =").replace("on =", "yes =").replace("{output}", "")))
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    ("old", "new", "remedy"),
    [
        ("--qp {value}", "--qp", "an option needs {value}, or a table of values and words"),
        ("--base {stream}", "--base", "base needs {stream}"),
        ("{output}", "output", "command needs {input} and {output}"),
        ("qp = ", "quantizer = ", "docs/encoders.md explains them, and lists options and values"),
    ],
)
def test_a_mistake_has_a_hint_that_speaks_of_it(tmp_path: Path, old: str, new: str, remedy: str) -> None:
    (finding,) = check_encoder(written(tmp_path, GOOD.replace(old, new))).findings
    assert remedy in finding.hint


def test_a_worker_that_never_answers_start_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "START_SECONDS", 1.0)
    (tmp_path / "silent.sh").write_text('echo started >> "$1"\nexec sleep 60\n')
    words = f"sh {tmp_path / 'silent.sh'} {tmp_path / 'starts'}"
    file = written(tmp_path, f'name = "silent"\nkind = "worker"\ncommand = "{words}"\n')
    check = check_encoder(file, limits=Limits(wall_seconds=1.0, cpu_seconds=4.0))
    assert set(check.outcomes.values()) == {Outcome.TIMEOUT}
    assert [finding.fault for finding in check.findings] == [Fault.TIMEOUT, Fault.NOTHING_DECODED]
    assert (tmp_path / "starts").read_text() == "started\n"


def test_an_argument_that_is_nothing_known_has_no_problems(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="neither 'in-tree' nor a readable encoder") as raised:
        load_encoder(str(tmp_path / "absent.toml"))
    assert raised.value.problems == ()


def test_two_encoders_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths = [written(tmp_path, GOOD), written(tmp_path / "other", GOOD)]
    with pytest.raises(EncoderError, match="two encoders have the name 'mine'"):
        load_encoders(paths)
    assert len(load_encoders([paths[0], paths[0]])) == 1
