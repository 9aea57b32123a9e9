"""Text that a language model writes: which symbols it draws, and how they are joined."""

import pytest
import torch

from recurra import DamagedFile, InvalidInput, InvalidOption, MissingFile
from recurra_text.continuation import Continuation
from recurra_text.language_model_task import LanguageModel

TEXT = "ab ba\nbc a\n" * 40


@pytest.fixture
def task(tmp_path):
    def make(level):
        path = tmp_path / "text.txt"
        path.write_text(TEXT)
        return LanguageModel(file=path, level=level)

    return make


def next_token(kinds, seen):
    """A network whose likeliest next token is the one after the last, by number."""

    def network(x, state, *, lengths):
        seen.append(x.tolist())
        return torch.nn.functional.one_hot((x + 1) % kinds, kinds).float() * 5, len(seen)

    return network


def written(task, **options):
    seen = []
    rows = list(Continuation(task, **options).rows(next_token(task.input_size, seen)))
    return [row["text"] for row in rows], seen


def test_characters_follow_the_prompt(task):
    task = task("character")
    assert sorted(task.names) == ["\n", " ", "<unk>", "a", "b", "c"]
    start = task.names[2]
    (text,), seen = written(task, prompt=start, length=3, temperature=0)
    assert text == start + "".join(task.names[n] for n in (3, 4, 5))
    assert seen == [[[2]], [[3]], [[4]], [[5]]]


def test_the_unknown_symbol_is_never_drawn(task):
    task = task("character")
    last = task.names[-1]
    (text,), _ = written(task, prompt=last, length=1, temperature=0)
    assert text == last + task.names[1]  # all others are equally likely, and the unknown one is out


def test_words_are_joined_and_lines_end(task):
    task = task("word")
    task.names = ["<unk>", "ab", "<eos>", "bc", "a", "ba"]
    (text,), seen = written(task, prompt="ab", length=3, temperature=0)
    assert (text, seen[0]) == ("ab\nbc a", [[1]])


def test_bytes_are_decoded(task):
    (text,), seen = written(task("byte"), prompt="ü0", length=2, temperature=0)
    assert (text, seen[0]) == ("ü012", [[195, 188, 48]])


def test_without_a_prompt_a_line_begins(task):
    task = task("character")
    _, seen = written(task, length=1)
    assert seen[0] == [[task.names.index("\n")]]


def test_draws_depend_on_the_seed_alone(task):
    task = task("character")
    options = {"prompt": "a", "length": 30, "samples": 2, "temperature": 20.0}
    first, _ = written(task, **options, seed=1)
    torch.manual_seed(5)
    assert written(task, **options, seed=1)[0] == first
    assert written(task, **options, seed=2)[0] != first
    assert first[0] != first[1]


def test_a_prompt_from_a_file(task, tmp_path):
    (tmp_path / "prompt.txt").write_text("ab")
    assert written(task("character"), input=tmp_path / "prompt.txt", length=1)[0][0].startswith("ab")
    with pytest.raises(InvalidOption, match="exclude each other"):
        written(task("character"), prompt="a", input=tmp_path / "prompt.txt")


def test_a_prompt_file_is_text_in_utf_8(task, tmp_path):
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbfab")
    assert written(task("character"), input=tmp_path / "marked.txt", length=1)[0][0].startswith("ab")
    (tmp_path / "other.txt").write_bytes("ab".encode("utf-16"))
    with pytest.raises(DamagedFile, match="cannot be read as text in UTF-8"):
        written(task("character"), input=tmp_path / "other.txt")
    with pytest.raises(MissingFile, match="does not exist; name a text file"):
        written(task("character"), input=tmp_path / "none.txt")


def test_a_prompt_of_unknown_symbols_is_refused(task):
    with pytest.raises(InvalidInput, match="prompt 'xyz' has no character of the text"):
        written(task("character"), prompt="xyz")


def test_the_smallest_temperature_draws_the_likeliest(task):
    task = task("character")
    options = {"prompt": task.names[2], "length": 3}
    assert written(task, **options, temperature=5e-324) == written(task, **options, temperature=0)


def test_white_space_begins_a_line_of_words(task):
    task = task("word")
    _, seen = written(task, prompt="  ", length=1)
    assert seen[0] == [[task.names.index("<eos>")]]
