"""The datasets domain: routes parse and answer, service decides, queries find."""
