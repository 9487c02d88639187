"""From the bytes of a request to images, or a clear refusal. Knows no domain; every byte is hostile."""
