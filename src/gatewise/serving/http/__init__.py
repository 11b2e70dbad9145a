"""HTTP: bytes to requests, who may ask, JSON from strangers, answers to bytes. Knows nothing of models and sessions.

In: connections. Out: `answers.Incoming` to the calls of `gatewise.serving.routes`, and their `answers.Answer` back.

`receipt` is a connection, and cuts off what never ends; `straight` is the short way of steps; `guards` lets in; `json_text`
reads.
"""
