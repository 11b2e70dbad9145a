"""What all routes share: the models that are served, and whether the server is ready."""

from collections.abc import Iterable

from gatewise.errors import UsageError
from gatewise.serving.contract import Asked, ServedModel, Stepped
from gatewise.serving.limits import Limits
from gatewise.serving.problems import Problem, shown


class Service:
    """Models by name, and what is known of the server's own state.

    Attributes:
        models: Name → model.
        limits: How much is taken.
        draining: Whether the server is being stopped.
    """

    def __init__(self, models: Iterable[ServedModel], limits: Limits | None = None) -> None:
        self.models: dict[str, ServedModel] = {}
        for model in models:
            if model.name in self.models:
                raise UsageError(f"Two models are called {model.name!r}: give one of them another name.")
            self.models[model.name] = model
        self.limits = limits or Limits()
        self.draining = False

    def model(self, name: str) -> ServedModel:
        """Return the model of a name.

        Raises:
            Problem: There is none.
        """
        found = self.models.get(name)
        if found is None:
            raise Problem("model_unknown", f"No model is called {shown(name)} here.")
        return found

    def stepped(self, name: str) -> Stepped:
        """Return the model of a name, which can have sessions."""
        found = self.model(name)
        if not isinstance(found, Stepped):
            raise Problem("not_stateful", f"The model {name} is a {found.kind} and has no state to step.")
        return found

    def asked(self, name: str) -> Asked:
        """Return the model of a name, which answers batches."""
        found = self.model(name)
        if not isinstance(found, Asked):
            raise Problem("not_asked", f"The model {name} is a {found.kind} that is only stepped.")
        return found
