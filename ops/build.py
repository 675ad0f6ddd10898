"""What is uploaded to AWS: the one asset of the functions and the one layer under them.

``make build`` runs this by hand and prints sizes and cold import times; a deployment runs it as
CDK's bundling.
"""

import argparse
import compileall
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode

from rich.console import Console
from rich.table import Table

from stacks.spec import AUXILIARY, LOAD, WORKFLOW, FunctionSpec

ROOT = Path(__file__).parents[1]
PRODUCTION = (
    "lambdas",
    "statemachine/input.schema.json",
    "statemachine/load.schema.json",
)
LAYER_LOCK = ROOT / "layer" / "requirements.txt"

PYTHON_VERSION = "3.13"
LAMBDA_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
"""What the functions' Amazon Linux 2023 runs; psycopg2-binary's wheel carries the first only."""

_LEFT_OUT = ("__pycache__", ".pytest_cache", "*.pyc", "README.md")
_IMPORTS = 5


class BuildFailed(RuntimeError):
    """The layer could not be made; the message says why."""


def production_files() -> list[Path]:
    """Every file of the functions' asset, relative to the repository."""
    found = [ROOT / name for name in PRODUCTION]
    files = [file for path in found for file in ([path] if path.is_file() else path.rglob("*"))]
    kept = (file for file in files if file.is_file())
    return sorted(
        file.relative_to(ROOT)
        for file in kept
        if not any(file.match(f"**/{name}") or name in file.parts for name in _LEFT_OUT)
    )


def functions_digest() -> str:
    """Names the asset by what is in it, whoever builds it."""
    digest = hashlib.sha256(PYTHON_VERSION.encode())
    for file in production_files():
        digest.update(f"{file.as_posix()}\0".encode() + (ROOT / file).read_bytes())
    return digest.hexdigest()


def layer_digest() -> str:
    """Names the layer by its lock and its platform."""
    wanted = f"{PYTHON_VERSION} {' '.join(LAMBDA_PLATFORMS)}\n".encode()
    return hashlib.sha256(wanted + LAYER_LOCK.read_bytes()).hexdigest()


def build_functions(target: Path) -> None:
    """Copy production code, and its byte code when this Python is the functions' own.

    Without byte code the same imports take 3.4 times as long, and Lambda can't keep what it
    compiles: its file system is read-only.
    """
    for file in production_files():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, target / file)
    if compiles_for_lambda():
        _compile(target)


def build_layer(
    target: Path,
    *,
    platforms: Sequence[str] = LAMBDA_PLATFORMS,
    python_version: str = PYTHON_VERSION,
) -> None:
    """Install the locked dependencies into ``target/python``, by hash and from wheels only.

    Raises:
        BuildFailed: pip could not; the message ends with its last line.
    """
    packages = target / "python"
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
        *(word for tag in platforms for word in ("--platform", tag)),
        *("--python-version", python_version),
        *("--implementation", "cp", "--target", str(packages), "--requirement", str(LAYER_LOCK)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise BuildFailed(
            f"the layer could not be built; see what pip said of {LAYER_LOCK.name}: {last}"
        )
    shutil.rmtree(packages / "bin", ignore_errors=True)
    if python_version == f"{sys.version_info.major}.{sys.version_info.minor}":
        _compile(target)


def compiles_for_lambda() -> bool:
    """Whether the byte code of this Python is the functions' Python's."""
    return f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON_VERSION


def size_bytes(folder: Path) -> int:
    """The sum of the files' sizes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def import_milliseconds(spec: FunctionSpec, asset: Path, packages: str) -> float:
    """Median time to import a handler in a new process, the interpreter's own start taken off.

    Args:
        asset: the built asset.
        packages: the folder with the dependencies.
    """
    code = (
        "import sys,time; began=time.perf_counter();"
        f"import {spec.module};"
        "print((time.perf_counter()-began)*1000)"
    )
    environment = {"PYTHONPATH": os.pathsep.join((str(asset), packages)), "PATH": os.defpath}
    times = sorted(
        float(
            subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
                cwd=asset,
            ).stdout
        )
        for _ in range(_IMPORTS)
    )
    return times[len(times) // 2]


def _compile(folder: Path) -> None:
    # By hash and unchecked: the times of the files in a zip are not those of the sources.
    compileall.compile_dir(
        folder, quiet=1, stripdir=folder, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


def _rows(asset: Path, packages: str) -> Iterator[tuple[str, str]]:
    for spec in (*WORKFLOW, *AUXILIARY, *LOAD):
        yield spec.name, f"{import_milliseconds(spec, asset, packages):.0f}"


def main() -> int:
    """Build both into a folder and print what they weigh."""
    parser = argparse.ArgumentParser(prog="make build", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to; what is there is replaced")
    folder = parser.parse_args().folder
    shutil.rmtree(folder, ignore_errors=True)
    out = Console()
    asset, layer = folder / "functions", folder / "layer"
    build_functions(asset)
    out.print(f"functions: {size_bytes(asset) / 1024:,.0f} KiB")
    if not compiles_for_lambda():
        out.print(
            f"  without byte code: this is Python {platform.python_version()}, the functions run on"
            f" {PYTHON_VERSION}; deploy with that for faster cold starts"
        )
    try:
        build_layer(layer)
    except BuildFailed as error:
        out.print(f"[red]{error}[/red]")
        return 2
    out.print(f"layer: {size_bytes(layer) / 1024**2:,.1f} MiB unpacked ({LAMBDA_PLATFORMS[0]})")
    table = Table("function", "cold import, ms", title="on this machine, dependencies from .venv")
    for row in _rows(asset, next(p for p in sys.path if p.endswith("site-packages"))):
        table.add_row(*row)
    out.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
