"""The steps of an epoch as one call of XLA: what `program` does instead of a loop over steps, where a kernel does them."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gatewise.recurrent.kernels import frames, library, target
from gatewise.recurrent.kernels.threads import write_handler
from gatewise.training.data import Data
from gatewise.training.order import Steps, epoch_bits
from gatewise.training.small_ensembles import blocks
from gatewise.training.small_ensembles.network import Network, Room
from gatewise.training.state import ModelValues


@dataclass(frozen=True)
class Kernel:
    """A network's training as machine code, and where its numbers are among the values of the model.

    Attributes:
        network: What the code is written for.
        weights: Where the arrays of weights are in `ModelValues.trainable`, in the order of the network.
        slots: Where the optimizer keeps each slot of them.
        iterations: Where the optimizer counts its steps.
        rate: Where its learning rate is.
        threads: How many threads share the members.
    """

    network: Network
    weights: tuple[int, ...]
    slots: tuple[tuple[int, ...], ...]
    iterations: int
    rate: int
    threads: int

    @property
    def name(self) -> str:
        """The name by which XLA knows the code."""
        facts = f"{code_version()} {self.network}"
        return f"gatewise_ensemble_{hashlib.sha256(facts.encode()).hexdigest()[:16]}"

    def load(self) -> None:
        """Compile the code or take it from the cache."""
        library.load_module(self.name, lambda: written(self.network, self.name), [self.name])

    def train(
        self, values: ModelValues, total: Any, keys: Any, data: Data, where: tuple[Steps, Any, Any, Any]
    ) -> tuple[ModelValues, Any, Any]:
        """Do some steps of an epoch.

        Args:
            values: The values of all members.
            total: Of each member, the sum of the losses of the epoch, each times its rows.
            keys: Of each member, the key that its order comes from.
            data: All rows; with a members axis where each member has its own.
            where: How the rows are cut, the epoch, the first step, and how many.

        Returns:
            The values and the sums afterwards, and of each member the first of these steps, counted from 0, whose loss
            was not finite; -1 for none.
        """
        steps, epoch, first, count = where
        members = len(values.trainable[0])
        extent = jnp.stack([first, count, jnp.int32(steps.batch), jnp.int32(steps.rows)]).astype(jnp.int32)
        given = [data.x, data.y, *([data.weight] if self.network.weighted else [])]
        if self.network.shuffled:
            given.append(jax.vmap(lambda key: epoch_bits(key, epoch, steps.rows))(keys))
        blocks_of_all = -(-members // target.shape().lanes)
        shares = np.arange(self.threads + 1) * blocks_of_all // self.threads
        given += [
            jnp.asarray(shares, jnp.int32),
            extent,
            self._factors(values, first, steps.total),
            values.optimizer[self.rate],
        ]
        changed = [values.trainable[k] for k in self.weights]
        changed += [values.optimizer[k] for slot in self.slots for k in slot]
        changed += [*values.recurrent, total]
        vectors = Room(self.network).vectors(steps.batch, steps.rows)
        scratch = (self.threads, vectors * target.shape().lanes)
        results = [*(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in changed)]
        results += [jax.ShapeDtypeStruct((members,), jnp.int32), jax.ShapeDtypeStruct(scratch, jnp.float32)]
        aliases = {len(given) + k: k for k in range(len(changed))}
        call = jax.ffi.ffi_call(self.name, results, input_output_aliases=aliases)
        *new, bad, _ = call(*given, *changed, every=np.int64(1), threads=np.int64(self.threads))
        return self._values(values, new[:-1], count), new[-1], bad

    def _factors(self, values: ModelValues, first: Any, total: int) -> Any:
        """Return for each step of the epoch what the learning rate is multiplied with."""
        update = self.network.update
        if update.kind != "adam":
            return jnp.ones(total, jnp.float32)
        # All members have done the same number of steps.
        done = values.optimizer[self.iterations][0] + 1 + jnp.arange(total) - first
        done = jnp.maximum(done, 1).astype(jnp.float32)
        return jnp.sqrt(1 - jnp.power(update.second, done)) / (1 - jnp.power(update.first, done))

    def _values(self, values: ModelValues, new: list[Any], count: Any) -> ModelValues:
        arrays = iter(new)
        trainable, optimizer = list(values.trainable), list(values.optimizer)
        for k in self.weights:
            trainable[k] = next(arrays)
        for slot in self.slots:
            for k in slot:
                optimizer[k] = next(arrays)
        optimizer[self.iterations] = optimizer[self.iterations] + count.astype(optimizer[self.iterations].dtype)
        return values._replace(trainable=trainable, optimizer=optimizer, recurrent=list(arrays))


def written(network: Network, name: str) -> Any:
    """Return the training of a network as an LLVM module."""
    lanes, room = target.shape().lanes, Room(network)
    module = library.new_module(name)
    functions = blocks.write_functions(module, room, lanes)
    walk = blocks.training(room, functions, lanes)
    write_handler(module, name, blocks.operands(network), walk, frames.api_version(), library.threaded())
    return module


@functools.cache
def code_version() -> str:
    """Return a short name for all that the code of a network depends on besides the network."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    texts = [library.code_version(), *(path.read_text(encoding="utf-8") for path in sources)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
