"""Lets ``rds_superuser`` create extensions that PostgreSQL keeps for superusers, as RDS does.

RDS documents that ``rds_superuser`` may "add extensions that are available for use with Amazon RDS"
(user guide, "Understanding the rds_superuser role"); its server is changed for that. Here the same
comes from files: beside the real installation lies a second one of links, in which the control
files of those extensions say ``trusted`` and their scripts grant the functions to that role. A
server finds its folders relative to its own program, so only that one file has to be copied.
"""

import os
import shutil
import subprocess
from pathlib import Path

OFFERED = ("amcheck", "pg_prewarm", "pg_visibility")

_SERVER = "postgres"
_EXTENSIONS = "extension"

_GRANT = """
DO $tm$
DECLARE member regprocedure;
BEGIN
  FOR member IN
    SELECT d.objid FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
     WHERE e.extname = '{name}' AND d.deptype = 'e'
       AND d.refclassid = 'pg_catalog.pg_extension'::regclass
       AND d.classid = 'pg_catalog.pg_proc'::regclass
  LOOP
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'rds_superuser') THEN
      EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO rds_superuser', member);
    END IF;
  END LOOP;
END $tm$;
"""


def lay_over(binaries: Path, work_folder: Path) -> Path:
    """Make the second installation, once for each work folder; return its ``bin`` folder."""
    share, libraries = _folders(binaries)
    root = Path(os.path.commonpath([binaries.resolve(), share, libraries]))
    package = root.parent
    target = work_folder / "as-rds" / (package.name or "root") / (root.name or "root")
    made = target / binaries.resolve().relative_to(root)
    if made.is_dir():
        return made
    _link(package.parent / f"{package.name}.libs", target.parent.parent / f"{package.name}.libs")
    _link(libraries, target / libraries.relative_to(root))
    # Libraries that lie beside PostgreSQL's own, as in an installation that brings all it needs.
    if libraries.parent.parent == root:
        _link_each(
            libraries.parent, target / libraries.parent.relative_to(root), but={libraries.name}
        )
    _link_each(binaries.resolve(), made, but={_SERVER})
    shutil.copy2(binaries / _SERVER, made / _SERVER)
    _link_each(share, target / share.relative_to(root), but={_EXTENSIONS})
    _offer(share / _EXTENSIONS, target / share.relative_to(root) / _EXTENSIONS)
    return made


def _folders(binaries: Path) -> tuple[Path, Path]:
    """An installation's folder of extensions' scripts and that of its modules.

    ``pg_config`` knows them. An installation without it is relocatable: both lie where PostgreSQL
    puts them below one root (its documentation of ``configure``: ``--datadir``, ``--libdir``; each
    ends in ``postgresql`` unless the root's own name does).

    Raises:
        FileNotFoundError: there is neither.
    """
    if (binaries / "pg_config").exists():
        return _configured(binaries, "--sharedir"), _configured(binaries, "--pkglibdir")
    root = binaries.resolve().parent
    for share, libraries in (("share/postgresql", "lib/postgresql"), ("share", "lib")):
        if (root / share / _EXTENSIONS).is_dir() and (root / libraries).is_dir():
            return root / share, root / libraries
    raise FileNotFoundError(
        f"{root} has no folder share/postgresql/{_EXTENSIONS}, and no pg_config"
    )


def _configured(binaries: Path, option: str) -> Path:
    command = [str(binaries / "pg_config"), option]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
    return Path(done.stdout.strip()).resolve()


def _offer(source: Path, target: Path) -> None:
    changed = [path for path in source.iterdir() if _extension_of(path) in OFFERED]
    _link_each(source, target, but={path.name for path in changed})
    for path in changed:
        text = path.read_text(encoding="utf-8")
        more = "\ntrusted = true\n" if path.suffix == ".control" else _grant(path)
        (target / path.name).write_text(text + more, encoding="utf-8")


def _extension_of(path: Path) -> str:
    return path.name.removesuffix(path.suffix).partition("--")[0]


def _grant(path: Path) -> str:
    return _GRANT.format(name=_extension_of(path))


def _link_each(source: Path, target: Path, *, but: set[str]) -> None:
    for path in source.iterdir():
        if path.name not in but:
            _link(path, target / path.name)


def _link(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
