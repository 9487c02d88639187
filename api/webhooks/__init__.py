"""The webhooks domain: routes parse and answer, service decides, queries find; and what delivers, see `delivering`."""
