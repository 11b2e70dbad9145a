"""Look inside: what a recurrent network does with one sequence, step by step.

In: a Keras model, and a sequence. Out: an `Inspection`: every gate and state, what the network says after each step, what its
inputs and states have to do with that. `gatewise.report.inspection_page` makes a page of it.
"""

from gatewise.inspection.door import (
    inspect as inspect,
)
from gatewise.inspection.inspection import (
    Inspection as Inspection,
)
