"""The folder of a store: whose it is, and whether a database can be trusted to it."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

from gatewise.artifact.durable import sync_folder
from gatewise.errors import EnvironmentFault

LOCK = "lock"
# File systems that say a write is on the disk while it is on its way to another machine, or that have no locks.
_NETWORK = {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}


def claim(folder: Path) -> BinaryIO:
    """Make a folder, and keep every other process out of it.

    Args:
        folder: Where the store is, or will be.

    Returns:
        A file whose lock is the claim: it ends when the file is closed, or with the process, however that ends.

    Raises:
        EnvironmentFault: The folder cannot be written, is on a network file system, or is another process's.
    """
    try:
        if not folder.is_dir():
            made = [folder, *(above for above in folder.parents if not above.exists())]
            for one in reversed(made):
                one.mkdir(mode=0o700, exist_ok=True)
                # A database is no safer than the names of the folders that it is in.
                sync_folder(one.resolve().parent)
        # Not inherited by workers, which would hold the claim after this process is gone.
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EnvironmentFault(
            f"The folder {folder} cannot hold sessions: {reason}. Give --data a folder that can be written."
        ) from None
    file = os.fdopen(descriptor, "r+b", buffering=0)
    if not _locked(file):
        owner = file.read(20).decode("ascii", "replace").strip()
        file.close()
        raise EnvironmentFault(
            f"The folder {folder} is in use by process {owner or '?'}: stop it, or give --data another folder."
        )
    system = file_system(folder)
    if system in _NETWORK:
        file.close()
        raise EnvironmentFault(
            f"The folder {folder} is on a network file system ({system}), where sessions may be lost: give --data a "
            "folder on a disk of this machine."
        )
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    return file


def file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on, as the system calls it; "" where it does not say."""
    import psutil

    real = folder.resolve()
    mounted = {Path(part.mountpoint): str(part.fstype) for part in psutil.disk_partitions(all=True)}
    above = [place for place in (real, *real.parents) if place in mounted]
    return mounted[above[0]] if above else ""


def _locked(file: BinaryIO) -> bool:
    """Lock a file for this process; False where another has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            # Far behind the process's number, which others shall be able to read.
            file.seek(1 << 20)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            file.seek(0)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
