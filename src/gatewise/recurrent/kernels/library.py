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
    return f"gatewise_{cell}_{part}_{_version()}"


def load(cell: str) -> None:
    """Compile a cell's kernels or take them from the cache, and hand them to XLA. Does nothing the second time."""
    with _LOCK:
        if cell in _ENGINES:
            return
        code = _read(cell)
        if code is None:
            started = time.perf_counter()
            code = compiled(cell)
            logger.debug("gatewise compiled the %s kernels in %.1f s", cell, time.perf_counter() - started)
            if (files := _files()) is not None:
                files.put(_key(cell), code)
        _ENGINES[cell] = _loaded(cell, code)


def threaded() -> bool:
    """Say whether the system has the threads that the kernels start."""
    return sys.platform != "win32" and hasattr(ctypes.CDLL(None), "pthread_create")


def compiled(cell: str) -> bytes:
    """Return the machine code of a cell's kernels as an object file."""
    import llvmlite.binding as llvm

    machine = _machine()
    module = llvm.parse_assembly(str(written(cell)))
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    # The code is written as vectors already, and its inner loops are as long as the registers allow.
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def written(cell: str) -> Any:
    """Return a cell's kernels as an LLVM module."""
    from llvmlite import binding as llvm
    from llvmlite import ir

    from gatewise.recurrent.kernels import frames
    from gatewise.recurrent.kernels.back import back
    from gatewise.recurrent.kernels.forward import forward
    from gatewise.recurrent.kernels.operands import back_operands, forward_operands
    from gatewise.recurrent.kernels.steps import STEPS
    from gatewise.recurrent.kernels.threads import write_handler

    steps, shape = STEPS[cell], target.shape()
    module = ir.Module(f"gatewise_{cell}")
    module.triple = llvm.get_process_triple()
    module.data_layout = str(_machine().target_data)
    parts = {
        "predict": (forward_operands(steps, saving=False), forward(steps, shape, saving=False)),
        "forward": (forward_operands(steps, saving=True), forward(steps, shape, saving=True)),
        "back": (back_operands(steps), back(steps, shape)),
    }
    for part, (operands, walk) in parts.items():
        write_handler(module, target_name(cell, part), operands, walk, frames.api_version(), threaded())
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


def _loaded(cell: str, code: bytes) -> Any:
    """Put machine code where it can run, and tell XLA where its functions are."""
    import jax
    import llvmlite.binding as llvm
    from llvmlite import ir

    machine = _machine()
    empty = ir.Module(f"gatewise_{cell}_loader")
    empty.triple = llvm.get_process_triple()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(empty)), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    for part in PARTS:
        name = target_name(cell, part)
        address = engine.get_function_address(name)
        jax.ffi.register_ffi_target(name, capsule(address, None, None), platform="cpu")
    return engine


# -- the cache --------------------------------------------------------------------------------------------------------


@functools.cache
def _version() -> str:
    """Return a short name for everything that the code depends on."""
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


def _key(cell: str) -> str:
    return f"{cell}-{_version()}"


def _files() -> ProgramFiles | None:
    folder = kernel_folder()
    return None if folder is None else ProgramFiles(folder)


def _read(cell: str) -> bytes | None:
    files = _files()
    return None if files is None else files.get(_key(cell))
