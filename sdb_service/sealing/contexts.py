"""What sealed values are bound to besides a kappa (see `key_context`): moved to another row they do not open."""


def webhook_context(*, account_id: str, webhook_id: str) -> str:
    """Of a webhook's signing secret."""
    return f"webhook|{account_id}|{webhook_id}"


def totp_context(*, account_id: str, user_id: str) -> str:
    """Of the seed of a person's codes."""
    return f"{account_id}|{user_id}|totp|1"
