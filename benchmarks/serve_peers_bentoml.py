"""The network of serve.py as a service of BentoML."""

import bentoml

from serve_peers import Network


@bentoml.service
class Stepping:
    """Steps of sessions."""

    def __init__(self):
        self.network = Network()

    @bentoml.api
    def step(self, session: str, x: list[float]) -> list[float]:
        return self.network.step(session, x).tolist()
