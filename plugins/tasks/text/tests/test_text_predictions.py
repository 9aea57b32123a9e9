"""What `recurra predict` writes of translations and reviews."""

import pytest
import torch

from recurra import InvalidOption, MissingFile
from recurra_text.imdb_task import IMDB
from recurra_text.sentences import END, FIRST
from recurra_text.sentiment import Sentiment
from recurra_text.translated import Translated
from recurra_text.translation_task import Translation


@pytest.fixture
def translation(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"w{n} x\tv{n} y\n" for n in range(10)) * 4)
    return Translation(file=path, validation_share=0.1, test_share=0.1)


def copier(task):
    """A network that writes the first word of the sentence by its number in the other language, and ends."""

    def network(x, state, *, lengths):
        start = state is None
        state = x[:, :1] if start else torch.zeros_like(state)
        word = task.names[0][int(x[0, 0]) - FIRST] if start and int(x[0, 0]) >= FIRST else None
        token = task.names[1].index(word.replace("w", "v")) + FIRST if word else END
        y = torch.full((*x.shape, task.output_size), -20.0)
        y[..., token] = 0.0
        return y, state

    return network


def test_sentences_are_translated(translation, tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("w3 x\n\nw5\n")
    predictions = Translated(translation, input=path)
    rows = list(predictions.rows(copier(translation)))
    assert [(row["source"], row["translation"]) for row in rows] == [("w3 x", "v3"), ("w5", "v5")]
    assert rows[0]["log_probability"] == pytest.approx(0, abs=1e-6)
    assert predictions.scores(rows) == {}


def test_the_test_split_has_references_and_bleu(translation):
    predictions = Translated(translation)
    rows = list(predictions.rows(copier(translation)))
    assert {row["reference"] for row in rows} == {"v9 y"}
    perfect = [{"translation": "a b c d e", "reference": "a b c d e"}]
    assert predictions.scores(perfect) == {"bleu": pytest.approx(100)}
    assert predictions.scores(rows)["bleu"] < 50


def test_a_review_is_read_as_in_training():
    task = IMDB()
    first, second = task.words[:2]
    x, lengths = task.read(f"{first.upper()}, {second} zyx")
    assert x[0, -3:].tolist() == [2, 3, 1]
    assert lengths.tolist() == [task.steps]
    unpadded, lengths = IMDB(padding="none", steps=2).read(f"zyx {second} {first}")
    assert (unpadded.tolist(), lengths.tolist()) == ([[3, 2]], [2])


def test_reviews_are_judged(tmp_path):
    path = tmp_path / "reviews.txt"
    path.write_text("good\nbad\n")
    outputs = torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    answers = iter(outputs)
    rows = list(
        Sentiment(IMDB(), input=path).rows(
            lambda x, state, lengths: (next(answers).expand(1, x.shape[1], 2), state)
        )
    )
    assert [row["prediction"] for row in rows] == ["positive", "negative"]
    assert rows[0]["p_positive"] == pytest.approx(0.7310585786)


@pytest.mark.parametrize("options", [{}, {"text": "a", "input": "b.txt"}])
def test_one_source_is_due(options):
    with pytest.raises(InvalidOption, match=r"exclude each other|give text or input"):
        Sentiment(IMDB(), **options)


def test_a_file_that_is_missing(translation):
    with pytest.raises(
        MissingFile, match=r"nowhere.txt does not exist; name a text file in UTF-8 with one sentence"
    ):
        Translated(translation, input="nowhere.txt")
