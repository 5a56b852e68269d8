"""Model topologies (Annexes A to D), and streams carried in model files (Annex E).

Read `onnx` first: every format module has the same functions `extract`, `restore` and
`parameter_shapes`; `classes` decides how a tensor is coded. How a model file is parsed may change
freely; parameter ids, the bytes of a topology and the layout of Annex E containers may not.
"""
