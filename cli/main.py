"""The command ``nnc-conformance``: the table of its commands, and how errors are printed.

Exit codes: 0 all as expected, 1 a decoder failed or something was found, 2 usage or bad input, 3
incomplete, 4 internal error, 130 interrupted (`ExitCode`).
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from nnc_conformance.cli.process import PROGRAM, Interrupts, leave, open_standard_streams, say, say_interrupted
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reports.text import one_line
from nnc_conformance.suites.results.outcomes import ExitCode

DEBUG: Final = "--debug"
PRINTERS: Final = frozenset({"list", "inspect", "trace"})
"""Commands that are done when nobody reads on."""


class CommandEntry(NamedTuple):
    """A command's module in `nnc_conformance.cli`, and its group in the help."""

    module: str
    group: str


COMMANDS: Final[dict[str, CommandEntry]] = {
    "run": CommandEntry("run", "Judge"),
    "check-decoder": CommandEntry("check_decoder", "Judge"),
    "check-encoder": CommandEntry("check_encoder", "Judge"),
    "validate": CommandEntry("validate", "Judge"),
    "report": CommandEntry("report", "Judge"),
    "diff": CommandEntry("diff", "Judge"),
    "explain": CommandEntry("explain", "Diagnose"),
    "shrink": CommandEntry("shrink", "Diagnose"),
    "fuzz": CommandEntry("fuzz", "Diagnose"),
    "encode": CommandEntry("encode", "Codec"),
    "decode": CommandEntry("decode", "Codec"),
    "inspect": CommandEntry("inspect_stream", "Inspect"),
    "trace": CommandEntry("trace", "Inspect"),
    "coverage": CommandEntry("coverage", "Inspect"),
    "list": CommandEntry("list_vectors", "Inspect"),
    "generate": CommandEntry("generate", "Publish"),
    "lint": CommandEntry("lint", "Publish"),
    "mutation": CommandEntry("mutation", "Publish"),
    "package": CommandEntry("package", "Publish"),
    "certify": CommandEntry("certify", "Publish"),
}
"""All commands by name, in the order of the help.

A module offers ``command`` (a function of typer parameters) or, for a command with sub-commands,
``group`` (a `typer.Typer`). It imports heavy modules inside its functions only, so that the help
stays fast.
"""


def _usage_pieces(command: TyperCommand | TyperGroup, context: Any) -> list[str]:
    """Return the words of a usage line: ``IN`` for a required argument, ``[SUITE]`` for an optional
    one.
    """
    pieces = [command.options_metavar] if command.options_metavar else []
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperArgument):
            name = parameter.metavar or parameter.name.upper()
            pieces.append((name if parameter.required else f"[{name}]") + ("" if parameter.nargs == 1 else "..."))
    return pieces


def _hide_flag_types(parameters: list[Any]) -> list[Any]:
    """Give flags an empty metavar: their help would show ``<bool>``, as if they took a value."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag:
            parameter.metavar = ""
    return parameters


class PlainCommand(TyperCommand):
    """A command with a conventional usage line and no types at flags."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line after the command's name."""
        return _usage_pieces(self, ctx)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters with ``--help``; hide the types of flags in help texts."""
        return _hide_flag_types(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """A command with sub-commands and no types at flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters with ``--help``; hide the types of flags in help texts."""
        return _hide_flag_types(super().get_params(ctx))


def _help_of(function: Callable[..., Any] | None) -> str:
    """Return the docstring with one line per paragraph.

    So the help wraps it at the terminal's width.
    """
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def build_app(commands: Collection[str] | None = None) -> typer.Typer:
    """Build the typer application.

    Args:
        commands: The commands that it offers; None for all `COMMANDS`.
    """
    app = typer.Typer(
        name=PROGRAM,
        cls=PlainGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, entry in COMMANDS.items():
        if commands is not None and name not in commands:
            continue
        module = import_module(f"nnc_conformance.cli.{entry.module}")
        if hasattr(module, "group"):
            for inner in module.group.registered_commands:
                inner.cls, inner.help = PlainCommand, _help_of(inner.callback)
            app.add_typer(module.group, name=name, cls=PlainGroup, rich_help_panel=entry.group)
        else:
            app.command(name, cls=PlainCommand, help=_help_of(module.command), rich_help_panel=entry.group)(module.command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an internal error.")] = False,
) -> None:
    """Judge, encode, decode and inspect compressed neural networks (NNC, ISO/IEC 15938-17)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command line (default: that of the process) and exit with its code.

    Show tracebacks only with ``--debug``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = given[: given.index("--")] if "--" in given else given
    debug = DEBUG in words
    open_standard_streams()
    interrupts = Interrupts()
    with interrupts.answered():
        code = _run([word for word in words if word != DEBUG] + given[len(words) :], debug, interrupts)
    leave(code)


def _run(arguments: list[str], debug: bool, interrupts: Interrupts) -> int:
    """Run a command and return the exit code; print an error in one line.

    Args:
        arguments: The words of the command line.
        debug: Whether to print the traceback of an internal error.
        interrupts: Notes whether Ctrl-C came.
    """
    try:
        needed = arguments[:1] if arguments and arguments[0] in COMMANDS else None  # imports the module of this command only
        returned = build_app(needed)(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        return _say_usage(error)
    except NNCError as error:
        return _say("error", str(error), ExitCode.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except (Exception, SystemExit) as error:
        if interrupts.came:
            return _interrupted()
        reason = error.__context__ if isinstance(error, SystemExit) else error  # typer leaves at a broken pipe
        if isinstance(reason, BrokenPipeError) and reason.filename is None:
            return ExitCode.AS_EXPECTED if PRINTERS & {*arguments[:1]} else ExitCode.INCOMPLETE
        if debug:
            traceback.print_exc()
            return ExitCode.INTERNAL
        if isinstance(error, OSError) and error.errno is not None:
            place = "" if error.filename is None else f"{error.filename}: "
            return _say("error", f"{place}{error.strerror}", ExitCode.USAGE)
        if isinstance(error, MemoryError):
            return _say("error", "not enough memory for this input", ExitCode.USAGE)
        last = str(error).strip().rpartition("\n")[2]
        return _say("internal error", f"{type(error).__name__}: {last} (use {DEBUG} for the traceback)", ExitCode.INTERNAL)
    if returned == ExitCode.INTERRUPTED:  # what typer makes of Ctrl-C
        return _interrupted()
    return returned if isinstance(returned, int) else ExitCode.AS_EXPECTED


def _interrupted() -> int:
    say_interrupted()
    return ExitCode.INTERRUPTED


def _say(kind: str, message: str, exit_code: int) -> int:
    say(kind, one_line(message))
    return exit_code


def _say_usage(error: typer.TyperException) -> int:
    """Print an error in the command line and where help is; return the exit code."""
    context = getattr(error, "ctx", None)
    place = context.command_path if context is not None else PROGRAM
    message = error.format_message()
    if message.strip():
        return _say("error", f"{message} (see {place} --help)", ExitCode.USAGE)
    return ExitCode.USAGE
