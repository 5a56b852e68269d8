"""Small trained networks, and the scripts that made them.

Read `packaged_networks` first: it gives the networks and their held-out images to the rest of the
project. The networks are data and never change; `train` runs only by hand.
"""
