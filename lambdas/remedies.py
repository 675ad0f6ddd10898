"""What to do about what PostgreSQL refuses: the one home, by SQLSTATE.

The codes are those of PostgreSQL's appendix "PostgreSQL Error Codes". Who reads this was woken by
it, and knows neither this code nor theirs.
"""

SESSION_ROLE = "the session's role"

_SIZE = "take a larger class (input restore.instance_class), drill again"
_CHANGED = (
    "it was dropped, renamed or altered meanwhile, or it is missing; look it up on the source, and"
    " drill again when nobody changes the schema"
)
_LATER = "it passes by itself: drill again; see the server's log if it comes back"
_DAMAGE = (
    "the data can't be read; read the same on the source: if that works, this snapshot is damaged,"
    " take another one"
)
_OWN_SQL = (
    "a value or an expression that it evaluates is refused; run the same on the source, and mend"
    " the function, the expression or the value there"
)

_BY_CODE = {
    "42501": (
        "{role} lacks the privilege; on the source GRANT pg_read_all_data TO it (of a table with"
        " row security the owner's role, or ALTER ROLE … BYPASSRLS), drill again"
    ),
    "55P03": (
        "another session or a prepared transaction holds a lock on it; see pg_locks and"
        " pg_prepared_xacts there, end what holds it, drill again"
    ),
    "55006": "another session uses it; see pg_stat_activity, end that session, drill again",
    "57014": (
        "it took longer than its time-out, or somebody cancelled it; " + _SIZE + ", or give the"
        " drill more time (input deadline_minutes)"
    ),
    "53100": (
        "the volume is full; see the metric FreeStorageSpace, free some of it or give it more"
        " storage, drill again"
    ),
    "53200": "the server ran out of memory; " + _SIZE,
    "53300": (
        "no connection is free; end some (pg_stat_activity), or raise max_connections or the"
        " limit of the role or the database"
    ),
    "53400": "a limit of the server's configuration is reached; raise it in the parameter group",
    "25006": (
        "the session takes no writes: the server is a replica or failing over, or what it runs"
        " writes; if it is SQL of your own, let it only read"
    ),
    "0A000": (
        "this PostgreSQL can't do that here; run the same on the source as the master user, and"
        " leave it out of the input if it is SQL of your own"
    ),
    "40P01": _LATER,
    "40001": _LATER,
    "57P03": "the server is starting or stopping; " + _LATER,
    "54001": "a statement nests too deeply; raise max_stack_depth in the parameter group",
    "58030": "the server can't read or write its volume; " + _DAMAGE,
    "58P01": "a file of it is missing; " + _DAMAGE,
    "25P02": "an earlier statement of the same transaction failed; see the reason before this one",
    "25P03": "the session waited for too long; " + _LATER,
    "25P04": "the transaction took longer than transaction_timeout; raise it on the source",
    "57P05": "the session waited for too long; raise idle_session_timeout on the source",
    "3D000": "the database was dropped or renamed meanwhile; " + _LATER,
    "28000": (
        "{role} may not log in; see whether it still has LOGIN, and whether its secret is current"
    ),
    "28P01": "the password was refused; write the current one into the secret, drill again",
    "55000": (
        "it is in no state for that (a materialised view that holds nothing, a sequence never"
        " used, an extension that must be preloaded); run the same on the source and mend it there"
    ),
}

_BY_CLASS = {
    "08": _LATER,
    "0A": _BY_CODE["0A000"],
    "21": _OWN_SQL,
    "22": _OWN_SQL,
    "23": "it breaks a constraint; run the same on the source, and mend the row or the constraint",
    "25": "the transaction is in no state for that; " + _LATER,
    "28": _BY_CODE["28000"],
    "2F": _OWN_SQL,
    "38": _OWN_SQL,
    "39": _OWN_SQL,
    "40": _LATER,
    "42": _CHANGED,
    "53": "a resource of the server is used up; see its metrics, " + _SIZE,
    "54": "a limit of PostgreSQL is reached; simplify what is named, or leave it out",
    "55": _BY_CODE["55000"],
    "57": "somebody or something ended it; see the server's log, drill again",
    "58": _BY_CODE["58030"],
    "72": _LATER,
    "F0": "a configuration file of the server is at fault; see the server's log",
    "HV": "a foreign server did not answer; what is behind it is not part of this backup",
    "P0": _OWN_SQL,
    "XX": _DAMAGE,
}

NO_ENTRY = (
    "see whether it is up, a connection is free (max_connections, the limit of the role and of the"
    " database), the role may log in with its secret, and the security group lets the functions in"
)
AT_LOGIN = "a function that runs at login raised an error; see the server's log for which"
WAS_SILENT = "see the server's metrics at this time: it hangs, or the way to it is broken"
WAS_LOST = "see the server's log at this time: it restarted, failed over, or ended the session"

OTHERWISE = "see the server's log at this time for the cause; drill again"


