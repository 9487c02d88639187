"""People: who is in an account, what they sign in with, and how they come and go."""
