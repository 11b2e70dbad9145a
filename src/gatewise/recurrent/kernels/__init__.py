"""Recurrent walks as machine code for this computer's vectors, written and compiled when they are first needed.

In: equations of `gatewise.recurrent.equations` and arrays of JAX. Out: the same numbers as from `gatewise.recurrent.scans`,
sooner. Which walks come here is decided in `gatewise.recurrent.paths`. README.md has the picture.

From the top down: `selftest`, `calls` (functions of JAX) and `arrays` (what they pass), `library` (compiling, keeping,
loading), `forward` and `back` (the loops), `rings` (what the walk back adds up), `rows` (which of them count), `threads`,
`operands` and `frames` (how XLA calls), `dropout`, `places`, `steps` (the equations), `products`, `activations`, `emitter`
(LLVM), `target` (the processor). Importing this package imports nothing; llvmlite comes with `library`.
"""
