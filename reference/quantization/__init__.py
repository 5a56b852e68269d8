"""Quantization (clauses 7.3 and 9): from indexes to values for decoders, and back for encoders.

`reconstruction` is the decoder's part and the text of the clause; read it first. The rest serves
the encoder: `quantizer` chooses indexes (by the search in `trellis`), `codebook` designs codebooks,
`steps` chooses step sizes. The encoder's part may change freely; streams then differ, but decode.
"""
