"""Every command says in its help what an example is, and the example is one that the command takes; shells complete them."""

import shlex
from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from nnc_conformance.cli.main import COMMANDS, PROGRAM, build_app

APP = build_app()
ROOT = typer.main.get_command(APP)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Commands without commands of their own, with the words that name them."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
        return
    for name, child in inner.items():
        yield from leaves(child, (*path, name))


LEAVES = dict(leaves(ROOT))


def examples(command: click.Command) -> list[str]:
    """The lines of a command's help that begin with the program's name."""
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
