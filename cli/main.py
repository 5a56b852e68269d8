"""The command ``nnc-conformance``: the table of its commands, and what an error becomes.

Exit codes: 0 all as expected, 1 a decoder failed, 2 usage or bad input, 3 incomplete, 4 internal error, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Final

import typer

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reports.text import one_line
from nnc_conformance.suites.results.outcomes import ExitCode

PROGRAM: Final = "nnc-conformance"
DEBUG: Final = "--debug"

COMMANDS: Final[dict[str, str]] = {
    "run": "run",
    "check-decoder": "check_decoder",
    "generate": "generate",
    "list": "list_vectors",
    "lint": "lint",
    "report": "report",
    "diff": "diff",
    "explain": "explain",
    "shrink": "shrink",
    "fuzz": "fuzz",
    "coverage": "coverage",
    "mutation": "mutation",
    "certify": "certify",
    "package": "package",
    "encode": "encode",
    "decode": "decode",
    "inspect": "inspect_stream",
    "trace": "trace",
}
"""Each command's name with its module in `nnc_conformance.cli`, in the order of the help.

A module offers ``command`` (a function of typer parameters) or, for a command with sub-commands, ``group`` (a
`typer.Typer`); it imports what is heavy inside its functions only, so that the help stays fast.
"""


def build_app() -> typer.Typer:
    """The typer application with every command of the table."""
    app = typer.Typer(
        name=PROGRAM,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name, module_name in COMMANDS.items():
        module = import_module(f"nnc_conformance.cli.{module_name}")
        if hasattr(module, "group"):
            app.add_typer(module.group, name=name)
        else:
            app.command(name)(module.command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an internal error.")] = False,
) -> None:
    """Judge decoders of neural network bitstreams (NNC, ISO/IEC 15938-17:2022), and read, write and inspect such streams."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command line (default: the process's) and leaves with its exit code; never with a traceback unless ``--debug``."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = given[: given.index("--")] if "--" in given else given
    debug = DEBUG in words
    _print_anything()
    sys.exit(_run([word for word in words if word != DEBUG] + given[len(words) :], debug))


def _print_anything() -> None:
    """Lets standard output and error escape what their encoding does not have, such as a path's characters, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: list[str], debug: bool) -> int:
    try:
        returned = build_app()(args=arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _say_usage(error)
    except NNCError as error:
        return _say("error", str(error), ExitCode.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        return _say("error", "interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.AS_EXPECTED
    except Exception as error:
        if debug:
            traceback.print_exc()
            return ExitCode.INTERNAL
        if isinstance(error, OSError) and error.errno is not None:
            place = "" if error.filename is None else f"{error.filename}: "
            return _say("error", f"{place}{error.strerror}", ExitCode.USAGE)
        last = str(error).strip().rpartition("\n")[2]
        return _say("internal error", f"{type(error).__name__}: {last} (use {DEBUG} for the traceback)", ExitCode.INTERNAL)
    return returned if isinstance(returned, int) else ExitCode.AS_EXPECTED


def _say(kind: str, message: str, exit_code: int) -> int:
    print(f"{PROGRAM}: {kind}: {one_line(message)}", file=sys.stderr)
    return exit_code


def _say_usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    place = context.command_path if context is not None else PROGRAM
    message = error.format_message()
    if message.strip():
        return _say("error", f"{message} (see {place} --help)", ExitCode.USAGE)
    return ExitCode.USAGE
