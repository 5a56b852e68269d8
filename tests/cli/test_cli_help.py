"""The help of every command: its group, first sentence, example, defaults and metavars.

Completion in shells.
"""

import re
import shlex
from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from nnc_conformance.cli.main import COMMANDS, PROGRAM, build_app
from nnc_conformance.generator.randomness import DEFAULT_SEED
from nnc_conformance.suites.checking.check import LIMITS
from nnc_conformance.suites.sandbox.limits import Limits

APP = build_app()
ROOT = typer.main.get_command(APP)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands without sub-commands, with the words that name them."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, child in inner.items():
        yield from leaves(child, (*path, name))


LEAVES = dict(leaves(ROOT))


def examples(command: click.Command) -> list[str]:
    """Return the lines of a command's help that begin with the program's name."""
    lines = [line.strip().removeprefix("Example:").strip() for line in (command.help or "").splitlines()]
    return [line for line in lines if line.startswith(f"{PROGRAM} ")]


def test_every_command_of_the_table_is_met() -> None:
    assert {path[0] for path in LEAVES} == set(COMMANDS)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_help_has_an_example_that_the_command_takes(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    found = examples(command)
    assert found
    for line in found:
        words = shlex.split(line.partition("#")[0])[1:]
        assert tuple(words[: len(path)]) == path
        context = click.Context(command, resilient_parsing=True)
        _, left, _ = command.make_parser(context).parse_args(words[len(path) :])
        assert not left or any(isinstance(parameter, click.Argument) for parameter in command.params)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_help_is_printed(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(APP, [*path, "--help"])
    assert done.exit_code == 0, done.output
    assert "Example" in done.output


def help_of(path: tuple[str, ...]) -> str:
    """Print the help as on a very wide terminal.

    Replace every run of white space by one blank.
    """
    done = CliRunner().invoke(APP, [*path, "--help"], env={"COLUMNS": "2000", "TERMINAL_WIDTH": "2000", "NO_COLOR": "1"})
    assert done.exit_code == 0, done.output
    return "\n".join(" ".join(line.split()) for line in done.output.splitlines())


def test_commands_stand_in_groups() -> None:
    groups = re.findall(r"^╭─ (\w+) ─", help_of(()), re.M)
    assert groups == ["Options", "Judge", "Diagnose", "Codec", "Inspect", "Publish"]
    for name, command in ROOT.commands.items():
        assert command.rich_help_panel == COMMANDS[name].group


IMPERATIVES = {
    "Build",
    "Certify",
    "Check",
    "Compare",
    "Decode",
    "Encode",
    "Explain",
    "Fuzz",
    "Issue",
    "Judge",
    "List",
    "Measure",
    "Mutation-test",
    "Print",
    "Show",
    "Shrink",
    "Verify",
    "Withdraw",
    "Write",
}


@pytest.mark.parametrize("path", [(), *LEAVES, ("certify",), ("package",)], ids=" ".join)
def test_the_first_paragraph_is_a_short_imperative_sentence(path: tuple[str, ...]) -> None:
    command: click.Command = ROOT
    for word in path:
        command = command.commands[word]
    first = (command.help or "").split("\n\n")[0]
    assert first.split()[0].rstrip(",") in IMPERATIVES
    assert first.endswith(".")
    assert len(first.split()) <= 20


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_help_shows_every_default_and_plain_metavars(path: tuple[str, ...]) -> None:
    text = help_of(path)
    usage = next(line for line in text.splitlines() if line.startswith("Usage: "))
    assert re.fullmatch(rf"Usage: {PROGRAM}( [a-z-]+)+ \[OPTIONS\](( [A-Z]+| \[[A-Z]+\])(\.\.\.)?)*", usage)
    assert "[[" not in text
    assert "{IN}" not in text
    for parameter in LEAVES[path].params:
        name = parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0]
        row = next(line for line in text.splitlines() if re.match(rf"│ (\* )?{re.escape(name)} ", line))
        assert "<bool>" not in row
        if parameter.param_type_name == "argument" or not parameter.is_flag:
            assert "[required]" in row or re.search(r"\[default: [^\]]+\]", row), row


def test_defaults_that_the_help_spells_out_are_those_of_the_code() -> None:
    rows = {path: help_of(path) for path in [("run",), ("check-decoder",), ("generate",)]}
    for path, limits in [(("run",), Limits()), (("check-decoder",), LIMITS)]:
        assert re.search(rf"--time-limit .*default: \({limits.wall_seconds:g}\)", rows[path])
        assert re.search(rf"--memory-limit .*default: \({limits.memory_bytes >> 20}\)", rows[path])
    assert re.search(rf"--seed .*default: \({DEFAULT_SEED}\)", rows["generate",])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    words = f"{PROGRAM} che"
    variables = {
        "_NNC_CONFORMANCE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = CliRunner().invoke(APP, [], prog_name=PROGRAM, env=variables)
    assert "check-decoder" in done.output
