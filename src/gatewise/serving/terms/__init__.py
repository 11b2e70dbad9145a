"""What all rooms of the server agree on: the `contract` of a model, `limits`, and `problems`, the errors of answers."""
