"""The glossary, once for the HTML report and for ``docs/glossary.md``.

The page is made by ``python -m nnc_conformance.reports.glossary > docs/glossary.md``.
"""

import sys
import textwrap
from typing import Final

GLOSSARY: Final[dict[str, str]] = {
    "Base model": ("The model that an update stream changes, which a decoder must remember. Updates belong to the second edition."),
    "Bin": "One binary decision, as coded by the arithmetic coder DeepCABAC.",
    "Capability": (
        "A feature that a decoder may lack, such as dq or topology. A decoder.toml declares which ones the decoder has; a vector that "
        "needs another one is unsupported and counts neither for the decoder nor against it."
    ),
    "Case": "One vector on one decoder, or one set of generated inputs on one encoder.",
    "Cause": "A candidate explanation of a failure: a bug that explain puts into the reference decoder to see whether it fails alike.",
    "Certificate": (
        "A signed file that states what a decoder or an encoder has passed, with the evidence to judge it again offline. See "
        "docs/trust.md for what it does not prove."
    ),
    "Coverage goal": (
        "Something that streams can exercise: a syntax element, a class of its values, a branch of the syntax, a context at an extreme, "
        "an event of the arithmetic decoder, or a pair or triple of coding tools."
    ),
    "Disputed point": (
        "A point on which published codecs differ from each other or from the text of the standard. Vectors of level disputed show which "
        "choice a decoder makes; no choice is wrong, and none counts."
    ),
    "Edition": "A version of the standard: the first edition is ISO/IEC 15938-17:2022, the second is of 2024.",
    "Equivalent mutant": "A mutant that no stream can distinguish from the original, with the argument. It does not count in the score.",
    "Fresh case": (
        "Tensors and options drawn at random when the certificate of an encoder is issued, so that no encoder can have been fitted to them."
    ),
    "Fresh stream": (
        "A stream drawn at random when a certificate is issued, so that no decoder can have been fitted to it. A run draws some, too: "
        "they follow from the suite and the decoder, so that the same run always has the same ones."
    ),
    "Interpretation": "One choice for every disputed point. The reference decoder takes it as an option; --interpretation sets it.",
    "Lenient": (
        "A mode of the reference decoder in which violations of rules of policy may are forgiven and reported. Strict, the "
        "default, refuses them."
    ),
    "Level": (
        "A part of the suite with a purpose of its own. core: everything a conforming decoder must decode. full: more of the same, for "
        "thoroughness. negative: broken streams. stress: random streams. models: whole networks, judged by their accuracy too. disputed: "
        "disputed points. inferred: facts of provenance I. huge: streams beyond common limits. Without --level a run takes core, negative "
        "and some fresh streams of level stress."
    ),
    "Mutant": "The reference decoder with one small change that makes it wrong, made to see whether a vector fails on it.",
    "Mutation score": "The share of mutants that at least one vector kills: it fails on them. Equivalent mutants are left out.",
    "Outcome": "The result of a case, such as pass, fail, refused, crash or unsupported. The report lists all outcomes with their meaning.",
    "Peer": "The independent codec: an implementation of the standard by others, used to check that our reading of it is not ours alone.",
    "Policy": (
        "Of a rule: must means that every decoder has to refuse a stream that breaks it, may means that a decoder may also decode it. "
        "Of a certificate: the file that says which levels have to pass."
    ),
    "Provenance": (
        "Where a fact about the standard comes from. V: verified, an independent decoder does so on real streams. P: published by others. "
        "I: inferred by this project. Facts of provenance I never count. A dash marks a policy of this project, such as a limit."
    ),
    "Reference": "The encoder and decoder of this project, written to be read as an executable form of the standard.",
    "Rule": "A condition that a valid stream meets, with its clause, policy and error category. Every refusal names a rule.",
    "Seeded bug": "A mutant written by hand after a plausible or historical mistake.",
    "Session": (
        "A stream with a whole model and the updates after it, in order. Each step needs what the steps before it left. Sessions belong to "
        "the second edition."
    ),
    "Standing": (
        "Whether a case counts. conformance: it rests on verified or published facts and counts. inferred, disputed and own (a policy of "
        "this project): shown, never counted."
    ),
    "Stream": "A compressed neural network as a sequence of bytes, made of units such as headers, parameter sets and coded tensors.",
    "Suite": "A folder or package of vectors with a manifest of their hashes.",
    "Syntax element": "A named field of a stream, as in the syntax tables of the standard.",
    "Target": "A named set of capabilities and values that somebody outside this project requires of decoders, with its source and date.",
    "Update": "A stream that codes differences to a base model instead of a whole model. Updates belong to the second edition.",
    "Vector": (
        "A stream with the output that a decoder must give: the exact tensors, or for a negative vector a refusal. It also states which "
        "clauses it tests and which bug it catches. A vector of the second edition can be a session of several streams."
    ),
    "Waiver": "An entry of a policy that excuses a failing vector, with a reason and a last day.",
    "Worker": "A decoder that is started once and answers many requests over the worker protocol (docs/decoder-protocol.md).",
    "Worker process": "A process of the harness that runs cases, one at a time; the decoder runs below it, under limits.",
}
"""Every term with its definition, in plain text and in alphabetical order."""


def glossary_page() -> str:
    """Return the page in Markdown."""
    entries = [f"## {term}\n\n{textwrap.fill(definition, 100)}\n" for term, definition in GLOSSARY.items()]
    return "\n".join(["# Glossary\n\nThe words of the reports, the commands and these pages.\n", *entries])


if __name__ == "__main__":
    sys.stdout.write(glossary_page())
