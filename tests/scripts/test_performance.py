import json

import performance

RECORD = {
    "machine": {
        "cpu": "a processor",
        "cores": 2,
        "devices": ["cpu:0"],
        "load": [0.25, 0.1, 0.1],
        "versions": {"jax": "0.10.2"},
    },
    "options": {"rounds": 3},
    "results": {
        "training": [
            {
                "name": "ours",
                "unit": "seed-epochs/s",
                "rate": [25.123, 24.0, 26.0],
                "ratio": None,
                "target": "",
                "note": "x",
            },
            {
                "name": "peer",
                "unit": "seed-epochs/s",
                "rate": None,
                "ratio": [8.5, 8.0, 9.0],
                "target": "18",
                "note": "",
            },
        ]
    },
}


def test_the_document_has_machine_and_every_row(tmp_path, capsys):
    source, target = tmp_path / "benchmark.json", tmp_path / "performance.md"
    source.write_text(json.dumps(RECORD))
    assert performance.main([str(source), str(target)]) == 0
    text = target.read_text()
    assert "a processor, 2 cores" in text and "jax 0.10.2" in text and "3 rounds" in text and "## Training" in text
    assert "| ours | 25.1 (24 – 26) | seed-epochs/s |  |  | x |" in text
    assert "| peer |  | seed-epochs/s | 8.5 (8 – 9) | 18 |  |" in text


def test_a_missing_record_is_named(tmp_path, capsys):
    assert performance.main([str(tmp_path / "no.json")]) == 2
    assert "run python scripts/benchmark.py first" in capsys.readouterr().err


def test_parts_that_were_not_measured_again_stay(tmp_path):
    source, target = tmp_path / "benchmark.json", tmp_path / "performance.md"
    for rounds, results in ((3, RECORD["results"] | {"page": []}), (5, {"page": [], "memory": []})):
        source.write_text(json.dumps(RECORD | {"options": {"rounds": rounds}, "results": results}))
        assert performance.main([str(source), str(target)]) == 0
    _, training, page, memory = target.read_text().split("\n## ")
    assert training.startswith("Training\n") and "3 rounds" in training and "| ours | 25.1" in training
    assert page.startswith("Page\n") and "5 rounds" in page and memory.startswith("Memory\n")
