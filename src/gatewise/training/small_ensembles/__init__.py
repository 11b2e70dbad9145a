"""The training of ensembles of small recurrent networks as machine code, one member in each lane of a vector.

In: a compiled Keras model and the plan of a run, from `gatewise.training.ensemble`. Out: the steps of an epoch as one call,
for `gatewise.training.program`. README.md has the picture.

From the top down: `choice` (whether), `selftest`, `calls` (the function of JAX), `recognise` (Keras), `blocks` (what a thread
does), `walks` (a layer over time), `updates` (gradients and optimizer), `sorting` (order), `cells` (equations), `lanes` (sums
of products), `network` (sizes and layout). Importing this package imports nothing; llvmlite comes with `calls`.
"""
