"""Who may do what: one table of action x standing x ownership, and the scope that a token needs.

Routes are declared against it (`api/access.py`), `docs/access.md` is written from it, and so is the test that asks
every route as everybody. A row says who passes; whose object it is stays with the queries (`owned`, `visible_*`), which
find nothing of a stranger's.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from sdb_service.errors import Forbidden, Unauthenticated
from sdb_service.identity import Caller, Standing

Scope = Literal[
    "accounts:read",
    "accounts:write",
    "audit:read",
    "boxes:download",
    "boxes:read",
    "boxes:write",
    "datasets:read",
    "datasets:write",
    "distill",
    "jobs:read",
    "jobs:write",
    "keys:download",
    "licenses:read",
    "licenses:write",
    "metrics:read",
    "models:read",
    "models:write",
    "people:read",
    "people:write",
    "predict",
    "tokens:read",
    "tokens:write",
    "uploads:read",
    "uploads:write",
    "webhooks:read",
    "webhooks:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Reach(StrEnum):
    """Whose objects an action reaches. Who has no reach at all is refused before anything is looked up."""

    ANY = "any"
    OWN = "own"  # of the caller's account
    HELD = "licensed"  # under a license that the caller holds
    SHOWN = "shown"  # published, their own, or licensed to them
    NOTHING = "none"  # they may ask and have none: nothing is found


ANY, OWN, HELD, SHOWN, NOTHING = Reach


@dataclass(frozen=True)
class Rule:
    """One row; `scope` is what a token must hold, `whole` asks for a token without limits, of scopes or time."""

    action: str
    scope: Scope | None = None
    admin: Reach | None = None
    owner: Reach | None = None
    member: Reach | None = None
    customer: Reach | None = None
    public: Reach | None = None
    whole: bool = False

    def reach(self, standing: Standing | Literal["public"]) -> Reach | None:
        """What the action reaches for people of this standing; None where it is not for them."""
        found: Reach | None = getattr(self, standing)
        return found


def _everybody(action: str) -> Rule:
    return Rule(action, admin=ANY, owner=ANY, member=ANY, customer=ANY, public=ANY)


# fmt: off
RULES: tuple[Rule, ...] = (
    # Accounts and the ways in.
    Rule("account.me",       None,             admin=OWN, owner=OWN,     member=OWN,     customer=OWN),
    Rule("account.list",     "accounts:read",  admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("account.read",     "accounts:read",  admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("account.create",   "accounts:write", admin=ANY),
    Rule("account.change",   "accounts:write", admin=ANY),
    Rule("account.close",    "accounts:write", admin=ANY),
    Rule("usage.read",       "accounts:read",  admin=OWN, owner=OWN,     member=OWN,     customer=OWN),
    Rule("quota.read",       "accounts:read",  admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("quota.choose",     "accounts:write", admin=ANY),
    # People of an account.
    Rule("user.list",        "people:read",    admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("user.read",        "people:read",    admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("user.close",       "people:write",  admin=ANY, owner=OWN,     customer=OWN),
    Rule("user.rank",        "people:write",  admin=ANY, owner=OWN,     customer=OWN),
    Rule("user.reset",       None,             admin=ANY, owner=OWN,     customer=OWN,   whole=True),
    Rule("user.totp_reset",  None,             admin=ANY, whole=True),
    Rule("invitation.make",  None,             admin=ANY, owner=OWN,     customer=OWN,   whole=True),
    Rule("invitation.list",  "people:read",    admin=ANY, owner=OWN,     customer=OWN),
    Rule("invitation.revoke", "people:write",  admin=ANY, owner=OWN,    customer=OWN),
    # Tokens.
    Rule("token.list",       "tokens:read",    admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("token.issue",      "tokens:write",   admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("token.revoke",     "tokens:write",   admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("login.link",       None,             admin=OWN, owner=OWN,     customer=OWN,   whole=True),
    # What a provider brings.
    Rule("upload.begin",     "uploads:write",  admin=OWN, owner=OWN,     member=OWN),
    Rule("upload.read",      "uploads:read",   admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("upload.send",      "uploads:write",  admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("upload.discard",   "uploads:write",  admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("model.create",     "models:write",   admin=ANY, owner=OWN,     member=OWN),
    Rule("model.list",       "models:read",    admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("model.read",       "models:read",    admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("model.delete",     "models:write",   admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("dataset.create",   "datasets:write", admin=ANY, owner=OWN,     member=OWN),
    Rule("dataset.list",     "datasets:read",  admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("dataset.read",     "datasets:read",  admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("dataset.delete",   "datasets:write", admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("job.create",       "jobs:write",     admin=ANY, owner=OWN,     member=OWN),
    Rule("job.list",         "jobs:read",      admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("job.read",         "jobs:read",      admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("job.cancel",       "jobs:write",     admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    # Boxes and their answers.
    Rule("box.list",         "boxes:read",     admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("box.read",         "boxes:read",     admin=ANY, owner=SHOWN,   member=SHOWN,   customer=SHOWN, public=SHOWN),
    Rule("box.publish",      "boxes:write",    admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("box.unpublish",    "boxes:write",    admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("box.rekey",        "boxes:write",    admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("box.alarms",       "boxes:read",     admin=ANY, owner=OWN,     member=OWN,     customer=NOTHING),
    Rule("box.trace",        "licenses:read",  admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("box.download",     "boxes:download", admin=ANY, owner=OWN,     customer=HELD),
    Rule("box.describe",     "predict",        admin=ANY, owner=SHOWN,   member=SHOWN,   customer=SHOWN, public=SHOWN),
    Rule("box.predict",      "predict",        admin=ANY, owner=SHOWN,   member=SHOWN,   customer=SHOWN, public=SHOWN),
    Rule("box.distill",      "distill",        admin=NOTHING, owner=NOTHING, member=NOTHING, customer=HELD),
    # Licenses and keys.
    Rule("license.list",     "licenses:read",  admin=ANY, owner=OWN,     member=OWN,     customer=HELD),
    Rule("license.read",     "licenses:read",  admin=ANY, owner=OWN,     member=OWN,     customer=HELD),
    Rule("license.grant",    "licenses:write", admin=ANY, owner=OWN),
    Rule("license.suspend",  "licenses:write", admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("license.reinstate", "licenses:write", admin=ANY, owner=OWN,    customer=NOTHING),
    Rule("license.renew",    "licenses:write", admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("license.revoke",   "licenses:write", admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("license.transfer", "licenses:write", admin=ANY, owner=OWN,     customer=NOTHING),
    Rule("license.file",     "licenses:read",  admin=ANY, owner=OWN,     member=OWN,     customer=HELD),
    Rule("webhook.list",     "webhooks:read",  admin=OWN, owner=OWN,     customer=OWN),
    Rule("webhook.create",   "webhooks:write", admin=OWN, owner=OWN,     customer=OWN),
    Rule("webhook.read",     "webhooks:read",  admin=OWN, owner=OWN,     customer=OWN),
    Rule("webhook.change",   "webhooks:write", admin=OWN, owner=OWN,     customer=OWN),
    Rule("license.key",      "keys:download",  admin=NOTHING, owner=NOTHING, member=NOTHING, customer=HELD),
    # What is recorded and measured.
    Rule("audit.list",       "audit:read",     admin=ANY, owner=OWN,     member=OWN,     customer=OWN),
    Rule("service.metrics",  "metrics:read",   admin=ANY, owner=ANY,     member=ANY,     customer=ANY,   public=ANY),
    # For everybody; no token is looked at.
    _everybody("service.describe"),
    _everybody("service.health"),
    # The dashboard; what its pages show and do are the actions above.
    _everybody("dashboard.enter"),
    Rule("dashboard.view",   None,             admin=OWN, owner=OWN,     member=OWN,     customer=OWN),
)
# fmt: on
TABLE = {rule.action: rule for rule in RULES}

_PEOPLE: dict[Standing, str] = {
    "admin": "admins",
    "owner": "owners of a provider's account",
    "member": "members of a provider's account",
    "customer": "customers",
}


def scopes_of(standing: Standing) -> tuple[Scope, ...]:
    """The scopes that are of any use to people of this standing."""
    useful = {rule.scope for rule in RULES if rule.reach(standing) not in (None, NOTHING)}
    return tuple(scope for scope in SCOPES if scope in useful)


def may(caller: Caller, action: str) -> bool:
    """Whether `require` would let the caller through: for what pages show, never to guard anything."""
    try:
        require(caller, action)
    except Forbidden:
        return False
    return True


def require(caller: Caller | None, action: str) -> None:
    """Let whoever may try this action through; whose object it is about is not asked here.

    Raises:
        Unauthenticated: the action is not for the public.
        Forbidden: not for people of the caller's standing, or their token lacks the scope.
    """
    rule = TABLE[action]
    if caller is None:
        if rule.public is None:
            raise Unauthenticated("token_missing", "Sign in: send 'Authorization: Bearer <token>'.")
        return
    if rule.reach(caller.standing) is None:
        wanted = " and ".join(people for standing, people in _PEOPLE.items() if rule.reach(standing))
        raise Forbidden("role_not_allowed", f"This is for {wanted}; you are among the {_PEOPLE[caller.standing]}.")
    _require_scope(caller, rule)


def _require_scope(caller: Caller, rule: Rule) -> None:
    if rule.whole and (caller.scopes is not None or caller.until is not None):
        raise Forbidden(
            "token_scope_missing", "This takes a token without limits to its scopes and its time; use such a one."
        )
    if caller.scopes is not None and rule.scope is not None and rule.scope not in caller.scopes:
        raise Forbidden("token_scope_missing", f"The token lacks the scope {rule.scope}; issue one that has it.")
