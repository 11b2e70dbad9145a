"""The server: models asked over HTTP, and sessions whose recurrent state survives what happens to the process.

In: models (see `terms.contract`), a folder for the store. Out: an ASGI application, which ``gatewise serve`` runs.

From the top down: `server` (the process), `routes` (paths), `service` (what all paths share), `http`, `sessions` and `models`,
which do not know each other but for the calls of models that sessions need, `workers` (processes beside this one), `watch`
(numbers and logs), `terms` (what all agree on). `page` holds the files of the web page.
"""
