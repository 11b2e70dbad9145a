"""Recurrent layers and their state: what every room above needs to know about recurrence, and nothing of training.

In: Keras models with recurrent layers. Out: layers that are quicker; states as variables, ways to reset and lend them.
May be imported by training and everything above it.
"""

from gatewise.recurrent.exchange import (
    accelerate as accelerate,
)
from gatewise.recurrent.paths import (
    DEVICES as DEVICES,
)
from gatewise.recurrent.paths import (
    MEMBERS as MEMBERS,
)
from gatewise.recurrent.paths import (
    warm_up as warm_up,
)
from gatewise.recurrent.paths import (
    without_kernels as without_kernels,
)
from gatewise.recurrent.quick import (
    quick_cells as quick_cells,
)
from gatewise.recurrent.states import (
    fresh_states as fresh_states,
)
from gatewise.recurrent.states import (
    is_stateful as is_stateful,
)
from gatewise.recurrent.states import (
    lent_states as lent_states,
)
from gatewise.recurrent.states import (
    recurrent_layers as recurrent_layers,
)
from gatewise.recurrent.states import (
    reset_states as reset_states,
)
from gatewise.recurrent.states import (
    state_rows as state_rows,
)
from gatewise.recurrent.states import (
    state_variables as state_variables,
)
from gatewise.recurrent.states import (
    states_for as states_for,
)
from gatewise.recurrent.ways import (
    kernels_do_it as kernels_do_it,
)
from gatewise.recurrent.ways import (
    show_backend as show_backend,
)
