"""A deliberately plain decoder of whole NNC streams, written from the specification sheets alone.

It is the independent oracle of the tests: it shares no code with `nnc_conformance` and is slow on
purpose. Bits are read one after the other, every element stands under the name that the standard
gives it, and NumPy is used only to hold and to round values.
"""

from plain_decoder.errors import PlainError
from plain_decoder.stream import Decoded, Session, StepResult, decode, decode_session
from plain_decoder.switches import CHOICES, SECOND_EDITION_CHOICES

__all__ = ["CHOICES", "SECOND_EDITION_CHOICES", "Decoded", "PlainError", "Session", "StepResult", "decode", "decode_session"]
