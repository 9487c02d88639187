"""What the operator does on the machine itself: `python -m sdb_service.admin`. It needs no running service."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import migrations
from sdb_service import audit, identity, restoring, rotation
from sdb_service.audit import heads
from sdb_service.errors import Conflict, NotFound, ServiceError
from sdb_service.launcher.whereabouts import public_address
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.sealing import read_key_file
from sdb_service.settings import Settings
from sdb_service.tables import Account

Answer = Mapping[str, object]


@dataclass(frozen=True)
class Told:
    """The outcome of a command: fields for programs, lines for people."""

    fields: Answer
    lines: Sequence[str]


def create_admin(runtime: Runtime, *, name: str) -> Told:
    """Open an admin account, in a database brought up to date first, with a token that is shown this once.

    Raises:
        Conflict: the name is taken.
    """
    migrations.upgrade(runtime.settings)
    with runtime.database.transaction() as session:
        account = identity.create_account(session, name, role="admin")
        record_act(session, None, "account.create", account.id, owner=account.id, detail={"role": account.role})
        token = _fresh_token(session, account, runtime)
    fields = {"account_id": account.id, "name": account.name, "role": account.role, "token": token}
    return Told(fields, [token, "Keep this token: it is not shown again."])


def issue_token(runtime: Runtime, *, account: str) -> Told:
    """A new token for the account of this name. Raises `NotFound`."""
    with runtime.database.transaction() as session:
        found = _account_named(session, account)
        token = _fresh_token(session, found, runtime)
    return Told({"account_id": found.id, "token": token}, [token, "Keep this token: it is not shown again."])


def login_link(runtime: Runtime, *, account: str, public_url: str | None = None) -> Told:
    """A way into the dashboard that works once, for the account of this name.

    `public_url` is where the service is reached; None asks the settings, then the running node. Raises `NotFound`.
    """
    with runtime.database.transaction() as session:
        found = _account_named(session, account)
        text = identity.make_login_link(session, found.id, key=runtime.token_key).reveal().decode()
        record_act(session, None, "account.login_link", found.id, owner=found.id)
    address = (public_url or public_address(runtime.settings)).rstrip("/")
    url = f"{address}/dashboard/login/{text}"
    minutes = identity.LINK_SECONDS // 60
    fields = {"url": url, "expires_in_seconds": identity.LINK_SECONDS}
    return Told(fields, [url, f"It works once, within {minutes} minutes."])


def audit_verify(runtime: Runtime) -> Told:
    """Walk the audit log's chain, and hold it against every signed head in storage.

    Raises:
        Conflict: a row does not fit; the first such is named. Or a signed head is not what the service signed.
    """
    signed = heads.all_heads(runtime.storage, public_key=runtime.signing.public_key_text)
    with runtime.database.reading() as session:
        known, keyed_by = heads.vouched(session, signed)
        bad = audit.first_bad_row(session, known=known, keyed_by=keyed_by, tell=_tell_progress)
    if bad is not None:
        raise Conflict("audit_broken", f"The audit log is broken at row {bad.number}: {bad.why}.")
    return Told({"intact": True, "signed_heads": len(signed)}, ["The audit log is intact."])


def audit_head(runtime: Runtime) -> Told:
    """Sign where the audit log ends now, and store it."""
    with runtime.database.reading() as session:
        head = heads.current_head(session)
    heads.keep_head(runtime.storage, head, signing=runtime.signing)
    fields = {"number": head.number, "hash": head.hash, "at": head.at, "key_id": runtime.signing.key_id}
    return Told(fields, [f"{head.number} {head.hash}", f"Signed with key {runtime.signing.key_id}."])


def reconcile(runtime: Runtime, *, accepted: bool) -> Told:
    """Take away again what a restored backup has forgotten was taken away; `accepted`: its lost rows are known of."""
    found = restoring.reconcile(runtime.database, runtime.tombstones, runtime.signing)
    lost = restoring.accept(runtime.database, runtime.tombstones, runtime.signing) if accepted else []
    again = [{"kind": kind, "id": object_id} for kind, object_id in found.again]
    fields = {"lost_heads": len(found.lost), "accepted": len(lost), "again": again, "forged": found.forged}
    said = [f"Taken away again: {len(again)}.", f"Signed heads that the log no longer has: {len(found.lost)}."]
    said += [f"Tombstones that the service did not write: {found.forged}."] if found.forged else []
    return Told(fields, said + [f"Accepted as lost by a restored backup: {len(lost)}."] * accepted)


def migrate(runtime: Runtime) -> Told:
    """Bring the database up to date, and make the key files that are missing, also that of the workers."""
    migrations.upgrade(runtime.settings)
    read_key_file(runtime.settings.effective_worker_key_file)
    return Told({"migrated": True}, ["The database is up to date."])


def rotate_kek(runtime: Runtime, *, forget_old: bool = False) -> Told:
    """Wrap every sealed key under a new key-encryption key, with progress on stderr; killed, it is simply run again.

    `forget_old` instead drops the local keys that nothing needs. Raises as `rotation` does.
    """
    if forget_old:
        kek_id = rotation.forget_old_keys(runtime)
        return Told({"kek_id": kek_id}, [kek_id, "Only this key is left in the file; back it up anew."])
    done = rotation.rotate(runtime, progress=_show_progress)
    fields = {"kek_id": done.kek_id, "rewrapped": done.rewrapped, "total": done.total, "unneeded": done.unneeded}
    lines = [done.kek_id, f"All {done.total} sealed keys are under it; back it up. No value here needs an older key."]
    if done.unneeded:
        lines.append("Older backups of the database do; once those are gone run: sdb admin rotate-kek --forget-old")
    return Told(fields, lines)


def _show_progress(done: int, total: int) -> None:
    sys.stderr.write(f"{done} of {total} sealed keys\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, or 1 with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        runtime = open_runtime(Settings())
        try:
            told = _chosen(options)(runtime)
        finally:
            runtime.database.close()
    except ServiceError as error:
        return _complain(error.code, error.detail, as_json=options.json)
    except DBAPIError as error:
        why = " ".join(str(error.orig).split())
        cure = "check SDB_DATABASE_URL and SDB_DATA_DIR, or run: sdb admin migrate"
        return _complain("database_unusable", f"The database cannot be used ({why}); {cure}.", as_json=options.json)
    except OSError as error:
        return _complain("files_unusable", f"The service's files cannot be used: {error}.", as_json=options.json)
    except ValidationError as error:
        detail = "; ".join(str(fault["msg"]) for fault in error.errors())
        return _complain("settings_invalid", detail, as_json=options.json)
    if options.json:
        sys.stdout.write(json.dumps(dict(told.fields)) + "\n")
        return 0
    sys.stdout.write(f"{told.lines[0]}\n")  # alone on stdout, for scripts
    sys.stderr.writelines(f"{line}\n" for line in told.lines[1:])
    return 0


def _chosen(options: argparse.Namespace) -> Callable[[Runtime], Told]:
    commands: dict[str, Callable[[Runtime], Told]] = {
        "create-admin": lambda runtime: create_admin(runtime, name=options.name),
        "issue-token": lambda runtime: issue_token(runtime, account=options.account),
        "login-link": lambda runtime: login_link(runtime, account=options.account, public_url=options.url),
        "audit-verify": audit_verify,
        "audit-head": audit_head,
        "reconcile": lambda runtime: reconcile(runtime, accepted=options.accept),
        "migrate": migrate,
        "rotate-kek": lambda runtime: rotate_kek(runtime, forget_old=options.forget_old),
    }
    return commands[options.command]


def _tell_progress(done: int, of: int) -> None:
    sys.stderr.write(f"{done} of {of} rows fit\n")


def _complain(code: str, detail: str, *, as_json: bool) -> int:
    sys.stderr.write(f"sdb: {detail} ({code})\n")
    if as_json:
        sys.stdout.write(json.dumps({"error": {"code": code, "detail": detail}}) + "\n")
    return 1


def _fresh_token(session: Session, account: Account, runtime: Runtime) -> str:
    token, text = identity.issue_token(session, account.id, name="operator", key=runtime.token_key)
    record_act(session, None, "token.issue", token.id, owner=account.id)
    return text.reveal().decode()


def _account_named(session: Session, name: str) -> Account:
    statement = select(Account).where(Account.name == name, Account.closed_at.is_(None))
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound("account_not_found", f"There is no open account named {name!r}; check the name's spelling.")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sdb_service.admin", description="Acts of the operator.")
    commands = parser.add_subparsers(dest="command", required=True)
    creating = commands.add_parser("create-admin", help="open an admin account and print its token once")
    creating.add_argument("--name", required=True, help="name of the new account")
    issuing = commands.add_parser("issue-token", help="print a new token")
    linking = commands.add_parser("login-link", help="print a way into the dashboard that works once")
    for command in (issuing, linking):
        command.add_argument("--account", required=True, help="name of the account")
    linking.add_argument("--url", help="where the service is reached; SDB_PUBLIC_URL where it is left out")
    verifying = commands.add_parser("audit-verify", help="check the audit log's chain of hashes")
    heading = commands.add_parser("audit-head", help="sign where the audit log ends, and store it")
    reconciling = commands.add_parser("reconcile", help="after a restored backup: take away again what was taken away")
    reconciling.add_argument("--accept", action="store_true", help="say that rows lost from the audit log are known of")
    migrating = commands.add_parser("migrate", help="bring the database up to date")
    rotating = commands.add_parser("rotate-kek", help="wrap all sealed keys under a new key-encryption key")
    rotating.add_argument("--forget-old", action="store_true", help="drop the local keys that nothing needs any more")
    for command in (creating, issuing, linking, verifying, heading, reconciling, migrating, rotating):
        command.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
