"""Requests that the Open Inference Protocol does not allow, or that contradict themselves, for `open_inference.py`."""


def with_input(**changes):
    """Return how a request is made worse: fields of its first input changed; None takes one away."""

    def change(body):
        tensor = body["inputs"][0]
        for name, value in changes.items():
            if value is None:
                del tensor[name]
            else:
                tensor[name] = value(tensor) if callable(value) else value
        return body

    return change


def whole(**changes):
    """Return how a request is made worse: fields of it changed; None takes one away."""

    def change(body):
        body = {**body, **changes}
        return {name: value for name, value in body.items() if value is not None}

    return change


BAD = {
    "no inputs": whole(inputs=None),
    "an empty list of inputs": whole(inputs=[]),
    "inputs that are no list": whole(inputs={"x": [1]}),
    "an input that is no object": whole(inputs=[1]),
    "an input without a name": with_input(name=None),
    "an input without a shape": with_input(shape=None),
    "an input without a datatype": with_input(datatype=None),
    "an input without data": with_input(data=None),
    "an unknown input": with_input(name="no-such-input"),
    "an unknown datatype": with_input(datatype="FP31"),
    "a datatype that is no name": with_input(datatype=32),
    "a shape that is no list": with_input(shape=3),
    "a negative dimension": with_input(shape=lambda one: [-1, *one["shape"][1:]]),
    "a dimension of 2⁶³": with_input(shape=lambda one: [2**63, *one["shape"][1:]]),
    "a dimension that is a fraction": with_input(shape=lambda one: [0.5, *one["shape"][1:]]),
    "a dimension that is text": with_input(shape=lambda one: ["1", *one["shape"][1:]]),
    "more data than the shape says": with_input(data=lambda one: one["data"] + one["data"][:1]),
    "less data than the shape says": with_input(data=lambda one: one["data"][:-1]),
    "another number of dimensions": with_input(shape=lambda one: [1, 1, *one["shape"]]),
    "null among the data": with_input(data=lambda one: [None, *one["data"][1:]]),
    "an object among the data": with_input(data=lambda one: [{}, *one["data"][1:]]),
    "data that is no list": with_input(data=lambda one: "a" if one["datatype"] != "BYTES" else 7),
    "data of another kind": with_input(
        data=lambda one: [["a"] if one["datatype"] != "BYTES" else 7] * len(one["data"])
    ),
    "an input twice": lambda body: {**body, "inputs": body["inputs"] * 2},
    "an unknown output": whole(outputs=[{"name": "no-such-output"}]),
    "outputs that are no list": whole(outputs="y"),
    "an id that is no text": whole(id=[1]),
    "parameters that are no object": whole(parameters=[1]),
}
BAD_BYTES = {
    "an empty body": b"",
    "no JSON": b"inputs",
    "JSON cut off": b'{"inputs": [',
    "a list": b"[]",
    "null": b"null",
    "bytes that are no text": b'{"id": "\xff"}',
    "JSON nested 100,000 deep": b'{"id": ' + b"[" * 100_000,
}
