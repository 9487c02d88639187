"""What the production profile's description promises, kept without a container engine."""
