"""Other people's model files, recognised by their first bytes so that the refusal can say what to do.

Nothing here opens them any further.
"""

from pathlib import Path

_IN_A_SANDBOX = (
    "Such a file can run code when it is opened: open it with the program that wrote it, in a sandbox if you did not "
    "make it yourself, and save the model with gw.save."
)
_UNPACK = "Unpack it, and give the folder that gw.save wrote."
# Pickles of protocol 2 and later begin with \x80 and the protocol; older ones with the opcode of what they hold.
_PICKLES = (*(bytes([0x80, protocol]) for protocol in range(2, 6)), b"(d", b"(l", b"]q", b"}q", b"c")
_BEGINNINGS = (
    ((b"\x89HDF\r\n\x1a\n",), "an HDF5 file (.h5)", _IN_A_SANDBOX),
    (_PICKLES, "a pickle", _IN_A_SANDBOX),
    ((b"\x1f\x8b",), "a gzip file", _UNPACK),
)


def describe_file(path: Path, head: bytes) -> tuple[str, str]:
    """Say what a file is that was given where a saved folder was expected.

    Args:
        path: The file's name.
        head: Its first bytes, 4096 are enough.

    Returns:
        What it is, as the end of "it is …", and what to do.
    """
    if head.startswith(b"PK\x03\x04"):
        return _describe_zip(path, head)
    for beginnings, what, remedy in _BEGINNINGS:
        if head.startswith(beginnings):
            return what, remedy
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**27:
        return "a bare safetensors file", "Give the folder that it lies in; a model is weights and manifest.json."
    return "a file, not a folder that gw.save wrote", "Give the folder."


def _describe_zip(path: Path, head: bytes) -> tuple[str, str]:
    if b"data.pkl" in head or b"constants.pkl" in head:
        return "a PyTorch file (.pt), a zip with a pickle in it", _IN_A_SANDBOX
    if path.suffix == ".keras" or (b"config.json" in head and b"metadata.json" in head):
        return "a Keras file (.keras)", "Read it with gw.from_keras, then gw.save."
    return "a zip file", _UNPACK


def describe_folder(names: set[str]) -> tuple[str, str] | None:
    """Say what a folder without a manifest is, by the names in it; None where there is nothing to say."""
    if "saved_model.pb" in names:
        return "it is a TensorFlow SavedModel", _IN_A_SANDBOX
    if {"config.json", "model.weights.h5"} <= names:
        return "it is an unpacked Keras file", "Pack it as .keras with Keras, then read it with gw.from_keras."
    return None
