"""From executions to results: comparison bit by bit, outcome, accuracy of models, false claims.

Read `judge` first; it is a pure function with the closed table of outcomes behind it. Change freely
how differences are described; an outcome that changes needs a test in test_suites_judge.py.
"""
