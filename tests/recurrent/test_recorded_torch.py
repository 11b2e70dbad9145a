"""Law: with the same weights, gatewise's layers give the results and gradients of PyTorch's.

The numbers were recorded once by record_from_torch.py, which says how weights translate; the file names its origin.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from record_from_torch import FILE, GATES, LENGTHS, UNITS, given, weighing

import gatewise as gw
from gatewise.backend import import_keras

keras = import_keras()
pytestmark = pytest.mark.usefixtures("quickly_compiled")

# Ten steps in float32, recorded to seven digits.
CLOSE = {"rtol": 1e-5, "atol": 2e-6}


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("kind", GATES)
def test_law_a_layer_is_pytorch_s(kind, lengths):
    recorded = json.loads(FILE.read_text())["cases"][kind if lengths is None else f"{kind}-lengths"]
    x, values, states = given(kind)
    layer = getattr(gw.layers, kind)(UNITS, return_sequences=True, return_state=True)
    layer.build(x.shape)
    call = {} if lengths is None else {"lengths": np.array(lengths)}
    counts = np.arange(x.shape[1]) < np.array(lengths or [x.shape[1]] * len(x))[:, None]

    def scalar(x, values, states):
        with keras.StatelessScope(state_mapping=list(zip(layer.trainable_variables, values, strict=True))):
            outputs, *after = layer(x, initial_state=states, **call)
        # PyTorch gives zeros behind the end of a row.
        outputs = outputs * counts[..., None]
        return jnp.sum(outputs * weighing(outputs.shape)) + sum(jnp.sum(state) for state in after), (outputs, after)

    function = jax.jit(jax.value_and_grad(scalar, argnums=(0, 1, 2), has_aux=True))
    (_, (outputs, after)), (d_x, d_values, d_states) = function(x, values, states)
    ours = [outputs, np.stack(after), d_x, *d_values, np.stack(d_states)]
    assert len(ours) == len(recorded)
    for name, one in zip(recorded, ours, strict=True):
        np.testing.assert_allclose(one, np.array(recorded[name]), **CLOSE, err_msg=name)
