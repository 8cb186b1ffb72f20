"""Alignment in runtime/web: paths, spellings and words of the Python runtime and torchaudio."""

# ruff: noqa: RUF001 (texts in many scripts)

import json
import random
import unicodedata

import numpy as np
import pytest
import soundfile

import voxport
from support import data, web
from voxport.alignment import spelling
from voxport.alignment.forced_alignment import forced_align, frames_needed
from voxport.errors import AlignmentError
from voxport.package.manifest import ModelInfo
from voxport.transcript.sentences import ends_sentence

PACKAGE = data.ROOT / "runtime" / "voxport" / "packages" / "commands"


@pytest.fixture(scope="module", autouse=True)
def built():
    """The module, compiled."""
    web.build()


def run(folder, script, cases):
    """Run a script on ``cases`` and return its answer; both are JSON."""
    path = folder / "cases.json"
    path.write_text(json.dumps(cases), encoding="utf-8")
    head = """
        import { readFileSync } from "node:fs";
        import * as voxport from "voxport";
        const cases = JSON.parse(readFileSync(process.argv[1], "utf-8"));
        const number = (value) => value ?? -Infinity;
        const emission = (values, labels) => ({
          values: Float32Array.from(values, number), frames: values.length / labels, labels });
    """
    return json.loads(web.node(head + script, path))


def random_case(generator, rounded=False):
    """Return log-probabilities (T, C) and the labels of a text that fits."""
    frames, classes = int(generator.integers(1, 90)), int(generator.integers(2, 9))
    logits = generator.normal(0, 3, (frames, classes)).astype(np.float32)
    if rounded:  # many equal sums
        logits = np.round(logits)
    emission = (logits - logits.max(axis=1, keepdims=True)).astype(np.float32)
    if not rounded:
        emission -= np.log(np.exp(emission).sum(axis=1, keepdims=True))
    while True:
        target = generator.integers(1, classes, generator.integers(1, frames + 1)).tolist()
        if frames_needed(target) <= frames:
            return emission, target


def plain(emission):
    """Return values for JSON, which has no infinity."""
    return [None if np.isneginf(value) else value for value in emission.ravel().tolist()]


FORCED = """
    const found = cases.map(([values, labels, target]) => {
      const { path, scores, spans } = voxport.forcedAlign(emission(values, labels), target);
      return [Array.from(path), Array.from(scores, (x) => Number.isFinite(x) ? x : null), spans];
    });
    console.log(JSON.stringify(found));
"""


def test_paths_are_the_python_runtimes_on_random_cases(tmp_path):
    generator = np.random.default_rng(11)
    cases = [random_case(generator, rounded=bool(i % 2)) for i in range(400)]
    for emission, _ in cases[::5]:
        emission[generator.random(emission.shape) < 0.02] = -100
    cases.append((np.full((3, 2), -np.inf, np.float32), [1]))
    cases[-1][0][1, 1] = cases[-1][0][[0, 2], 0] = 0
    found = run(
        tmp_path, FORCED, [[plain(emission), emission.shape[1], t] for emission, t in cases]
    )
    for (emission, target), (path, scores, spans) in zip(cases, found, strict=True):
        (expected,) = forced_align([emission], [target])
        assert path == expected.path.tolist()
        assert np.array_equal(np.array(scores, np.float32), expected.scores)
        for one, other in zip(spans, expected.spans(), strict=True):
            assert (one["token"], one["start"], one["end"]) == (other.token, other.start, other.end)
            assert one["score"] == pytest.approx(other.score, abs=1e-6)


def test_paths_are_torchaudios(tmp_path):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio.functional")
    generator = np.random.default_rng(13)
    cases = [random_case(generator) for _ in range(200)]
    found = run(
        tmp_path, FORCED, [[plain(emission), emission.shape[1], t] for emission, t in cases]
    )
    for (emission, target), (path, scores, _) in zip(cases, found, strict=True):
        expected = functional.forced_align(
            torch.from_numpy(emission)[None], torch.tensor([target], dtype=torch.int32)
        )
        assert path == expected[0][0].tolist()
        np.testing.assert_allclose(scores, expected[1][0].numpy(), rtol=0, atol=1e-6)


