from typing import get_args

from jaxinterp.report import glossary
from jaxinterp.studies.judge import Verdict


def test_a_term_and_its_synonyms_have_one_text_without_markup():
    terms = glossary.terms()
    assert terms["unit"] == terms["neuron"] == "One component of a layer's activation vector."
    assert terms["ablation"].startswith("Replacing a unit's activation by a value")
    assert not any(mark in text for text in terms.values() for mark in ("\n", "#", "also:", "*", "`"))


def test_texts_are_short_sentences():
    for term, text in glossary.terms().items():
        assert text.endswith((".", "…")), term
        assert len(text) <= 300, term


def test_the_words_of_the_tables_are_defined():
    terms = glossary.terms()
    for term in ("claim", "control", "score", "calibrated score", "bar", "verdict", "interval", "seed", "arm", "site"):
        assert term in terms
    assert all(verdict in terms["verdict"].lower() for verdict in get_args(Verdict))
