"""Training: a Keras model and arrays in, a trained state and its history out. Knows no series and no text.

One loop, many doors. `gatewise.training.program` is the loop: steps into epochs into a run, one compiled program.
Around it, each a short file: `step` (Keras's training step inside a trace; `forward` is the same for prediction),
`order` (which rows meet), `stopping` (rules at the end of an epoch), `state` (a model's values, out and in), `run`
(dispatches, and what the host does between them). The doors: `fit`, `ensemble`, `predict`, `stream`, `saving`, `initial`.

May be imported by the recipes and everything above; imports `gatewise.recurrent`, `gatewise.artifact` and below.
"""
