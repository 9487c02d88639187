"""The HTTP shapes of the Open Inference Protocol V2, as its specification names them.

A server defines the parameters that it knows and passes over others, so unknown fields are no error here.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt

INPUT = "input"
VERSION = "1"  # boxes never change, so each has one alone

Size = Annotated[StrictInt, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(max_length=200)]


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    live: bool


class ServerReady(BaseModel):
    ready: bool


class ModelReady(BaseModel):
    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """A tensor's name, datatype and shape; -1 is any number of images."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A box as a model; its outputs are those that the caller may have as whole tensors."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class RequestParameters(BaseModel):
    """`key` is "hosted" for open answers under a license; `binary_data_output` is of the binary extension."""

    key: Literal["hosted"] | None = None
    binary_data_output: StrictBool = False


class InputParameters(BaseModel):
    """The bytes of the tensor behind the JSON, where it comes as bytes."""

    binary_data_size: Size | None = None
    shared_memory_region: Any = None


class OutputParameters(BaseModel):
    """`binary_data` overrides the request's `binary_data_output`; the others are of extensions not served here."""

    binary_data: StrictBool | None = None
    classification: Any = None
    shared_memory_region: Any = None


class RequestInput(BaseModel):
    name: Name
    shape: Annotated[list[Size], Field(max_length=8, fail_fast=True)]
    datatype: Name
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = None


class RequestOutput(BaseModel):
    name: Name
    parameters: OutputParameters = OutputParameters()


class InferRequest(BaseModel):
    """The JSON of an inference request; `outputs` are all that predict shows unless some are named."""

    id: Annotated[str, Field(max_length=1000)] | None = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[RequestInput], Field(max_length=16, fail_fast=True)]
    outputs: Annotated[list[RequestOutput], Field(max_length=16, fail_fast=True)] = []


class ResponseOutput(BaseModel):
    """A tensor: numbers in `data`, or so many bytes behind the JSON as `parameters.binary_data_size` says."""

    name: str
    datatype: Literal["INT64", "FP32"]
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[float] | None = None


class InferResponse(BaseModel):
    """The answer; `id` and `parameters` are there where the request had them."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, str] | None = None
    outputs: list[ResponseOutput]
