"""The arguments by which commands choose vectors, and reading them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nnc_conformance.storage.vector import Level

SuiteArgument = Annotated[
    Path | None, typer.Argument(metavar="[SUITE]", help="A suite's folder or package; without it the built-in vectors.", show_default=False)
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=GLOB",
        help="Only vectors whose KEY (id, clause, flag, level, element) matches; !KEY=GLOB for those that do not. All given must hold.",
        show_default=False,
    ),
]
LevelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="A level to take: core, full, negative, stress, models, disputed, inferred. Repeatable.",
        show_default=False,
        autocompletion=lambda: [level.value for level in _levels()],
    ),
]


def _levels() -> "tuple[Level, ...]":
    from nnc_conformance.storage.vector import Level

    return tuple(Level)


def read_levels(names: Sequence[str] | None, default: "Sequence[Level]") -> "tuple[Level, ...]":
    """The levels that were named, or ``default`` where none was; a usage error for an unknown one."""
    from nnc_conformance.reference.errors import unknown

    known = {level.value: level for level in _levels()}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(unknown("level", name, known), param_hint="--level")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else tuple(default)
