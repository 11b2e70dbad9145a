"""The kernels as machine code: written and compiled once, kept in gatewise's cache, loaded and handed to XLA.

One file a cell, which holds its three functions. It is named for everything that its content depends on: the sources of
this room, LLVM, the processor, the vectors, XLA's interface.
"""

import ctypes
import functools
import hashlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gatewise.backend import kernel_folder
from gatewise.program_files import ProgramFiles
from gatewise.recurrent.kernels import target

logger = logging.getLogger("gatewise")

PARTS = ("predict", "forward", "back")

# Held while code is compiled or loaded: two threads that trace a model need it once.
_LOCK = threading.Lock()
# Engines own the memory that the code is in, and XLA may call it until the process ends.
_ENGINES: dict[str, Any] = {}


def target_name(cell: str, part: str) -> str:
    """Return under which name XLA knows a kernel.

    Programs that JAX keeps on disk call kernels by name, so the name has to change with their interface.
    """
    return f"gatewise_{cell}_{part}_{code_version()}"


def load(cell: str) -> None:
    """Compile a cell's kernels or take them from the cache, and hand them to XLA. Does nothing the second time."""
    load_module(f"{cell}-{code_version()}", lambda: written(cell), [target_name(cell, part) for part in PARTS])


def load_module(key: str, write: Callable[[], Any], functions: Sequence[str]) -> None:
    """Compile a module or take it from the cache, and hand its functions to XLA. Does nothing the second time.

    Args:
        key: A name for the module and everything that its content depends on.
        write: Returns the LLVM module.
        functions: The names of its functions that XLA is to know.
    """
    with _LOCK:
        if key in _ENGINES:
            return
        files = _files()
        code = None if files is None else files.get(key)
        if code is None:
            started = time.perf_counter()
            code = compiled(write())
            logger.debug("gatewise compiled the kernels %s in %.1f s", key, time.perf_counter() - started)
            if files is not None:
                files.put(key, code)
        _ENGINES[key] = _loaded(key, code, functions)


def threaded() -> bool:
    """Say whether the system has the threads that the kernels start."""
    return sys.platform != "win32" and hasattr(ctypes.CDLL(None), "pthread_create")


def compiled(written: Any) -> bytes:
    """Return the machine code of an LLVM module as an object file."""
    import llvmlite.binding as llvm

    machine = _machine()
    module = llvm.parse_assembly(str(written))
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    # The code is written as vectors already, and its inner loops are as long as the registers allow.
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def written(cell: str) -> Any:
    """Return a cell's kernels as an LLVM module."""
    from gatewise.recurrent.kernels import frames
    from gatewise.recurrent.kernels.back import back
    from gatewise.recurrent.kernels.forward import forward
    from gatewise.recurrent.kernels.operands import back_operands, forward_operands
    from gatewise.recurrent.kernels.steps import STEPS
    from gatewise.recurrent.kernels.threads import write_handler

    steps, shape = STEPS[cell], target.shape()
    module = new_module(f"gatewise_{cell}")
    parts = {
        "predict": (forward_operands(steps, saving=False), forward(steps, shape, saving=False)),
        "forward": (forward_operands(steps, saving=True), forward(steps, shape, saving=True)),
        "back": (back_operands(steps), back(steps, shape)),
    }
    for part, (operands, walk) in parts.items():
        write_handler(module, target_name(cell, part), operands, walk, frames.api_version(), threaded())
    return module


def new_module(name: str) -> Any:
    """Return an empty LLVM module for this processor."""
    import llvmlite.binding as llvm
    from llvmlite import ir

    module = ir.Module(name)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(_machine().target_data)
    return module


def _machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        jit=True,
    )


def _loaded(name: str, code: bytes, functions: Sequence[str]) -> Any:
    """Put machine code where it can run, and tell XLA where its functions are."""
    import jax
    import llvmlite.binding as llvm
    from llvmlite import ir

    machine = _machine()
    empty = ir.Module(f"{name}-loader")
    empty.triple = llvm.get_process_triple()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(empty)), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    for function in functions:
        address = engine.get_function_address(function)
        jax.ffi.register_ffi_target(function, capsule(address, None, None), platform="cpu")
    return engine


# -- the cache --------------------------------------------------------------------------------------------------------


@functools.cache
def code_version() -> str:
    """Return a short name for all that the code of kernels depends on: this room, LLVM, XLA and the processor."""
    import llvmlite
    import llvmlite.binding as llvm

    sources = sorted(Path(__file__).parent.glob("*.py"))
    facts = [
        *(path.read_text(encoding="utf-8") for path in sources),
        llvmlite.__version__,
        str(llvm.llvm_version_info),
        version("jaxlib"),
        llvm.get_process_triple(),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
        str(target.shape()),
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _files() -> ProgramFiles | None:
    folder = kernel_folder()
    return None if folder is None else ProgramFiles(folder)
