"""Links; those between the pages of the documentation are checked by its build."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from pages import PAGES, ROOT, links

README = ROOT / "README.md"
EXTERNAL = sorted({link for page in PAGES for link in links(page) if "://" in link or link.startswith("//")})


@pytest.mark.parametrize("link", sorted({link for link in links(README) if "://" not in link}))
def test_link_of_the_readme(link: str) -> None:
    """A link of the README leads to a file of the repository."""
    assert (README.parent / link.partition("#")[0]).exists()


@pytest.mark.parametrize("link", EXTERNAL)
def test_external_link(link: str) -> None:
    """A link to elsewhere is an encrypted address of the public web; whether it answers, is not asked."""
    parts = urlsplit(link)
    assert parts.scheme == "https"
    assert "." in parts.netloc.strip(".")
    assert "@" not in parts.netloc
    assert not any(character.isspace() for character in link)
