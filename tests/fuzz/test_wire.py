"""The corpus of every wire parser, and a few thousand changed copies of it."""

from __future__ import annotations

import pytest

from tests.fuzz.harness import HARNESSES, mutations, seeds


@pytest.mark.parametrize("name", HARNESSES)
def test_the_corpus(name: str) -> None:
    corpus = seeds(name)
    assert corpus, "an empty corpus tests nothing"
    for data in corpus:
        HARNESSES[name](data)


@pytest.mark.parametrize("name", HARNESSES)
@pytest.mark.parametrize("seed", range(3))
def test_mutations(name: str, seed: int) -> None:
    for data in mutations(name, 1_500, seed=seed):
        try:
            HARNESSES[name](data)
        except Exception as error:
            raise AssertionError(f"{name} broke on {data!r}") from error
