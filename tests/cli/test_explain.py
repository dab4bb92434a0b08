"""`jaxinterp explain` on a trained run, with a server on this machine: what it prints, what it sends, how it ends."""

import csv
import io
import json
import re
import shutil

import pytest
from support import connections
from support.language_server import MODEL, answer, fails, field, key, late, says, serving

from jaxinterp import cli, questions
from jaxinterp.cli import shell
from jaxinterp.explanation import clients, kept, prompting
from jaxinterp.explanation.baselines import BASELINES
from jaxinterp.explanation.rules import EXPLAINERS, class_means
from jaxinterp.questions import explain
from jaxinterp.questions.subject import check_seeds

UNITS, LAYERS = 14, 2  # of the toy run


@pytest.fixture
def call(monkeypatch, capsys):
    """Run the command: its exit code, stdout and stderr."""
    monkeypatch.setattr(shell, "prepare_jax", lambda: None)  # conftest has prepared it

    def call(path, options=""):
        code = cli.main(["explain", str(path), *options.split()])
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def loaded(root):
    return questions.load(root / "done")


@pytest.fixture(scope="module")
def described(loaded):
    """One of the networks, and two others, described once."""
    return {seeds: explain.describe(loaded, seeds=seeds) for seeds in ((0,), (1, 3))}


@pytest.fixture(autouse=True)
def described_once(loaded, described, monkeypatch):
    def describe(inputs, *, seeds=()):
        check_seeds(inputs, seeds)
        return described[seeds or (0,)]

    monkeypatch.setattr(explain, "describe", describe)
    monkeypatch.setattr(questions, "load", lambda _: loaded)


@pytest.fixture(scope="module")
def run(tmp_path_factory, root):
    """The run in a folder of its own, and nothing answered yet."""
    return shutil.copytree(root / "done", tmp_path_factory.mktemp("explain") / "done")


@pytest.fixture
def fresh(run, tmp_path):
    return shutil.copytree(run, tmp_path / "done", ignore=shutil.ignore_patterns("explanation"))


def rows(kind, out):
    if kind == "json":
        return json.loads(out)["rows"]
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(out)))
    return [line for line in out.splitlines() if line.startswith("| ")][2:]


def test_every_unit_is_labelled_in_every_format_and_asked_about_once(call, run):
    with serving(models=[MODEL]) as server:
        code, out, err = call(run, f"--url {server.url} --format json")
        asked = len(server.asked)
        found = rows("json", out)
        assert code == 0 and len(found) == UNITS + LAYERS + 1
        dead = [row for row in found if row["status"] == "dead"]
        assert asked == len(found) - len(dead) and {row["status"] for row in found} <= {"dead", "answered"}
        assert all(row["label"] == "Dead neuron" for row in dead)
        assert all(row["label"].startswith("answers ") for row in found if row not in dead)
        assert [row["unit"] for row in found[:8]] == list(range(8)) and found[0]["layer"] == "hidden0"
        assert (found[-1]["layer"], found[-1]["unit"]) == (None, None)
        assert "stays on this machine" in err and f"{asked} requests" in err
        for kind in ("csv", "markdown"):
            code, out, err = call(run, f"--url {server.url} --format {kind}")
            assert code == 0 and len(rows(kind, out)) == len(found) and "0 requests" in err
        code, out, _ = call(run, f"--url {server.url}")
        assert code == 0 and "hidden0:0" in out and "answered" in out and "What stays on this machine" in out
        assert len(server.asked) == asked
    assert (run / explain.ANSWERS).is_dir()


def test_without_a_server_rules_label_every_unit(call, run):
    code, out, err = call(run, "--format json")
    found = rows("json", out)
    assert (code, err) == (0, "") and len(found) == UNITS * len(EXPLAINERS)
    assert {row["explainer"] for row in found} == set(EXPLAINERS) and {row["status"] for row in found} <= {
        "by rule",
        "dead",
    }
    for row in found:
        assert row["score"] is None or -1 <= row["score"] <= 1
        if row["status"] == "dead":
            assert row["label"] == "Dead neuron." and row["score"] is row["baseline"] is row["best_baseline"] is None
        else:
            assert row["best_baseline"] in BASELINES
    code, out, _ = call(run)
    assert code == 0 and "class means" in out and "by rule" in out


