from jaxinterp.explanation.reading import ANOTHER, MODEL, TOLD
from jaxinterp.questions import readers


def test_a_model_reads_another_networks_summaries_only_where_there_is_one():
    assert list(readers.by_model(3, [3])) == [MODEL, TOLD]
    assert [readers.by_model(seed, [3, 0, 7])[ANOTHER]["summaries_of"] for seed in (3, 0, 7)] == [0, 7, 3]
