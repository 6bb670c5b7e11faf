"""The causal probe: which regions' motion is tied to which emotion, how surely, and against which nulls.

`probe` is the whole of it, `variables` makes its rows, `plot` draws its result. `discover` searches one table for a
graph; `paper` is the published recipe, faithful to its faults. `fisherz` and `orient` are the fast PC underneath,
`guards` and `table` prepare what it sees, `score`, `bootstrap` and `nulls` say what to make of its answer.
"""
