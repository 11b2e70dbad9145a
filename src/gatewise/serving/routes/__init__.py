"""Paths: what answers which request, and the document that says so.

In: a `gatewise.serving.service`. Out: the ASGI application of `app`.

`calls` are the quick ones, `together` the steps that come straight from their connections; `sessions`, `models`, `tables` and
`page` are FastAPI's; `open_inference`, `plain` and `tensors` read and write batches; `document` and `shapes` describe.
"""
