"""make_motif_sequences plants the motif where it says, and nowhere else."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklstm import LSTMClassifier
from sklstm.datasets import make_motif_sequences
from sklstm.preprocessing import SequenceOneHotEncoder

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
TASKS = [
    {},
    {"n_samples": 301, "length": (20, 60)},
    {"motif": "C..C............H...H", "alphabet": AMINO_ACIDS, "length": (21, 50)},
    # Copies by chance are everywhere, overlap the planted one, or reach its open symbols.
    {"motif": "A", "length": 30},
    {"motif": "AAA", "length": 30},
    {"motif": "A.A", "length": (3, 12)},
    {"motif": ".A.", "length": 8},
    {"motif": "AC", "alphabet": "AC", "length": 12},
    {"motif": "TATAAT", "length": 6},
    {"motif": "αβ😀", "alphabet": "αβ😀", "length": (5, 9)},
]
tasks = pytest.mark.parametrize("task", TASKS, ids=str)


def copies(sequence, motif):
    """Where regular expressions find a motif; a lookahead finds overlapping copies too."""
    return [found.start() for found in re.finditer(f"(?={motif})", sequence)]


@tasks
def test_the_motif_is_at_its_place_and_nowhere_else(task):
    bunch = make_motif_sequences(**task, random_state=0)
    for sequence, target, start in zip(bunch.data, bunch.target, bunch.motif_start, strict=True):
        assert copies(sequence, bunch.motif) == ([start] if target else [])
        assert (start == -1) == (target == 0)


@tasks
def test_lengths_symbols_and_classes(task):
    bunch = make_motif_sequences(**task, random_state=0)
    n_samples, length = task.get("n_samples", 500), task.get("length", 40)
    shortest, longest = length if isinstance(length, tuple) else (length, length)
    assert bunch.data.shape == bunch.target.shape == bunch.motif_start.shape == (n_samples,)
    assert bunch.data.dtype.kind == "U"
    assert bunch.target.dtype == bunch.motif_start.dtype == np.int64
    assert {len(sequence) for sequence in bunch.data} == set(range(shortest, longest + 1))
    assert set("".join(bunch.data)) == set(task.get("alphabet", "ACGT"))
    assert np.bincount(bunch.target).tolist() == [n_samples - n_samples // 2, n_samples // 2]
    assert bunch.target_names.tolist() == ["background", "motif"]
    assert bunch.motif == task.get("motif", "TGA.TCA")
    assert repr(bunch.motif) in bunch.DESCR


def test_every_place_is_used():
    starts = make_motif_sequences(4000, 12, motif="TGATCA", random_state=0).motif_start
    counts = np.bincount(starts[starts >= 0])
    assert len(counts) == 7
    assert np.abs(counts - 2000 / 7).max() < 5 * np.sqrt(2000 / 7)


def test_symbols_are_equally_frequent():
    background = "".join(make_motif_sequences(2000, random_state=0).data)
    counts = [background.count(symbol) for symbol in "ACGT"]
    # The planted motif adds 6 symbols in 80; the rest is uniform.
    assert max(counts) < 1.1 * min(counts)


def test_the_classes_are_shuffled():
    target = make_motif_sequences(400, random_state=0).target
    assert 150 < np.count_nonzero(np.diff(target)) < 250


def test_mutations_have_their_rate_and_spare_the_open_symbols():
    motif, rate = "TGACATA.TATAATC", 0.3
    bunch = make_motif_sequences(4000, 40, motif=motif, mutation_rate=rate, random_state=0)
    planted = [
        sequence[start : start + len(motif)]
        for sequence, start in zip(bunch.data, bunch.motif_start, strict=True)
        if start >= 0
    ]
    for position, symbol in enumerate(motif):
        found = [sequence[position] for sequence in planted]
        if symbol == ".":
            assert {found.count(other) > 400 for other in "ACGT"} == {True}
        else:
            share = np.mean([other != symbol for other in found])
            assert abs(share - rate) < 5 * np.sqrt(rate * (1 - rate) / len(planted))
            assert set(found) == set("ACGT")
    for sequence, start in zip(bunch.data, bunch.motif_start, strict=True):
        assert set(copies(sequence, motif)) <= {start}


def test_with_certain_mutation_no_fixed_symbol_is_left():
    bunch = make_motif_sequences(motif="AC.T", mutation_rate=1, random_state=0)
    for sequence, start in zip(bunch.data, bunch.motif_start, strict=True):
        assert copies(sequence, bunch.motif) == []
        if start >= 0:
            found = sequence[start : start + 4]
            assert all(found[k] != "AC.T"[k] for k in (0, 1, 3))


def test_random_state():
    first, again = (make_motif_sequences(random_state=3) for _ in range(2))
    assert_array_equal(first.data, again.data)
    assert_array_equal(first.motif_start, again.motif_start)
    from_instance = make_motif_sequences(random_state=np.random.RandomState(3))
    assert_array_equal(from_instance.data, first.data)
    assert (make_motif_sequences(random_state=4).data != first.data).any()
    rng = np.random.RandomState(3)
    assert (make_motif_sequences(random_state=rng).data == first.data).all()
    assert (make_motif_sequences(random_state=rng).data != first.data).any()


def test_without_a_random_state_each_call_differs_and_no_global_state_is_touched():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, second = (make_motif_sequences() for _ in range(2))
    assert (first.data != second.data).any()
    assert_array_equal(np.random.get_state()[1], before)


def test_return_X_y():
    bunch = make_motif_sequences(random_state=0)
    X, y = make_motif_sequences(random_state=0, return_X_y=True)
    assert_array_equal(X, bunch.data)
    assert_array_equal(y, bunch.target)


def test_an_lstm_learns_the_default_task_and_linear_models_do_not():
    X, y = make_motif_sequences(random_state=0, return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    lstm = make_pipeline(
        SequenceOneHotEncoder("ACGT"),
        LSTMClassifier(bidirectional=True, pooling="max", max_epochs=30, random_state=0),
    )
    assert lstm.fit(X_train, y_train).score(X_test, y_test) > 0.93
    one_hot = make_pipeline(OneHotEncoder(), LogisticRegression(max_iter=1000))
    train, test = ([list(sequence) for sequence in part] for part in (X_train, X_test))
    assert one_hot.fit(train, y_train).score(test, y_test) < 0.65
    words = CountVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False)
    k_mers = make_pipeline(words, LogisticRegression(max_iter=1000))
    assert k_mers.fit(X_train, y_train).score(X_test, y_test) < 0.9


@pytest.mark.parametrize(
    ("parameter", "value", "requirement"),
    [
        ("n_samples", 1, "an integer of at least 2"),
        ("n_samples", 10.0, "an integer of at least 2"),
        ("n_samples", True, "an integer of at least 2"),
        ("n_samples", None, "an integer of at least 2"),
        ("length", 0, "an integer of at least 1 or a pair"),
        ("length", 10.5, "an integer of at least 1 or a pair"),
        ("length", "10", "an integer of at least 1 or a pair"),
        ("length", (20, 10), "an integer of at least 1 or a pair"),
        ("length", (20, 30, 40), "an integer of at least 1 or a pair"),
        ("length", (20, None), "an integer of at least 1 or a pair"),
        ("length", (0, 20), "an integer of at least 1 or a pair"),
        ("motif", "", "a string with at least 1 symbol"),
        ("motif", "...", "a string with at least 1 symbol"),
        ("motif", ["A", "C"], "a string with at least 1 symbol"),
        ("motif", "TGN", "symbols of the alphabet 'ACGT'"),
        ("motif", "tga", "symbols of the alphabet 'ACGT'"),
        ("motif", "A" * 41, "not be longer than the shortest sequence"),
        ("alphabet", "A", "at least 2 distinct symbols"),
        ("alphabet", "AACGT", "at least 2 distinct symbols"),
        ("alphabet", "ACGT.", "at least 2 distinct symbols"),
        ("alphabet", "ACGT\0", "at least 2 distinct symbols"),
        ("alphabet", list("ACGT"), "at least 2 distinct symbols"),
        ("mutation_rate", -0.1, "a finite number between 0 and 1"),
        ("mutation_rate", 1.1, "a finite number between 0 and 1"),
        ("mutation_rate", float("nan"), "a finite number between 0 and 1"),
        ("mutation_rate", "0.1", "a finite number between 0 and 1"),
        ("random_state", -1, "an integer from 0"),
        ("random_state", 0.5, "an integer from 0"),
        ("random_state", np.random, "an integer from 0"),
        ("random_state", np.random.default_rng(0), "an integer from 0"),
        ("return_X_y", 1, "True or False"),
    ],
)
def test_bad_parameter(parameter, value, requirement):
    start = f"The '{parameter}' parameter of make_motif_sequences must"
    with pytest.raises(ValueError, match=f"^{start}.*{re.escape(requirement)}") as error:
        make_motif_sequences(**{parameter: value})
    assert f"Got {value!r}" in str(error.value)


def test_the_shortest_length_bounds_the_motif():
    with pytest.raises(ValueError, match=r"'motif'.*shortest sequence, 6 symbols.*7 symbols"):
        make_motif_sequences(length=(6, 40))


def test_a_motif_that_no_sequence_lacks_is_an_error():
    # Without it a sequence would be C…CA…A, one of 2 to the power of 300.
    with pytest.raises(ValueError, match=r"'motif'.*must be rarer.* 300 symbols"):
        make_motif_sequences(4, 300, motif="AC", alphabet="AC", random_state=0)