def remedy_of(sqlstate: str, role: str = SESSION_ROLE) -> str:
    """What to do about an SQLSTATE; of a code that is not known, by its class.

    Args:
        role: whose session it was.
    """
    found = _BY_CODE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], OTHERWISE)
    return found.replace("{role}", role)


OF_WORDS = {
    "InvalidSettings": "deploy again; do not edit a function's variables by hand",
    "Throttled": "drill again later, or move the schedule away from other tools",
    "ServiceUnavailable": "drill again; see the AWS Health Dashboard and the VPC's endpoints",
    "ResourceBusy": (
        "see whether it is being modified, backed up or upgraded at that time, and move the"
        " schedule; else drill again"
    ),
    "QuotaExceeded": (
        "delete what is not needed (runbook: SnapshotsMany), or have the quota raised in Service"
        " Quotas, drill again"
    ),
    "InsufficientCapacity": (
        "set copy_instance_class to another class, or allow more zones, drill again"
    ),
    "AccessDenied": (
        "compare the role with docs/security.md; see whether a policy of the organisation, of the"
        " KMS key or of the secret forbids it"
    ),
    "NotFound": "see in CloudTrail who deleted it during the drill, drill again",
    "NameTaken": "rename or delete the stranger's resource, or deploy with another prefix",
    "NotOurs": (
        "see whether somebody has edited its tags; a copy then has to be deleted by hand (runbook:"
        " CleanupFailed)"
    ),
    "RequestRefused": "look the code up in the RDS API reference; runbook: INCONCLUSIVE",
    "EvidenceMissing": "see whether a lifecycle rule or a person deletes from the evidence bucket",
    "InternalFault": "open an issue with the line, the drill's id and the version deployed",
    "States.Timeout": "a function did not answer in time: see its log, drill again",
    "States.DataLimitExceeded": "more than 256 KiB between two states: open an issue, drill less",
    "Sandbox.Timedout": "the function was ended, out of time: see its log, drill again",
    "Lambda.Unknown": "the function was ended, mostly out of memory: see its log, drill again",
    "failed": "its events in the console of RDS say why; mend that, drill again",
    "overdue": "raise deadline_minutes (of a deletion: the setting teardown_minutes), drill again",
}
"""By the name of an error that ends a drill: what to do. The others tell it themselves."""

OF_STATUSES = {
    "failed": "RDS can't recover it; see whether the snapshot restores by hand, take another one",
    "restore-error": "RDS could not restore it; see whether the snapshot restores by hand",
    "incompatible-restore": "RDS can't restore it from this snapshot; take another one",
    "incompatible-network": (
        "its network refuses it; see whether the subnet group still has its subnets, each with a"
        " free address, and whether the security groups are there"
    ),
    "incompatible-parameters": (
        "a value of its parameter group is not for this class or version; correct it there, or"
        " take a larger class (input restore.instance_class)"
    ),
    "incompatible-option-group": "its option group is not for it; see the source's option group",
    "incompatible-create": "RDS can't create it with these resources; compare them by hand",
    "insufficient-capacity": (
        "AWS has no room for this class in the zone; give another class (input"
        " restore.instance_class), allow more zones in the subnet group, or wait some hours"
    ),
    "inaccessible-encryption-credentials": (
        "RDS can't use its KMS key and nothing brings it back; see whether the key is deleted, and"
        " take a snapshot under a key that is there"
    ),
    "inaccessible-encryption-credentials-recoverable": (
        "RDS can't use its KMS key; enable the key, or give RDS its grant back"
    ),
    "storage-full": (
        "its volume is full, and it has the size of the source's; give the source more storage"
    ),
    "upgrade-failed": "an upgrade of its engine failed; upgrade the source first",
    "stopped": "somebody stopped it; see in CloudTrail who, and let it run during a drill",
    "stopping": "somebody stops it; see in CloudTrail who, and let it run during a drill",
    "deleting": "somebody deletes it; see in CloudTrail who, and leave it to the drill",
    "delete-precheck": "somebody deletes it; see in CloudTrail who, and leave it to the drill",
}
"""By the status with which an instance or a snapshot ends a drill: the cause and what to do.

The causes are those of the RDS user guide ("Viewing DB instance status").
"""

_OF_OTHER_STATUSES = "see the RDS user guide for this status"


def in_status(status: str) -> str:
    """A status of RDS with its cause and what to do, for a sentence that names whose it is."""
    return f"{status}: {OF_STATUSES.get(status, _OF_OTHER_STATUSES)}"


_OF_OTHER_WORDS = "see the execution and the function's log for the cause; drill again"
TELL_IT_THEMSELVES = frozenset(
    {
        "DatabaseUnreachable",
        "DatabaseBusy",
        "QueryFailed",
        "NotExchanged",
        "RowRefused",
        "InvalidRequest",
    }
)


def remedy_of_word(error: str) -> str:
    """What to do about an error by its name; empty for those whose message says it."""
    return "" if error in TELL_IT_THEMSELVES else OF_WORDS.get(error, _OF_OTHER_WORDS)
