"""The quotas domain: what an account uses, and what it may use."""
