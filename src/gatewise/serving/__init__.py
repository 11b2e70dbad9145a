"""The server: models asked over HTTP, and sessions whose recurrent state survives what happens to the process.

In: models (see `contract`), a folder for the store. Out: an ASGI application, which ``gatewise serve`` runs.

- `contract`: what a served model can be asked. `served_models` opens folders: `stepped_networks` step in this process,
  `worked_models` in a worker.
- `work`, `workers`: processes of their own for what needs Keras or takes long. `worker_process`, `works` and `model_work` run
  there.
- `store`: sessions in SQLite; an answer leaves only after its commit.
- `sessions`: what a session may be asked, and in which order.
- `app`, `routes_*`, `open_inference`: paths to calls. `guards`, `limits`, `problems`, `metrics`: what stands around them.
"""
