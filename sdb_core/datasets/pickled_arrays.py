"""The pickles of CIFAR's python version, read without `pickle`: a dict of texts, numbers, lists and byte arrays.

Pickle's own reader calls whatever a file names. Even held to numpy's three names it hands a file's state to numpy's C
code, and lets one short line ask for any amount of memory. Here the standard library only takes the instructions apart
(`genops` runs none), and this file follows the few that such files hold. It calls nothing that a file names, makes
nothing much larger than the file, and refuses the rest.
"""

import pickletools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_STEPS = 2_000_000
_ARRAY = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_KNOWN = (*_ARRAY, "numpy ndarray", "numpy dtype")
_IDLE = ("PROTO", "FRAME")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES")
_STRINGS = ("BINSTRING", "SHORT_BINSTRING")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class PickleRefused(Exception):
    """The file is damaged, or holds more than dicts, lists, texts, numbers and arrays of bytes."""


@dataclass(frozen=True)
class _Name:
    """What a file names; never looked up."""

    text: str


@dataclass
class _Array:
    """An array of bytes, empty until its state is told."""

    content: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class _ByteType:
    """The only type of element that arrays may have."""


@dataclass
class _Machine:
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)


def read_pickled(content: bytes) -> dict[str, Any]:
    """The dict in a pickle, its keys as text, its arrays as uint8. Raises PickleRefused."""
    machine = _Machine()
    try:
        for step, (instruction, argument, _) in enumerate(pickletools.genops(content)):
            if instruction.name == "STOP":
                return _answered(machine.stack)
            if step > MOST_STEPS:
                raise PickleRefused("it has too many entries")
            _follow(machine, instruction.name, argument)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise PickleRefused("it is damaged or truncated") from error
    raise PickleRefused("it has no end")


def _follow(machine: _Machine, instruction: str, argument: Any) -> None:
    stack = machine.stack
    if instruction in _VALUES:
        stack.append(argument)
    elif instruction in _STRINGS:  # a text of Python 2: bytes
        stack.append(argument.encode("latin-1"))
    elif instruction in _CONSTANTS:
        stack.append(_CONSTANTS[instruction])
    elif instruction in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
        machine.memo[len(machine.memo) if argument is None else argument] = stack[-1]
    elif instruction in ("BINGET", "LONG_BINGET"):
        stack.append(machine.memo[argument])
    elif instruction == "MARK":
        machine.marks.append(len(stack))
    elif instruction in ("EMPTY_DICT", "EMPTY_LIST"):
        stack.append({} if instruction == "EMPTY_DICT" else [])
    elif instruction in _TUPLES:
        stack.append(tuple(_taken(stack, len(stack) - _TUPLES[instruction])))
    elif instruction == "TUPLE":
        stack.append(tuple(_taken(stack, machine.marks.pop())))
    elif instruction in ("APPEND", "APPENDS", "SETITEM", "SETITEMS"):
        _filled(machine, instruction)
    elif instruction not in _IDLE:
        _named(stack, instruction, argument)


def _filled(machine: _Machine, instruction: str) -> None:
    """Put what lies above into the list or dict below it."""
    count = {"APPEND": 1, "SETITEM": 2}.get(instruction)
    items = _taken(machine.stack, machine.marks.pop() if count is None else len(machine.stack) - count)
    target = machine.stack[-1]
    if instruction.startswith("APPEND") and isinstance(target, list):
        target.extend(items)
    elif instruction.startswith("SETITEM") and isinstance(target, dict):
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_text(key)] = value
    else:
        raise PickleRefused("it is damaged or truncated")


def _named(stack: list[Any], instruction: str, argument: Any) -> None:
    """The instructions that would look up, call and change: followed for arrays of bytes, refused for all else."""
    if instruction == "GLOBAL":
        stack.append(_known(argument))
    elif instruction == "STACK_GLOBAL":
        stack.append(_known(" ".join(_taken(stack, len(stack) - 2))))
    elif instruction == "REDUCE":
        maker, given = _taken(stack, len(stack) - 2)
        stack.append(_made(maker, given))
    elif instruction == "BUILD":
        state = stack.pop()
        if isinstance(stack[-1], _Array):
            stack[-1].content = _array(state)
        elif not isinstance(stack[-1], _ByteType):
            raise PickleRefused("it holds an object")
    else:
        raise PickleRefused(f"it holds the instruction {instruction}, which no data set needs")


def _known(text: str) -> _Name:
    if text not in _KNOWN:
        raise PickleRefused(f"it names {text.replace(' ', '.')}, which no data set needs")
    return _Name(text)


def _made(maker: Any, given: Any) -> _Array | _ByteType:
    if isinstance(maker, _Name) and maker.text in _ARRAY:
        return _Array()
    if isinstance(maker, _Name) and maker.text == "numpy dtype" and _text(given[0]) == "u1":
        return _ByteType()
    raise PickleRefused("it holds an object or an array of another type than bytes")


def _array(state: Any) -> NDArray[np.uint8]:
    _, (rows, columns), kind, by_columns, content = state
    sound = isinstance(rows, int) and isinstance(columns, int) and rows >= 0 and isinstance(content, bytes)
    if not sound or not isinstance(kind, _ByteType) or rows * columns != len(content):
        raise PickleRefused("an array's shape and bytes do not agree")
    return np.frombuffer(content, dtype=np.uint8).reshape(rows, columns, order="F" if by_columns else "C")


def _taken(stack: list[Any], start: int) -> list[Any]:
    """What lies on the stack from `start` on, removed."""
    if start < 0:
        raise PickleRefused("it is damaged or truncated")
    items = stack[start:]
    del stack[start:]
    return items


def _text(value: Any) -> str:
    if not isinstance(value, (bytes, str)):
        raise PickleRefused("it is no dict of texts")
    return value if isinstance(value, str) else value.decode("latin-1")


def _answered(stack: list[Any]) -> dict[str, Any]:
    if len(stack) != 1 or not isinstance(stack[0], dict):
        raise PickleRefused("it holds no dict")
    return {name: value.content if isinstance(value, _Array) else value for name, value in stack[0].items()}
