"""Locating a fault: which syntax elements the failing vectors share and the passing ones lack.

Read `suspects` first, then `spectrum`. Change freely which traits are compared; the tests with
historical bugs (tests/faults/mutants/test_historical_bugs.py) measure how often the element is
right.
"""