def test_a_problem_in_chunks_has_the_same_path(tmp_path):
    generator = np.random.default_rng(17)
    frames, labels = 6001, 2900
    emission = generator.normal(0, 1, (frames, 4)).astype(np.float32)
    target = generator.integers(1, 4, labels).tolist()
    emission.tofile(tmp_path / "emission")
    found = run(
        tmp_path,
        """
        const values = new Float32Array(Uint8Array.from(readFileSync(cases.path)).buffer);
        const logProbs = { values, frames: values.length / 4, labels: 4 };
        console.log(JSON.stringify(Array.from(voxport.forcedAlign(logProbs, cases.target).path)));
        """,
        {"path": str(tmp_path / "emission"), "target": target},
    )
    assert found == forced_align([emission], [target])[0].path.tolist()


def test_impossible_alignments_are_refused_in_the_same_words(tmp_path):
    emission = np.zeros((3, 3), np.float32)
    barred = np.full((2, 3), -np.inf, np.float32)
    cases = [(emission, [1, 1, 2]), (emission, []), (emission, [0]), (emission, [3]), (barred, [1])]
    found = run(
        tmp_path,
        """
        console.log(JSON.stringify(cases.map(([values, labels, target]) => {
          try { voxport.forcedAlign(emission(values, labels), target); }
          catch (error) { return error.message; }
        })));
        """,
        [[plain(emission), emission.shape[1], target] for emission, target in cases],
    )
    expected = []
    for emission, target in cases:
        with pytest.raises(voxport.VoxportError) as refusal:
            forced_align([emission], [target])
        expected.append(refusal.value.reason)
    assert found == expected


LABELS = {
    "latin": ("-", "|", *"ETAOIN'", "SS", "FI"),
    "lower": ("-", "|", *"abcdefghijklmnopqrstuvwxyz'", "é", "ß", "<unk>", "[UNK]"),
    "accents": ("-", "|", "e", "é", "ę", "n", "ñ", "o", "ö", "å", "ё", "и", "й"),
    "none": ("-", *"abcdefgh", "1", "2", "*"),
    "cyrillic": ("-", "|", *"абвгдежзийклмнопрстуфхцчшщъыьэюя"),
    "indic": ("-", "|", "क", "ख", "ग", "क़", "ि", "ा", "्", "न", "त", "र"),
    "thai": ("-", "|", "ก", "ข", "า", "ำ", "เ", "แ", "่", "้", "น"),
    "kana": ("-", "|", "あ", "か", "が", "き", "ゃ", "ー", "ッ", "ハ", "バ", "日", "本"),
    "korean": ("-", "|", "가", "나", "ㄱ", "ㅏ", "ㄴ", "ㅎ"),
    "arabic": ("-", "|", "ا", "ب", "ت", "ـ", "َ", "ُ", "س", "ل", "م", "هٰ"),
    "phonemes": ("-", "a ", "b ", "tʃ ", "ɪ ", "n "),
    "pieces": ("-", " the", "ing", "a"),
}
CHARACTERS = (
    "etaoinETAOINfsSßéèñöåÅęëżąıİſﬁﬃÆœøŁđ0129½²%&@#*/\\§…!?.,;:-–—_()[]{}<>\"'’‘ʼ´`“”«»¿¡"
    "абвгёйєїїъьюяЁ" + "कखगक़िा्नतरं्ॉ" + "กขาำเแ่้นๆ"
    "あかがきゃーッハバ日本々。、「」" + "가나각한글ㄱㅏㄴ"
    "ابتـَُسلمهٰئآ" + "ɪʃʧ"
    "\u0301\u0308\u0323\u0327\u0334\u200b\u200d\ufe0f\u00ad\u0640\u2028\x85\x1c\t \u3000"
    "😀👍🏽①Ⅷ℃ªº×÷+=~^|$€"
)  # fmt: skip


