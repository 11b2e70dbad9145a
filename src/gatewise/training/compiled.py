"""Programs that are compiled once: where they are kept, and why one had to be compiled again.

A model keeps its programs with it. A call whose facts (shapes, options, the compile settings of the model) were seen
before finds its program; for any other the ``gatewise`` logger says, at debug level, which fact is new.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

import jax

logger = logging.getLogger("gatewise")

_ATTRIBUTE = "_gatewise_programs"


class Traces:
    """Counts how often gatewise has traced anything in this process, for tests and the curious."""

    count = 0


def shapes(nest: Any) -> tuple[Any, ...]:
    """Return what a program needs to know of arrays: structure, shapes and types."""
    leaves, structure = jax.tree.flatten(nest)
    return structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


def model_facts(model: Any) -> dict[str, Any]:
    """Return what a program needs to know of a model besides its shapes.

    The objects stand for themselves: compiling a model anew makes new ones.
    """
    facts = {"trainable": tuple(layer.trainable for layer in model._flatten_layers())}
    if getattr(model, "compiled", False):
        facts["compile()"] = (model.optimizer, model._compile_loss, model._compile_metrics)
    return facts


class ProgramStore:
    """The programs of one model for one purpose, by the facts they were compiled for."""

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self.programs: dict[Any, Any] = {}
        self.last: dict[str, Any] = {}

    @classmethod
    def of(cls, model: Any, purpose: str) -> "ProgramStore":
        """Return the store that belongs to a model."""
        stores = model.__dict__.setdefault(_ATTRIBUTE, {})
        return stores.setdefault(purpose, cls(purpose))

    def get(self, facts: dict[str, Any], build: Callable[[], Any]) -> Any:
        """Return the program for these facts, built if it is not there yet."""
        key = tuple(facts.items())
        program = self.programs.get(key)
        if program is None:
            if self.last:
                changed = [name for name, value in facts.items() if self.last.get(name) != value]
                logger.debug("gatewise compiles %s again: %s changed", self.purpose, ", ".join(changed) or "nothing")
            Traces.count += 1
            program = self.programs[key] = build()
        self.last = facts
        return program


def compile_in_background(lowered: Any, waiting: Callable[[], None]) -> Any:
    """Compile a traced program in a thread, so that Ctrl-C is answered while XLA works.

    Args:
        lowered: What ``jax.jit(...).lower(...)`` returned.
        waiting: Called ten times a second until it is done.

    Returns:
        The compiled program.
    """
    outcome: list[Any] = []
    done = threading.Event()

    def work() -> None:
        try:
            outcome.append((lowered.compile(), None))
        except BaseException as error:
            outcome.append((None, error))
        finally:
            done.set()

    # No daemon: XLA aborts the process if Python takes a thread from under it, so an abandoned compilation is let finish.
    thread = threading.Thread(target=work, name="gatewise-compile")
    thread.start()
    # Not Thread.join: up to Python 3.12, Ctrl-C in it makes Python believe that the thread has ended.
    while not done.wait(0.1):
        waiting()
    compiled, error = outcome[0]
    if error is not None:
        raise error
    return compiled
