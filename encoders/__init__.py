"""Streams and encoders on trial: is this stream conforming, and is this encoder right?

Read ``validation`` first, then ``cases`` and ``judge``; ``running`` gives both to the runner of
suites. Texts of hints and new cases may be added freely; the forms of `Validation` and
`EncoderResults` are published as docs/validation.schema.json and docs/encoder-results.schema.json.
"""
