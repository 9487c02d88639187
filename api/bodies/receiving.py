"""The body of a prediction request, read up to a limit."""

from fastapi import Request

from sdb_service.errors import TooLarge

COUNTED_AS_IT_STREAMS = 2**62  # for the framework: `read_body` sets the limit


async def read_body(request: Request, *, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(
                "body_too_large", f"A prediction takes at most {limit} bytes; send the batch in smaller parts."
            )
    return bytes(body)
