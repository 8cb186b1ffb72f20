"""``voxport transcribe --beam``, with a language model and hot words."""

import json

import pytest

from support.command import YES
from support.command import transcribe as run

ARPA = """\\data\\
ngram 1=5

\\1-grams:
-1.0\t</s>
-99\t<s>
-9.0\t<unk>
-0.2\tyes
-0.5\tone

\\end\\
"""


def test_a_beam(tmp_path):
    model = tmp_path / "words.arpa"
    model.write_text(ARPA, encoding="utf-8")
    for options in (["--beam", 5], ["--lm", model, "--alpha", 1, "--beta", 0.5]):
        result = run("commands", YES, *options)
        assert (result.exit_code, result.stdout) == (0, "YES\n")
    found = json.loads(run("commands", YES, "--hotword", "yes", "-f", "json").stdout)
    assert found["words"][0]["text"] == "YES"
    assert 0 < found["words"][0]["start"] < found["words"][0]["end"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lm", "no.arpa"], "no.arpa: cannot be read: No such file"),
        (["--hotword", "covid19"], "no label spells all of 'covid19'"),
    ],
)
def test_a_beam_that_cannot_be_searched(options, message):
    result = run("commands", YES, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
