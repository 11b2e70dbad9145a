"""The models that sessions belong to: never another one under the same name."""

from collections.abc import Iterable

from gatewise.serving.sessions.live import Session
from gatewise.serving.terms.contract import Stepped
from gatewise.serving.terms.problems import Problem


class PinnedModels:
    """The models that sessions belong to, each by its name and the hash that it had when the session began."""

    def __init__(self, models: Iterable[Stepped]) -> None:
        # Asked once: a model may compute its hash.
        self._models = {model.name: (model, model.sha256) for model in models}

    def get(self, name: str, sha256: str) -> Stepped | None:
        """Return a model, if the one of that name is still the same."""
        model, found = self._models.get(name, (None, None))
        return model if found == sha256 else None

    def of(self, session: Session) -> Stepped:
        """Return the model that a session is pinned to."""
        model = self.get(session.row.model, session.row.sha256)
        if model is None:
            raise Problem(
                "model_changed",
                f"The session began with version {session.row.sha256[:12]} of {session.row.model}, which is not served now.",
                detail={"model_sha256": session.row.sha256},
            )
        return model
