"""A model for MLServer, as its documentation writes one with its own codecs, for `open_inference.py` beside gatewise's server.

``python tests/campaigns/mlserver_model.py FOLDER`` writes its settings; ``mlserver start FOLDER`` serves it as ``doubles``.
"""

import json
import shutil
import sys
from pathlib import Path

TENSOR = {"datatype": "FP32", "shape": [-1, 2]}
SETTINGS = {
    "name": "doubles",
    "implementation": "mlserver_model.Doubles",
    "platform": "numpy",
    "versions": ["1"],
    "parameters": {"version": "1"},
    "inputs": [{"name": "x", **TENSOR}],
    "outputs": [{"name": "y", **TENSOR}],
}


def write(folder):
    """Write a folder that MLServer serves: the usual settings, on another port."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model-settings.json").write_text(json.dumps(SETTINGS))
    (folder / "settings.json").write_text(json.dumps({"http_port": 18080, "grpc_port": 18081, "metrics_port": 18082}))
    shutil.copy(__file__, folder / "mlserver_model.py")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
else:
    import numpy as np
    from mlserver import MLModel
    from mlserver.codecs import NumpyCodec
    from mlserver.types import InferenceRequest, InferenceResponse

    class Doubles(MLModel):
        """Twice what it is given."""

        async def load(self) -> bool:
            """Have nothing to load."""
            return True

        async def predict(self, payload: InferenceRequest) -> InferenceResponse:
            """Decode the input as its codec does, and answer."""
            x = NumpyCodec.decode_input(payload.inputs[0])
            output = NumpyCodec.encode_output("y", np.float32(2) * x)
            return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