def test_a_label_that_says_what_the_unit_does_scores_better_than_nonsense(call, fresh, described):
    [subject] = described[0,].subjects
    facts = next(own for own in subject.units if not own.dead)
    truth = key({"messages": prompting.of_unit(subject.background, facts, sees=False).messages})

    def knows_one(exchange):
        label = class_means(facts) if key(exchange.body) == truth else "It likes green ideas."
        says(json.dumps({field(exchange.body): label}))(exchange)

    with serving(knows_one, models=[MODEL]) as server:
        _, out, _ = call(fresh, f"--url {server.url} --format json")
    found = rows("json", out)
    known = [row for row in found if row["score"] is not None]
    assert [(row["layer"], row["unit"]) for row in known] == [(facts.site.partition("/")[0], facts.unit)]
    assert known[0]["score"] > 0.2 and known[0]["explainer"] == MODEL
    by_rules = rows("json", call(fresh, "--format json")[1])
    [same] = [
        row
        for row in by_rules
        if row["explainer"] == "class means" and row["unit"] == facts.unit and row["layer"] == known[0]["layer"]
    ]
    assert same["score"] == known[0]["score"] and same["baseline"] == known[0]["baseline"]


def test_a_model_predicts_activations_and_answers_and_the_run_keeps_what_it_said(call, fresh, loaded):
    options = "--predict 2 --read 3"
    printed = {row["text"] for row in rows("json", call(fresh, f"--dry-run --format json {options}")[1])}
    with serving(models=[MODEL]) as server:
        code, out, err = call(fresh, f"--url {server.url} --format json {options}")
        labels_, readers_ = map(json.loads, out.splitlines())
        asked = len(server.asked)
        code, out, _ = call(fresh, f"--url {server.url} {options}")
        assert len(server.asked) == asked
    assert code == 0 and "baseline there" in out and "published, width 6" in out
    live = [row for row in labels_["rows"] if row["status"] == "answered" and row["unit"] is not None]
    assert asked == len(printed) == len(live) * (1 + 2) + LAYERS + 1 + 2 * 2 * 3
    assert f"predictions: answered {2 * len(live)}" in err and "language model, seed 0: answered 6" in err
    for row in labels_["rows"]:
        assert row not in live or row["predicted"] is None or abs(abs(row["predicted"]) - 1) < 1e-5  # of two images
        assert row in live or row.get("predicted") is None
    assert any(row["predicted"] is not None for row in live)
    named = {row["reader"]: row for row in readers_["rows"]}
    assert named["true class"]["l"] == 1 and named["true class"]["agreement"] == 0.5
    assert named["language model"]["images_of_either_kind"] == 3 and named["published, width 6"]["final"] == 0.467
    [own] = kept.read(fresh, loaded.networks)
    assert own.model == MODEL and own.labels.keys() == own.read.keys() == own.predicted.keys() == {0}
    assert [len(said) for said in own.read[0].answers.values()] == [6, 6]
    assert [text for texts in own.labels[0].values() for text in texts] == [
        row["label"] for row in labels_["rows"][:UNITS]
    ]


def test_predictions_that_wait_end_in_a_line(call, fresh):
    with serving(models=[MODEL]) as server:
        code, out, err = call(fresh, f"--url {server.url} --format json --predict 2 --read 2 --max-requests 20")
        assert code == 2 and "repeat the command to go on" in err.splitlines()[-1] and out.count("\n") == 1
        assert re.search(r"^predictions: answered \d+, waiting \d+$", err, re.MULTILINE)


def test_a_dry_run_prints_the_prompts_and_sends_nothing(call, fresh):
    code, out, _ = call(fresh, "--dry-run --format json")
    found = rows("json", out)
    assert code == 0 and LAYERS + 1 < len(found) <= UNITS + LAYERS + 1
    assert all(row["tokens"] > 200 and row["text"].startswith("[system]") for row in found)
    assert "strokes" in found[0]["text"] and str(fresh.parent) not in out.replace(str(fresh), "")
    code, out, _ = call(fresh, "--dry-run --images")
    assert code == 0 and "(a PNG, " in out and "about" in out and "unit 0 of layer 0 of seed 0" in out
    assert not (fresh / "explanation").exists()


def test_what_is_sent_is_what_the_dry_run_printed(call, fresh):
    printed = {row["text"] for row in rows("json", call(fresh, "--dry-run --format json")[1])}
    with serving() as server:
        call(fresh, f"--url {server.url} --model {MODEL} --max-requests 3")
    sent = ["\n".join(f"[{own['role']}]\n{own['content']}" for own in body["messages"]) for body in server.bodies]
    assert len(sent) == 3 and set(sent) <= printed