def model_of(labels, delimiter):
    return ModelInfo(
        name="model",
        source="test",
        licence="none",
        labels=labels,
        blank=0,
        word_delimiter=delimiter,
        sample_rate=16000,
        frame_stride=320,
        receptive_field=400,
        normalize_waveform=False,
        emission="logits",
        parameters=1,
    )


def spelled(model, text):
    try:
        found = spelling.Speller(model).spell(text)
    except AlignmentError as error:
        return error.reason
    unspelled = [[item.word, item.characters] for item in found.unspelled]
    return [found.tokens, found.words, found.texts, unspelled]


def test_texts_are_spelled_as_in_python(tmp_path):
    chance = random.Random(19)
    models = {
        name: model_of(labels, "|" if "|" in labels else None) for name, labels in LABELS.items()
    }
    texts = ["", " ", "*", "don't 'quote' “it’s”", "e-mail co‑op", "3 stars * here", "naïve café"]
    cases = [[name, text] for name in models for text in texts]
    for _ in range(1500):
        name = chance.choice(list(models))
        known = "".join(LABELS[name][1:])
        pool = chance.choice([CHARACTERS, known, known + " ", known + CHARACTERS])
        cases.append([name, "".join(chance.choices(pool, k=chance.randrange(1, 14)))])
    found = run(
        tmp_path,
        """
        const spellers = {};
        console.log(JSON.stringify(cases.cases.map(([name, text]) => {
          try {
            spellers[name] ??= new voxport.Speller(cases.models[name]);
            const { tokens, words, texts, unspelled } = spellers[name].spell(text);
            const missing = unspelled.map(({ word, characters }) => [word, characters]);
            return [tokens, words, texts, missing];
          } catch (error) {
            return error.reason;
          }
        })));
        """,
        {
            "cases": cases,
            "models": {
                name: {
                    "name": model.name,
                    "labels": model.labels,
                    "blank": 0,
                    "wordDelimiter": model.word_delimiter,
                }
                for name, model in models.items()
            },
        },
    )
    expected = [spelled(models[name], text) for name, text in cases]
    reasons = [one for one in expected if isinstance(one, str)]
    assert 50 < len(reasons) < len(cases) / 2
    for case, one, other in zip(cases, found, expected, strict=True):
        if isinstance(one, str) and isinstance(other, str):  # repr() escapes the text's characters
            one, other = one.split(" can be ")[-1], other.split(" can be ")[-1]
        assert one == other, (case, [hex(ord(character)) for character in case[1]])


def test_unicode_tables_are_pythons():
    found = json.loads(
        web.node(
            """
            import * as tables from "./dist/lib/unicode-tables.js";
            const names = ["MAY_BE_LEFT_OFF", "MAKES_A_LETTER", "IS_WIDE"];
            const found = Object.fromEntries(names.map((name) => [name, []]));
            for (let code = 0; code < 0x110000; code++) {
              if (code >= 0xd800 && code < 0xe000) continue;
              const character = String.fromCodePoint(code);
              for (const name of names) if (tables[name].test(character)) found[name].push(code);
            }
            console.log(JSON.stringify(found));
            """
        )
    )
    left_off = (1, *range(10, 37), *range(200, 256))
    tests = {
        "MAY_BE_LEFT_OFF": lambda c: unicodedata.combining(c) in left_off,
        "MAKES_A_LETTER": lambda c: unicodedata.combining(c) in (7, 8, 9, 107, 122),
        "IS_WIDE": lambda c: unicodedata.east_asian_width(c) in "WF",
    }
    assigned = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs")]
    for name, test in tests.items():
        expected = {ord(character) for character in assigned if test(character)}
        if unicodedata.unidata_version == "14.0.0":
            assert set(found[name]) == expected
        else:  # other versions of Unicode: most characters are in both
            differing = set(found[name]) ^ expected
            assert len(differing) < 0.05 * len(expected)


