"""Processes of their own for what needs Keras or takes long: questions about models, and what the page wants trained.

In: the name of a work and what is asked, as plain JSON values. Out: its answer, in the same form.

`work` is the door; `worker` has the process, `jobs` what it was given. In the process run `process`, `works` (what there is to
do), `model_work` with one module for each kind of model, and `table_work`.
"""
