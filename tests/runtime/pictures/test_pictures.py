"""Content of ``voxport plot``'s pictures, and refusals."""

import itertools
import struct

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from support import data, fakes
from voxport.cli import app
from voxport.decoding.greedy import decode
from voxport.errors import InputError
from voxport.transcript.transcript import build_transcript

pytest.importorskip("matplotlib")

from voxport.pictures import canvas, layers, recognition
from voxport.pictures.excerpt import Excerpt

WORDS = data.SAMPLES / "no-down-off-on.flac"


def run(*args):
    return CliRunner().invoke(app, ["plot", *map(str, args)])


def picture(text, model=None, start=0.0):
    """Return the figure of a fake emission of ``text``, three frames a label."""
    model = model or fakes.model()
    path = np.repeat([model.labels.index(label) for label in text], 3).astype(int)
    emission = np.eye(len(model.labels), dtype=np.float32)[path] * 20
    waveform = np.sin(np.arange(len(path) * fakes.STRIDE, dtype=np.float32))
    excerpt = Excerpt("a.wav", waveform, fakes.RATE, start)
    heard = build_transcript(decode(emission, model.blank), excerpt.seconds, model)
    return recognition.draw(excerpt, emission, heard, model)


def texts(axes):
    return {text.get_text(): text.get_position()[0] for text in axes.texts}


def test_rows_share_the_time_of_the_recording():
    made = picture("A-B|C-", start=10.0)
    _, emission, tokens, words = made.axes[:4]
    assert {axes.get_xlim() for axes in made.axes[:4]} == {(10.0, 10.18)}
    assert [tick.get_text() for tick in emission.get_yticklabels()] == [
        "blank",
        "space",
        "A",
        "B",
        "C",
    ]
    assert texts(words) == pytest.approx({"AB": 10.045, "C": 10.135})
    assert texts(tokens) == pytest.approx({"A": 10.015, "B": 10.075, "␣": 10.105, "C": 10.135})
    image = emission.images[0].get_array()  # a row a label, a column a frame
    assert image.shape == (5, 18)
    assert image.argmax(axis=0).tolist() == np.repeat([2, 0, 3, 1, 4, 0], 3).tolist()
    assert tuple(emission.images[0].get_extent()) == pytest.approx((10.0, 10.18, 4.5, -0.5))


def test_no_words_are_said_to_be_none():
    made = picture("----")
    assert list(texts(made.axes[3])) == ["no words"]
    assert made.get_suptitle() == "a.wav: no words"


def test_of_many_labels_the_likeliest_are_shown():
    labels = ("-", "|", *(chr(0x4E00 + i) for i in range(500)), "LONGPHONEMELABEL")
    made = picture(["-", chr(0x4E00 + 400), "LONGPHONEMELABEL"], fakes.model(labels=labels))
    shown = [tick.get_text() for tick in made.axes[1].get_yticklabels()]
    assert shown == ["blank", chr(0x4E00 + 400), "LONGPHONE…"]
    assert "500 more labels, under 5% throughout" in texts(made.axes[1])


def test_at_most_forty_labels_have_a_row():
    labels = ("-", "|", *(chr(0x4E00 + i) for i in range(500)))
    made = picture(list(labels[2:102]), fakes.model(labels=labels))
    assert len(made.axes[1].get_yticklabels()) == 40


def test_the_page_sets_width_and_title():
    excerpt = Excerpt("a.wav", np.zeros(3000, np.float32), fakes.RATE)
    page = canvas.Page(dpi=50, width=6.0, has_title=False)
    made, _ = canvas.new_figure(excerpt, [1.0], "a title", page)
    assert (made.get_dpi(), made.get_size_inches()[0]) == (50, pytest.approx(6.0))
    assert made.get_suptitle() == ""


def test_texts_in_one_lane_do_not_touch():
    rng = np.random.default_rng(0)
    starts = np.sort(rng.uniform(0, 5, 60))
    marks = [canvas.Mark("X" * rng.integers(1, 12), start, start + 0.02) for start in starts]
    lanes = canvas.assign_lanes(marks, 5.0, 9.0, canvas.Page())
    half = {
        mark: 5 / canvas.Page().axis_width(5) * canvas.text_width(mark.text, 9) / 2
        for mark in marks
    }
    for lane in set(lanes):
        own = [mark for mark, its in zip(marks, lanes, strict=True) if its == lane]
        for one, other in itertools.pairwise(own):
            assert one.start + half[one] <= other.start - half[other]


def test_layers():
    features = np.random.default_rng(0).normal(3, 100, (12, 40, 768)).astype(np.float32)
    features[3, :, 0] = 5.0  # a channel that never changes
    excerpt = Excerpt("a.wav", np.zeros(420, np.float32), fakes.RATE)
    made = layers.draw(excerpt, features, fakes.model())
    strips = [axes for axes in made.axes if axes.images]
    assert [axes.get_ylabel() for axes in strips[:12]] == [f"layer {n}" for n in range(1, 13)]
    shown = strips[3].images[0].get_array()
    assert shown.shape == (48, 40)
    assert np.isfinite(shown).all()
    assert abs(shown.mean(axis=1)).max() < 1e-4


def size(path):
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return struct.unpack(">II", head[16:24])


def test_png(tmp_path):
    path = tmp_path / "x.png"
    result = run("commands", WORDS, "-o", path)
    assert (result.exit_code, result.stdout) == (0, f"{path}\n"), result.output
    width, height = size(path)
    assert width > 1000
    assert height > 400  # labels that do not occur have no row
    assert list(tmp_path.iterdir()) == [path]


