"""The people of accounts: routes parse and answer, service decides, queries find."""
