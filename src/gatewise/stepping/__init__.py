"""Steps of recurrent networks in NumPy, without Keras and JAX: a folder of weights in, one time step after the other.

`read_network` reads a folder that `gatewise.save` wrote. `training.step_chain` describes a Keras model in the same form for
`gatewise.stream`; so a stream and a network read from its folder compute the same bits.

- `operations`, `cells`: one time step of a layer as NumPy operations. `plan`: those of a whole network, and their run.
- `keras_description`: what of a Keras model's description in a folder can be stepped through.
- `network`: the folder, and steps as a function of the state: bytes in, bytes out.

Knows no training; imports `gatewise.artifact` and `gatewise.errors` and NumPy, and nothing that takes longer to import.
"""

from gatewise.stepping.network import StepNetwork as StepNetwork
from gatewise.stepping.network import read_network as read_network
from gatewise.stepping.plan import NoChain as NoChain
