"""Arguments and options that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnc_conformance.storage.inputs import STANDARD_INPUT
from nnc_conformance.storage.outputs import STANDARD_OUTPUT

if TYPE_CHECKING:
    from nnc_conformance.reference.interpretation import Interpretation
    from nnc_conformance.storage.targets import Target
    from nnc_conformance.storage.vector import Edition, Level

STANDARD = "-"
"""Stands for standard input or output wherever one file is read or written; ``./-`` is a file with
this name.
"""
NOT_WRITTEN = "not written"
"""Shown as the default of an option that names a file to write."""

SuiteArgument = Annotated[
    Path | None, typer.Argument(metavar="SUITE", help="Folder or package of the suite.", show_default="the built-in vectors")
]
"""The suite as an argument."""
SuiteOption = Annotated[
    Path | None, typer.Option("--suite", metavar="SUITE", help="Folder or package of the suite.", show_default="the built-in vectors")
]
"""The suite as an option."""
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=GLOB",
        help="Only vectors whose KEY (id, clause, flag, level, element or target) matches; !KEY=GLOB excludes them. "
        "Repeatable; all filters must hold.",
        show_default="all vectors",
    ),
]
_LEVEL_HELP = "Only this level: core, full, negative, stress, models, disputed, inferred or huge. Repeatable."
LenientOption = Annotated[
    bool, typer.Option("--lenient", help="Forgive the rule violations that a decoder may accept, and report them on standard error.")
]
InterpretationOption = Annotated[
    list[str] | None,
    typer.Option(
        "--interpretation",
        metavar="NAME=CHOICE",
        help="How to read a disputed point of the standard (docs/disputed.md). Repeatable.",
        show_default="the default reading of each point",
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Only vectors that answer this target (docs/targets.md): 3gpp-ims-full or 3gpp-ims-incremental.",
        show_default="none",
    ),
]
ProbeTimeOption = Annotated[
    float | None, typer.Option("--time-limit", metavar="S", min=0.001, help="Seconds per probe.", show_default="20")
]
ProbeMemoryOption = Annotated[
    int | None, typer.Option("--memory-limit", metavar="MIB", min=1, help="Memory per probe, in MiB.", show_default="4096")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def level_option(default: str) -> typer.models.OptionInfo:
    """Make the option ``--level``; ``default`` names the levels used without it."""
    option: typer.models.OptionInfo = typer.Option(
        "--level", metavar="LEVEL", help=_LEVEL_HELP, show_default=default, autocompletion=lambda: [level.value for level in _levels()]
    )
    return option


def read_levels(names: Sequence[str] | None, default: "Sequence[Level]") -> "tuple[Level, ...]":
    """Convert the values of ``--level``; return ``default`` if there are none.

    Raises `typer.BadParameter` for an unknown level.
    """
    from nnc_conformance.reference.errors import unknown

    known = {level.value: level for level in _levels()}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(unknown("level", name, known), param_hint="--level")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(default)


def read_target(name: str | None) -> "Target | None":
    """Return the target that ``--target`` names; None without it.

    Raises `typer.BadParameter` for an unknown target.
    """
    from nnc_conformance.reference.errors import unknown
    from nnc_conformance.storage.targets import TARGETS

    if name is not None and name not in TARGETS:
        raise typer.BadParameter(unknown("target", name, TARGETS), param_hint="--target")
    return None if name is None else TARGETS[name]


def edition_option(default: str) -> typer.models.OptionInfo:
    """Make the option ``--edition``; ``default`` names the editions taken without it."""
    option: typer.models.OptionInfo = typer.Option(
        "--edition",
        metavar="YEAR",
        help="Only vectors of this edition of the standard: 2022 or 2024. Repeatable.",
        show_default=default,
        autocompletion=lambda: list(_editions()),
    )
    return option


def read_editions(names: Sequence[str] | None) -> "tuple[Edition, ...] | None":
    """Convert the values of ``--edition``; return None if there are none.

    Raises `typer.BadParameter` for an unknown edition.
    """
    from nnc_conformance.reference.errors import unknown

    known = _editions()
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(unknown("edition", name, known), param_hint="--edition")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else None


def read_interpretation(settings: list[str] | None) -> "Interpretation":
    """Convert the values ``NAME=CHOICE`` of ``--interpretation``; raise `typer.BadParameter` for an
    unknown name or choice.
    """
    from nnc_conformance.reference.interpretation import Interpretation

    pairs = [setting.partition("=") for setting in settings or []]
    try:
        return Interpretation.parse({name: choice for name, _, choice in pairs})
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--interpretation") from None


def input_file(text: str) -> Path:
    """Return the path of an input; ``-`` is standard input."""
    return STANDARD_INPUT if text == STANDARD else Path(text)


def output_file(text: str) -> Path:
    """Return the path of an output; ``-`` is standard output."""
    return STANDARD_OUTPUT if text == STANDARD else Path(text)


def output_folder(text: str) -> Path:
    """Return the path of a folder that files are written to, which ``-`` cannot name.

    Raises `typer.BadParameter`.
    """
    if text == STANDARD:
        raise typer.BadParameter("a folder is written; name one (./- for a folder with this name)")
    return Path(text)


def kept_file(text: str) -> Path:
    """Return the path of a file that is read and written, which ``-`` cannot name.

    Raises `typer.BadParameter`.
    """
    if text == STANDARD:
        raise typer.BadParameter("the file is read and written; name one (./- for a file with this name)")
    return Path(text)


def read_format(name: str | None, suffixes: Sequence[str], option: str) -> str | None:
    """Return the suffix of a format's name, such as ``.onnx`` for ``onnx``; None for None.

    Raises `typer.BadParameter` for a name that is not one of ``suffixes``.

    Args:
        name: The name as given.
        suffixes: The suffixes to choose from.
        option: The option, for the error.
    """
    from nnc_conformance.reference.errors import unknown

    if name is None:
        return None
    names = [suffix.removeprefix(".") for suffix in suffixes]
    if name.lower() not in names:
        raise typer.BadParameter(unknown("format", name, names), param_hint=option)
    return f".{name.lower()}"


def _levels() -> "tuple[Level, ...]":
    from nnc_conformance.storage.vector import Level

    return tuple(Level)


def _editions() -> "dict[str, Edition]":
    from nnc_conformance.storage.vector import EDITIONS

    return {str(edition): edition for edition in EDITIONS}