def test_layers_of_packages_with_and_without_a_head(with_features, headless, tmp_path):
    for package, kind in ((with_features, "onnx"), (headless, "torchscript")):
        result = run(
            package, WORDS, "--features", "--artifact", kind, "-o", tmp_path / "x.png", "--end", "1"
        )
        assert result.exit_code == 0, result.output
        assert size(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_other_formats(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    assert run("commands", WORDS, "-o", path, "--end", "0.5").exit_code == 0
    assert path.read_bytes()[:5] in (b"<?xml", b"%PDF-")


def test_shorter_than_a_frame(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(200), 16_000)
    result = run("commands", tmp_path / "x.wav", "-o", tmp_path / "x.png")
    assert result.exit_code == 0, result.output


def test_a_longer_recording_than_a_picture_holds_is_shown_in_part(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(150 * 8000), 8000)
    options = ("-o", tmp_path / "x.png", "--dpi", 30)
    result = run("commands", tmp_path / "x.wav", *options)
    assert result.exit_code == 0
    assert "x.wav: 0 to 120 s are shown; choose another part with --start" in result.stderr
    result = run("commands", tmp_path / "x.wav", *options, "--end", "150")
    assert result.exit_code == 1
    assert "x.wav: 150 s are too long for one picture" in result.stderr
    assert "at most 120 s of it with --start and --end" in result.stderr
    part = ("--start", "80.5", "--end", "82")
    assert run("commands", tmp_path / "x.wav", *options, *part).exit_code == 0


def test_more_than_twenty_seconds_are_folded_into_strips():
    """A strip begins with the word that the one before would have cut."""
    words = "AAAB|" * 180  # of 0.15 s, three frames a label, at 100 frames a second
    made = picture(words + "C", start=7.0)
    assert len(made.axes) == 3 * 5  # a strip's four rows and its colour bar
    strips = [made.axes[4 * strip : 4 * strip + 4] for strip in range(3)]
    starts = [rows[0].get_xlim()[0] for rows in strips]
    assert starts == pytest.approx([7.0, 16.9, 26.8], abs=0.1)
    for start, rows in zip(starts, strips, strict=True):
        assert {axes.get_xlim() for axes in rows} == {(start, start + 10.0)}
    shown = [texts(rows[3]) for rows in strips]
    assert all(start <= place for start, rows in zip(starts, shown, strict=True)
               for place in rows.values())  # fmt: skip
    drawn = sum(len(rows[3].texts) for rows in strips)
    assert drawn == 181
    columns = [rows[1].images[0].get_array().shape[1] for rows in strips]
    assert sum(columns) == 3 * len(words + "C")


def test_strips_are_cut_where_they_must_within_a_long_word():
    made = picture("AB" * 400)
    assert len(made.axes) == 3 * 5


def test_a_picture_of_too_many_dots_is_refused(tmp_path):
    made = picture("A-B")
    made.set_dpi(60000)
    with pytest.raises(InputError, match="choose a shorter part, fewer dots"):
        canvas.save(made, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["commands", "no.wav", "-o", "x.png"], 1, "no.wav: there is no such file"),
        (["commands", __file__, "-o", "x.png"], 1, "not audio that libsndfile"),
        (["commands", WORDS, "-o", "x.gif"], 1, "x.gif: expected a name that ends in .png"),
        (["commands", WORDS, "-o", "x"], 1, "x: expected a name that ends in .png, .svg, .pdf"),
        (["commands", WORDS, "-o", "no/x.png"], 1, "no/x.png: cannot be written: No such file"),
        (["commands", WORDS, "-o", "x.png", "--start", "9"], 1, "there is nothing from 9 s on"),
        (["commands", WORDS, "-o", "x.png", "--start", "2", "--end", "1"], 1, "there is nothing"),
        (["commands", WORDS, "-o", "x.png", "--start", "-1"], 2, "--start"),
        (["commands", WORDS, "-o", "x.png", "--end", "nan"], 2, "--end"),
        (["nothing", WORDS, "-o", "x.png"], 1, "neither a folder nor a shipped model"),
        (["commands", WORDS, "--features", "-o", "x.png"], 1, "gives no features"),
        (["commands", WORDS], 2, "--output"),
    ],
)
def test_what_gets_no_picture(args, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_without_a_head_there_is_no_emission(headless, tmp_path):
    result = run(headless, WORDS, "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert "voxport plot --features" in result.stderr


def test_without_matplotlib(without, tmp_path):
    without("matplotlib.figure", "matplotlib")
    result = run("commands", WORDS, "-o", tmp_path / "x.png")
    assert result.exit_code == 1
    assert "drawing needs matplotlib" in result.stderr
    assert 'pip install "voxport[plot]"' in result.stderr


def test_confusions_have_a_cell_for_every_frequent_pair_and_no_empty_column():
    pytest.importorskip("matplotlib")
    from voxport.pictures import confusions

    many = {(f"row{n:03}", f"heard{n:03}"): 2 for n in range(40)}
    counts = confusions.ConfusionCounts(
        "words",
        hits={"go": 5, "row000": 3},
        substitutions={("go", "no"): 90, **many},
        deletions={"go": 4},
        insertions={"a very long word that is cut": 3},
    )
    matrix = confusions._matrix(counts)
    assert len(matrix.rows) == 31
    assert matrix.rows[-1] == ""
    assert (matrix.counts[:, :-1].sum(axis=0) > 0).all()
    assert matrix.counts[matrix.rows.index("go"), matrix.columns.index("no")] == 90
    assert matrix.counts[matrix.rows.index("go"), -1] == 4
    shown = matrix.counts.sum() - sum(counts.hits.values())
    assert shown + matrix.hidden == counts.errors == 90 + 80 + 4 + 3
    made = confusions.draw("a test", [counts, counts])
    labels = [label.get_text() for label in made.axes[0].get_xticklabels()]
    assert "a very long wor…" in labels
