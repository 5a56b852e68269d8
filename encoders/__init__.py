"""Streams and encoders on trial: is this stream conforming, and if not, what is wrong with it?

Read ``validation`` first; ``hints`` has one piece of advice for each rule. Texts of hints may be
changed freely; the form of `Validation` is published as docs/validation.schema.json.
"""
