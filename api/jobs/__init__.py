"""The jobs domain: routes parse and answer, service decides, queries find."""
