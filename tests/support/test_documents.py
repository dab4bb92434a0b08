import pytest
from support import documents

MARKDOWN = """# A title

```python file=new/module.py
value = 1
```

Text with `code`.

```
no language
```

```python file=table.py after="TABLE = {"
    "b": 2,
```

```python
from table import TABLE
from new.module import value
print(TABLE["b"] + value)
```

```sh
python -c "print('shell')"
```

```text
left alone
```
"""


@pytest.fixture
def document(tmp_path):
    folder = tmp_path / "copy"
    (folder / "bin").mkdir(parents=True)
    (folder / "table.py").write_text('TABLE = {\n    "a": 1,\n}\n')
    file = tmp_path / "add.md"
    file.write_text(MARKDOWN)
    return file, folder


def test_blocks_are_read_with_their_files(document):
    found = documents.blocks(document[0])
    assert [block.language for block in found] == ["python", "python", "python", "sh", "text"]
    assert [block.file for block in found] == ["new/module.py", "table.py", None, None, None]
    assert found[1].after == "TABLE = {" and found[0].text == "value = 1\n" and found[0].line == 3


def test_blocks_are_carried_out_in_their_order(document):
    file, folder = document
    assert documents.carry_out(file, folder) == ["3\n", "shell\n"]
    assert (folder / "table.py").read_text() == 'TABLE = {\n    "b": 2,\n    "a": 1,\n}\n'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("print(TABLE", "raise SystemExit(TABLE", "add.md:17 failed"),
        ("python -c", "false; python -c", "add.md:23 failed"),
        ('after="TABLE = {"', 'after="ROWS = {"', r"add.md:13: table.py has the line 'ROWS = {' 0 times"),
        ("file=new/module.py", "file=table.py", "add.md:3: table.py exists already"),
        ("file=new/module.py", "fiel=new/module.py", "add.md:3: a block has no option fiel"),
    ],
)
def test_a_document_that_does_not_work_fails(document, old, new, message):
    file, folder = document
    file.write_text(MARKDOWN.replace(old, new))
    with pytest.raises(AssertionError, match=message):
        documents.carry_out(file, folder)


def test_a_block_that_another_document_runs_is_left_out(document, tmp_path):
    file, folder = document
    other, line = tmp_path / "other.md", "python -c \"print('shell')\""
    other.write_text(f"```sh\n{line} and more\n```\n")
    assert documents.carry_out(file, folder, elsewhere={line: other}) == ["3\n"]
    with pytest.raises(AssertionError, match="has no block"):
        documents.carry_out(other, folder, elsewhere={"exit": other, f"{line} and more": other})
    other.write_text("```sh\nexit\n```\n")
    file.write_text(f"```sh\n{line}\n```\n")
    with pytest.raises(AssertionError, match=r"add.md:1: other.md has no such line"):
        documents.carry_out(file, folder, elsewhere={line: other})


def test_links_and_anchors_are_those_of_the_text(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("# One, two\n\n[a](b.md#c) ![d\ne](f.png) `[g](h)`\n\n```python\n# no\nx[i](j)\n```\n")
    assert documents.links(documents.text(file)) == ["b.md#c", "f.png"]
    assert documents.anchors(file) == {"one-two"}
