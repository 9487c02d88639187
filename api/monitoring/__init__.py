"""The monitoring domain: who seems to copy a box, from what they ask; it tells the owner and changes no answer."""
