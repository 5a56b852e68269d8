"""Option values that several commands share."""

import typer

from nnc_conformance.reference.interpretation import Interpretation


def interpretation_of(settings: list[str] | None) -> Interpretation:
    """Builds an `Interpretation` from ``NAME=CHOICE`` words; raises `typer.BadParameter`."""
    pairs = [setting.partition("=") for setting in settings or []]
    try:
        return Interpretation.parse({name: choice for name, _, choice in pairs})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
