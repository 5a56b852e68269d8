"""``list``: list the vectors of a suite."""

from typing import Annotated

import typer

from nnc_conformance.cli.options import (
    FilterOption,
    SuiteArgument,
    TargetOption,
    edition_option,
    level_option,
    read_editions,
    read_levels,
    read_target,
)


def command(
    suite: SuiteArgument = None,
    level: Annotated[list[str] | None, level_option("all levels")] = None,
    edition: Annotated[list[str] | None, edition_option("both")] = None,
    filters: FilterOption = None,
    target: TargetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list with the whole description of each vector.")] = False,
) -> None:
    """List the vectors of a suite: id, level, clauses and title.

    Example: nnc-conformance list --level core --filter 'element=scan_order'
    """
    from nnc_conformance.cli.printing import print_table
    from nnc_conformance.storage.documents import canonical_json
    from nnc_conformance.storage.vector import EDITIONS, Level
    from nnc_conformance.suites.running.selection import parse_filter, select

    taken = read_editions(edition) or EDITIONS
    asked = read_target(target)
    chosen_filters = [parse_filter(text) for text in (*(filters or ()), *([] if asked is None else [f"target={asked.name}"]))]
    chosen = select(suite, read_levels(level, tuple(Level)), chosen_filters, editions=taken, verify=False)
    vectors = [stored.vector for stored in chosen.vectors]
    if as_json:
        typer.echo(canonical_json([vector.model_dump(mode="json") for vector in vectors]), nl=False)
        return
    rows = [(vector.id, vector.level.value, ", ".join(vector.clauses), vector.title) for vector in vectors]
    print_table(("id", "level", "clauses", "title"), rows)
