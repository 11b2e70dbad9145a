"""The network of serve.py as a runtime of MLServer."""

from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput

from serve_peers import Network


class Stepping(MLModel):
    """Steps; the request's id says of which session."""

    async def load(self):
        self.network = Network()
        return True

    async def predict(self, payload):
        y = self.network.step(payload.id, payload.inputs[0].data.root)
        output = ResponseOutput(name="y", shape=[1, len(y)], datatype="FP32", data=y.tolist())
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[output])
