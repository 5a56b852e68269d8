"""The rules of certification of encoders, as data."""

import datetime
import tomllib
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationError

from nnc_conformance.encoders.encoder_spec import MAX_ERROR_STEPS
from nnc_conformance.encoders.option_values import ASKED
from nnc_conformance.reference.errors import ModelError, unknown
from nnc_conformance.reports.certification.policy import POLICY_BYTES, PolicyError
from nnc_conformance.storage.documents import Frozen, first_problem
from nnc_conformance.storage.inputs import read_regular

ENCODER_POLICY: Final = "nnc-encoder-policy/1"
"""Value of ``format`` in a policy for encoders."""


def _known_options(options: tuple[str, ...]) -> tuple[str, ...]:
    for option in sorted(set(options) - set(ASKED)):
        raise ValueError(unknown("option", option, ASKED))
    return options


class EncoderWaiver(Frozen):
    """Permission for one case to fail, with a reason, up to and including a day."""

    case: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: datetime.date


class EncoderPolicy(Frozen):
    """Requirements for the certificate of an encoder, and waivers.

    Attributes:
        options: Options that encoder.toml must map.
        updates: Whether the encoder must encode updates.
        max_error_steps: The largest max_error_steps that encoder.toml may have.
        lacking: Globs of cases that may be answered with unsupported.
        challenge: Number of fresh cases.
        waivers: Cases that may fail.
    """

    format: Literal["nnc-encoder-policy/1"] = "nnc-encoder-policy/1"
    name: str = Field(min_length=1, max_length=200)
    options: Annotated[tuple[str, ...], AfterValidator(_known_options)] = ()
    updates: bool = False
    max_error_steps: float = Field(default=MAX_ERROR_STEPS, gt=0, allow_inf_nan=False)
    lacking: tuple[str, ...] = ()
    challenge: int = Field(ge=1, le=1000)
    waivers: tuple[EncoderWaiver, ...] = ()

    def waiver(self, case: str, today: datetime.date) -> EncoderWaiver | None:
        """Return the waiver of a case that is valid on ``today``, or None."""
        return next((waiver for waiver in self.waivers if waiver.case == case and today <= waiver.expires), None)

    def may_lack(self, case: str) -> bool:
        """Return whether an encoder may answer a case with unsupported."""
        return any(fnmatchcase(case, glob) for glob in self.lacking)


def load_encoder_policy(path: Path | None) -> EncoderPolicy:
    """Read a policy file for encoders (None: the built-in one); raise `PolicyError`."""
    try:
        data = _built_in() if path is None else read_regular(path, max_bytes=POLICY_BYTES)
        return EncoderPolicy.model_validate({"format": ENCODER_POLICY} | tomllib.loads(data.decode()))
    except ValidationError as error:
        raise PolicyError(f"{path}: {first_problem(error)}") from None
    except (ModelError, ValueError, RecursionError) as error:
        raise PolicyError(f"{path}: {error}") from None


def is_built_in_for_encoders(policy: EncoderPolicy) -> bool:
    """Return whether a policy is the built-in one, whatever its waivers."""
    return policy.model_copy(update={"waivers": ()}) == load_encoder_policy(None)


def _built_in() -> bytes:
    return files("nnc_conformance.reports.certification").joinpath("encoder_policy.toml").read_bytes()
