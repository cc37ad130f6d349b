"""What the wheel is made of."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.metadata import Metadata

from environments import NAME

SOURCE = Path(__file__).parents[2] / "src"
ABOUT = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture
def names(wheel: Path) -> set[str]:
    """Name the files in it."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture
def metadata(wheel: Path) -> Metadata:
    """Read the metadata as strictly as an index does."""
    with ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return Metadata.from_email(archive.read(name), validate=True)


def test_every_module_is_in_it(names: set[str]) -> None:
    """The wheel has all modules of the package, and its mark that they are typed."""
    modules = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py")}
    assert modules | {"airflow_mljobs/py.typed"} == {name for name in names if not about(name)}


def about(name: str) -> str:
    """Return which of the files about the wheel this is, or nothing."""
    folder, _, rest = name.partition("/")
    return rest if folder.endswith(".dist-info") else ""


def test_nothing_else_is_in_it(names: set[str]) -> None:
    """Neither tests nor tools nor files that lie about come along."""
    assert {about(name) for name in names} - {""} == ABOUT


def test_an_index_takes_its_metadata(metadata: Metadata) -> None:
    """The metadata is valid, and says what a reader of an index looks for."""
    assert metadata.name == NAME
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description
    assert "Framework :: Apache Airflow :: Provider" in (metadata.classifiers or [])