def test_nothing_leaves_this_machine_unless_it_is_said_to(call, fresh, monkeypatch):
    url = "http://models.example.com/v1"
    code, out, err = call(fresh, f"--url {url} --model m --format json")
    assert (code, out) == (2, "") and "What leaves this machine, unencrypted, to http://models.example.com/v1: " in err
    assert err.splitlines()[-1] == f"jaxinterp: {url} is not on this machine: add --yes to send this"
    # Until then no connection was opened: tests refuse it. With --yes one is.
    with pytest.raises(connections.ConnectionOpened):
        call(fresh, f"--url {url} --model m --yes")


def test_images_are_sent_if_asked_for(call, fresh):
    with serving(models=[MODEL]) as server:
        code, _, err = call(fresh, f"--url {server.url} --images --max-requests 1 --format json")
    assert code == 2 and server.bodies[0]["messages"][1]["content"][1]["type"] == "image_url" and "as PNGs" in err


def test_a_budget_ends_in_a_line_and_the_next_call_goes_on(call, fresh):
    with serving(models=[MODEL]) as server:
        code, out, err = call(fresh, f"--url {server.url} --max-requests 5 --format json")
        last = err.splitlines()[-1]
        assert code == 2 and last.startswith("jaxinterp: 5 requests were made, as many as --max-requests allows; ")
        assert "repeat the command to go on" in last and len(server.asked) == 5
        assert {row["status"] for row in rows("json", out)} <= {"answered", "waiting", "dead"}
        code, out, err = call(fresh, f"--url {server.url} --format json")
        assert code == 0 and len(server.asked) == len(set(server.asked))
        assert "waiting" not in {row["status"] for row in rows("json", out)}


def test_faults_are_counted_and_the_key_is_nowhere(call, fresh, monkeypatch):
    secret = "sk-not-to-be-seen"
    monkeypatch.setenv(clients.KEY, secret)
    with serving(fails(403, f"key {secret} is not good"), models=[MODEL]) as server:
        code, out, err = call(fresh, f"--url {server.url} --format json")
    assert code == 2 and "refuses the key in JAXINTERP_API_KEY (403): key … is not good" in err.splitlines()[-1]
    assert re.search(r"^\d × the server refuses the key", err, re.MULTILINE)
    stored = [file.read_bytes() for file in fresh.rglob("*") if file.is_file()]
    assert secret not in out + err and not any(secret.encode() in content for content in stored)


def test_another_model_than_the_one_named_is_said(call, fresh):
    with serving(models=["parrot"]) as server:
        _, out, err = call(fresh, f"--url {server.url} --model owl --max-requests 1")
    assert "does not list a model 'owl'; it lists parrot" in err and "answered as parrot, not as owl" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--model m",
            "--model, --images, --predict, --read and limits concern a server: give its address, too, by --url",
        ),
        ("--predict 3", "--model, --images, --predict, --read and limits concern a server: give"),
        ("--dry-run --read 0", "--read is 0: use 1 or more"),
        ("--url localhost:8080", "'localhost:8080' is no address of a server: write one such as"),
        ("--url https://me:pw@example.com", "the address holds a password: give the key in the environment"),
        ("--url http://127.0.0.1:1/v1 --max-requests 0", "--max-requests is 0: use 1 or more"),
        ("--dry-run --max-tokens -1", "--max-tokens is -1: use 1 or more"),
        ("--dry-run --seeds 77", "no seed 77 in"),
    ],
)
def test_wrong_input_is_told_in_one_line_before_anything_is_done(call, run, options, message):
    code, out, err = call(run, options)
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith(f"jaxinterp: {message}")


def test_without_the_package_a_line_says_what_to_install(call, run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    code, out, err = call(run, "--url http://127.0.0.1:1/v1")
    assert (code, out) == (2, "") and err.endswith("needs the package openai: pip install 'jaxinterp[explain]'\n")


def test_no_server_is_told_in_a_line(call, run):
    with serving() as server:
        pass
    code, _, err = call(run, f"--url {server.url} --model {MODEL} --format json")
    assert code == 2 and err.splitlines()[-1].endswith("is the server running?")


def test_two_networks_are_two_tables_in_one(call, fresh):
    with serving(late(0.0, answer), models=[MODEL]) as server:
        code, out, _ = call(fresh, f"--url {server.url} --seeds 1 3 --format json")
    assert code == 0 and {row["seed"] for row in rows("json", out)} == {1, 3}
    assert len(rows("json", out)) == 2 * (UNITS + LAYERS + 1)