def test_sentences_end_where_they_end_in_python(tmp_path):
    words = [
        "it.",
        "3.14",
        "e.g.",
        "so?!",
        "ok.”",
        "是的。",
        "好。」",
        "a",
        "...",
        "x.y",
        "؟",
        "।",
        "(no.)",
    ]
    found = run(
        tmp_path,
        """
        const { endsSentence } = await import(`${process.cwd()}/dist/lib/sentences.js`);
        console.log(JSON.stringify(cases.map(endsSentence)));
        """,
        words,
    )
    assert found == [ends_sentence(word) for word in words]


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A recording of half a minute, and its text."""
    names = ("one-two-three", "left-right", "yes", "four-zero-nine", "no-down-off-on", "stop")
    folder = tmp_path_factory.mktemp("joined")
    clips = [soundfile.read(data.SAMPLES / f"{name}.flac", dtype="float32") for name in names * 2]
    soundfile.write(folder / "joined.wav", np.concatenate([clip for clip, _ in clips]), 16000)
    text = ". ".join(name.replace("-", " ").capitalize() for name in names * 2) + "."
    return folder / "joined.wav", text


@pytest.mark.parametrize("lengths", [{}, {"whole": 6, "window": 5}])
@pytest.mark.parametrize("granularity", ["word", "sentence"])
def test_words_and_sentences_of_a_recording_have_pythons_times(
    tmp_path, joined, lengths, granularity
):
    path, text = joined
    limits = {f"{name}_seconds": float(value) for name, value in lengths.items()}
    recognizer = voxport.load("commands", **limits)
    texts = [text, "One * three, 4 café"]
    found = run(
        tmp_path,
        """
        const { folder, path, texts, lengths, granularity } = cases;
        const recognizer = await voxport.load(folder, lengths);
        const found = [];
        for (const text of texts) {
          const audio = await voxport.openAudio(path);
          found.push(await recognizer.align(audio, text, { granularity }));
        }
        console.log(JSON.stringify(found));
        """,
        {
            "folder": str(PACKAGE),
            "path": str(path),
            "texts": texts,
            "lengths": {f"{name}Seconds": value for name, value in lengths.items()},
            "granularity": granularity,
        },
    )
    for one, given in zip(found, texts, strict=True):
        expected = recognizer.align(path, given, granularity=granularity)
        assert (one["text"], one["duration"]) == (expected.text, expected.duration)
        for kind in ("words", "tokens"):
            for word, other in zip(one[kind], getattr(expected, kind), strict=True):
                assert (word["text"], word["start"], word["end"]) == (
                    other.text,
                    other.start,
                    other.end,
                )
                assert word["score"] == pytest.approx(other.score, abs=1e-3)
        unspelled = [(item["word"], item["characters"]) for item in one["unspelled"]]
        assert unspelled == [(item.word, item.characters) for item in expected.unspelled]


def test_a_text_that_cannot_be_aligned_names_the_recording(tmp_path):
    found = run(
        tmp_path,
        """
        const recognizer = await voxport.load("commands");
        const audio = await voxport.readAudio(cases);
        const tell = (error) => `${error.name}: ${error.message}`;
        const long = "one ".repeat(99);
        console.log(JSON.stringify([
          await recognizer.align(audio, "日本").catch(tell),
          await recognizer.align(audio, long).catch(tell),
          await recognizer.align(audio, "yes", { granularity: "letter" }).catch(tell),
        ]));
        """,
        str(data.SAMPLES / "yes.flac"),
    )
    assert found[0].startswith("AlignmentError: ")
    assert "yes.flac: nothing of the text '日本' can be spelled" in found[0]
    assert "yes.flac: the text is too long for the audio: its 395 labels need" in found[1]
    assert found[2] == "InputError: granularity must be word or sentence, got 'letter'"
