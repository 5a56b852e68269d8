"""Directed encoders: searches for indexes that take the entropy coder where random ones rarely do.

Read `live` first, the coder that all searches look ahead with. Core vectors are made by these
searches, so a change that finds other indexes changes published bytes.
"""
