"""check-decoder: tells the makers of a decoder what is wrong with it.

Read `check` first; `probes` has the streams that it gives to the decoder. Change probes and texts
freely; every fault needs a code of the closed table in results/fault_table.py.
"""
