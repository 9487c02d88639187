"""`/v1/signing-keys`: what signatures of this service are checked with."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.access import declare
from api.deps import ReadSession, RuntimeDep
from sdb_service import signing_keys

router = APIRouter(prefix="/v1/signing-keys", tags=["signing keys"])


class PublicKey(BaseModel):
    id: str = Field(description="Named in what was signed: the first 16 hexadecimal digits of the key's SHA-256.")
    public_key: str = Field(description="Ed25519: `ed25519:` and the 32 bytes in base64.")
    current: bool = Field(description="Whether the service signs with it now; the others check what is older.")


class PublicKeys(BaseModel):
    data: list[PublicKey]


@router.get("", dependencies=declare("service.describe"))
def list_signing_keys(session: ReadSession, runtime: RuntimeDep) -> PublicKeys:
    """The public keys of the service, for everybody, the one in use first. Old ones stay.

    Pin what you read here: who can change the answer on its way could name a key of their own.
    """
    found = signing_keys.listed(session, runtime.signing)
    current = runtime.signing.key_id
    return PublicKeys(data=[PublicKey(id=name, public_key=text, current=name == current) for name, text in found])
