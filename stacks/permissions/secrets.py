"""Secrets Manager and KMS: the sources' read-only logins, and the copies' own master secrets."""

from stacks.permissions.names import Grant, Names

_INSTANCE_OF_SECRET = "aws:ResourceTag/aws:rds:primaryDBInstanceArn"
"""RDS tags each secret it manages with its instance; nobody else can set a tag of ``aws:``."""

_MANAGED = "secret:rds!db-*"
"""RDS names them so; nobody else can, since ``!`` is not legal in a secret's name."""


def read_source_login(names: Names) -> list[Grant]:
    """Read the logins that the deployment keeps for its sources."""
    secrets = tuple(names.source_secret_arns.values())
    if not secrets:
        return []
    login = Grant(
        "ReadSourceLogin",
        ("secretsmanager:GetSecretValue",),
        secrets,
        "the read-only logins given in the settings",
    )
    return [login, *_decrypt(names, "DecryptSourceLogin", names.source_secret_key_arns)]


def read_target_login(names: Names) -> list[Grant]:
    """Read the logins that the deployment keeps for the servers that are loaded into."""
    if not names.load_secret_arns:
        return []
    login = Grant(
        "ReadTargetLogin",
        ("secretsmanager:GetSecretValue",),
        names.load_secret_arns,
        "the logins of the load's targets given in the settings",
    )
    return [login, *_decrypt(names, "DecryptTargetLogin", names.load_secret_key_arns)]


def _decrypt(names: Names, sid: str, keys: tuple[str, ...]) -> list[Grant]:
    if not keys:
        return []
    return [
        Grant(
            sid,
            ("kms:Decrypt",),
            keys,
            "Secrets Manager decrypts as its caller; only through it, hence only these secrets",
            {"StringEquals": {"kms:ViaService": names.via("secretsmanager")}},
        )
    ]


def read_copy_login(names: Names) -> list[Grant]:
    """Read the master secret of a copy; production's managed secrets look alike but for a tag."""
    get = ("secretsmanager:GetSecretValue",)
    managed = (names.arn("secretsmanager", _MANAGED),)
    grants = [
        Grant(
            "ReadCopyLogin",
            get,
            managed,
            "only the secret of an instance with a name of ours, by the tag that RDS sets",
            {"StringLike": {_INSTANCE_OF_SECRET: names.rds(f"db:{names.own}")}},
        )
    ]
    if names.sources:
        grants.append(
            Grant(
                "SpareSourceLogin",
                get,
                managed,
                "production's master secret, whatever another statement allows",
                {"StringEquals": {_INSTANCE_OF_SECRET: list(names.source_arns)}},
                effect="Deny",
            )
        )
    return grants


def make_copy_login(names: Names) -> list[Grant]:
    """What RDS needs of its caller when it is to keep a master password."""
    return [
        Grant(
            "LetRdsMakeCopyLogin",
            ("secretsmanager:CreateSecret", "secretsmanager:TagResource"),
            (names.arn("secretsmanager", _MANAGED),),
            "ManageMasterUserPassword asks them of its caller; the role itself can't use them",
            {
                "Bool": {"aws:ViaAWSService": "true"},
                "StringLikeIfExists": {_INSTANCE_OF_SECRET: names.rds(f"db:{names.own}")},
            },
        ),
        Grant(
            "LetRdsFindSecretKey",
            ("kms:DescribeKey",),
            (names.arn("kms", "key/*"),),
            "ManageMasterUserPassword looks up aws/secretsmanager, whose ARN nobody can know"
            " beforehand; only through RDS and Secrets Manager",
            {"StringEquals": {"kms:ViaService": [names.via("rds"), names.via("secretsmanager")]}},
        ),
    ]


def use_storage_keys(names: Names) -> list[Grant]:
    """Snapshots and copies of sources that a customer-managed key encrypts."""
    if not names.kms_key_arns:
        return []
    via_rds = {"kms:ViaService": names.via("rds")}
    return [
        Grant(
            "DescribeStorageKeys",
            ("kms:DescribeKey",),
            names.kms_key_arns,
            "RDS acts as its caller on a customer-managed key",
            {"StringEquals": via_rds},
        ),
        Grant(
            "GrantStorageKeys",
            ("kms:CreateGrant",),
            names.kms_key_arns,
            "likewise; only a grant that RDS makes for itself",
            {"StringEquals": via_rds, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]
