"""The numbers of the diagnosis: what each observation weighs, and how much is tried.

How they were found: by hand, one after the other, from what `python benchmarks/diagnosis.py
--develop N` showed on two thirds of the mutants and on the bugs that are in
`mutants/named/implementers.py` since. There was no automatic search, and none of the numbers is
known to be the best. docs/diagnosis.md measures the result on bugs that were written independently,
and on mutants that the catalogue lacks.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Weights:
    """The weights of the diagnosis, in the order of its four steps.

    1. Likeness L of two symptoms of one stream, 0..1 (`symptom.likeness`). It is 0 if only one
       decoder fails, and 1 if both pass.

       - ``same_output``: both give the same output, or the same refusal at the same place.
       - ``same_refusal``: both refuse, and one does not report its reason or place; or both die or
         hang in the same way.
       - ``other_place``: both refuse for a reason of the same category, at different places.
       - ``same_ending``: both refuse, for reasons of different categories; both die or hang, in
         different ways; or both accept what must be refused, with different outputs.
       - ``other_ending``: they fail in different ways, or in different steps of a session.
       - ``other_output``: both give wrong outputs. Of the tensors that are wrong in either, four
         things add to this: the share whose first wrong elements agree in place, times
         ``shared_place``, and in value too, times ``shared_value``; the share that is wrong in
         both, times ``shared_tensors``, if as many are wrong; and the mean ratio of their numbers
         of wrong elements, times ``shared_count``.

    2. Sifting, of all causes on a few cases: Ochiai's coefficient with degrees,

           sum of L over failing cases / sqrt(F * (f + ``passing_case`` * p)),

    with F failing cases, of which the cause fails f, and p passing cases that it fails. A run has
    many more passing cases than are tried, so that one of them counts for more.

    3. Fit, of the last n causes: sum of w * L / sum of w over all cases, with w = ``least_case`` -
       ln((m + 1) / (n + 2)) for a case in which m of them do as the decoder did. A case tells
       little if most causes do the same.

    4. Weight of an element: the sum of what speaks for it. With b the best fit,

       - a cause of fit f says s = b * (f / b) ** ``sharpness``, times ``by_hand`` if it is a named
         fault, whose elements were stated by hand. The first element that it concerns gets s, the
         k-th after it s * ``further_element`` / k. If its code is about no element in particular,
         these get only the part ``vague``, and the suspects the rest.
       - each of n elements that the failing cases of the whole run have in common (the suspects)
         gets (``suspects`` + ``suspects_unsure`` * (1 - b)) * its score / sqrt(n).
       - the element at which the case goes wrong gets ``onset`` + ``onset_unsure`` * (1 - b).
    """

    same_output: float = 1.0
    same_refusal: float = 0.9
    other_place: float = 0.75
    same_ending: float = 0.6
    other_ending: float = 0.25
    other_output: float = 0.3
    shared_place: float = 0.2
    shared_value: float = 0.2
    shared_tensors: float = 0.1
    shared_count: float = 0.1

    passing_case: float = 2.0

    least_case: float = 0.5

    sharpness: int = 20
    by_hand: float = 3.0
    further_element: float = 0.35
    vague: float = 0.2
    suspects: float = 0.3
    suspects_unsure: float = 0.45
    onset: float = 0.1
    onset_unsure: float = 0.3


@dataclass(frozen=True)
class SearchEffort:
    """How much the diagnosis tries: bounds on cases and causes, which trade time for certainty.

    Args:
        stream_bytes: Size of the streams looked at; longer ones only if no shorter one fails.
        output_bytes: Size of their expected output.
        lines: Lines that the reference executes for a case, beyond which it is tried only if there
            are no cheaper ones.
        cases: Number of cases looked at.
        family: Number of passing vectors whose ids differ only in numbers.
        failing: Failing cases that finalists are tried on.
        passing: Passing cases that finalists are tried on.
        further: More cases of each kind that the last causes are tried on.
        long_stream_bytes: Size of the longer streams that only mutants of tables, which run
            compiled, are tried on.
        long_cases: Number of these of each kind.
        first_cases: Failing cases that every cause is tried on.
        located_share: Part of the time after which what failing cases have in common is not looked
            for any more.
        traced_share: Part of the time after which no more cases are traced.
        made_share: Part of the time after which no more causes are made.
        entries_share: Part of the time left then in which entries of tables are tried.
        first_share: Part of the time left then in which every cause is tried.
        finalists: Causes that go on from there, the most alike.
        last: Causes that are tried on the further cases and weighed against each other.
        batch: Causes that are tried before the clock is read.
        entries: Wrong entries of tables, the most alike, that are tried on all cases.
        kept_entries: How many of these become causes.
        places: Places in the decoder, the best, that weigh in on the element.
        shown: Causes and elements that are named.
    """

    stream_bytes: int = 1000
    output_bytes: int = 1 << 15
    lines: int = 50_000
    cases: int = 320
    family: int = 2
    failing: int = 6
    passing: int = 14
    further: int = 30
    long_stream_bytes: int = 1 << 16
    long_cases: int = 12

    first_cases: int = 2
    located_share: float = 0.15
    traced_share: float = 0.35
    made_share: float = 0.7
    entries_share: float = 0.5
    first_share: float = 0.6
    finalists: int = 160
    last: int = 40
    batch: int = 16
    entries: int = 200
    kept_entries: int = 24

    places: int = 8
    shown: int = 3


WEIGHTS: Final = Weights()
EFFORT: Final = SearchEffort()
"""The weights and the limits of effort that diagnosis uses."""
