"""The page of texts, held to the code."""

from __future__ import annotations

import re

import pytest

from error_table import PLACE, TELLING, sentences, texts_of_page


def test_no_text_stands_twice_in_the_same_table() -> None:
    """A reader who looks for a text finds its row, in the worker's log or in the trigger's."""
    texts = texts_of_page()
    assert len(texts) - len(set(texts)) == 1  # what both logs say alike


@pytest.mark.parametrize("module", TELLING)
def test_each_sentence_is_on_the_page(module: str) -> None:
    """Whatever a module may tell a user stands in the table."""
    page = [" ".join(PLACE.sub("x", text).split()) for text in texts_of_page()]
    missing = [
        sentence
        for sentence in sentences(module)
        if not any(re.search(_loosely(sentence), text) for text in page)
    ]
    assert missing == []


def test_sentences_are_found() -> None:
    """The walk through the code meets its log lines, its errors and their parts."""
    found = [sentence for module in TELLING for sentence in sentences(module)]
    for known in (
        "Deleted job %s",
        "Job {value} is {value}",
        "Somebody deleted it.",
        "The task was killed before it submitted a job, and submits none. A clear of it begins anew",
    ):
        assert known in found


def _loosely(sentence: str) -> str:
    return ".*".join(re.escape(part.strip()) for part in PLACE.split(sentence))
