"""A trained classifier for every journey."""

from pathlib import Path

import pytest

from sdb_client import InputSpec
from tests.journeys.running import train_teacher

Teacher = tuple[Path, InputSpec]


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    path, spec = train_teacher(tmp_path_factory.mktemp("teacher"))
    return path, InputSpec(**spec)
