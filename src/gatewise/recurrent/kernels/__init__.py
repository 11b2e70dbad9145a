"""Recurrent walks as machine code for this computer's vectors, written and compiled when they are first needed.

In: equations of `gatewise.recurrent.equations` and arrays of JAX. Out: the same numbers as from `gatewise.recurrent.scans`,
sooner. Which walks come here is decided in `gatewise.recurrent.paths`. README.md has the picture.

From the top down: `calls` (functions of JAX), `selftest`, `library` (compiling, keeping, loading), `threads` and `frames`
(how XLA calls), `walks` (the loops), `places`, `steps` (the equations), `products`, `activations`, `emitter` (LLVM),
`target` (the processor). Importing this package imports nothing; llvmlite comes with `calls`.
"""
