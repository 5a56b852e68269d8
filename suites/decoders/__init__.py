"""Decoders under test: what describes one, and how each kind is given a stream.

Read `decoder_spec` and `execution` first; docs/decoder-protocol.md is the specification. Change
freely how an answer is read; the protocol's messages and decoder.toml are published formats.
"""
