"""The English normaliser of the Open ASR Leaderboard, as of its revision d1e99b2 (August 2026).

It is that of OpenAI's Whisper, taken from ``whisper-normalizer``, with the leaderboard's changes:
more fillers are dropped, fewer contractions are spelled out, spelled compounds, acronyms and
variants of names are joined. Results of other revisions of the leaderboard are not comparable: it
changed in April and June 2026. The only module to know ``whisper-normalizer``.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from voxport.optional_import import import_optional

_INSTALL = 'pip install "voxport[evaluate]"'

_FILLERS = "hmm mm mhm mmm uh um ah aha ahh ahm eh ehehe em hm huh hum mhum uhm umm uhuh"
# Expanded by whisper-normalizer, by neither OpenAI nor the leaderboard
_UNEXPANDED = ("kinda", "sorta", "dunno", "cause")
_IS = "it he she what that who here there how when where why this"  # before 's
_COMPOUNDS = {
    "et cetera": "etc",
    "al right": "alright",
    "all right": "alright",
    "how ever": "however",
    "wi fi": "wifi",
    "hi fi": "hifi",
    "lo fi": "lofi",
    "sci fi": "scifi",
    "e mail": "email",
    "e book": "ebook",
    "e commerce": "ecommerce",
    "x ray": "xray",
    "t shirt": "tshirt",
    "a m": "am",
    "p m": "pm",
    "o k": "okay",
}
# Spellings other than Whisper's; None: left as it is
_SPELLINGS: dict[str, str | None] = {
    "ok": "okay",
    "kay": "okay",
    "etcetera": "etc",
    "mm": "hmm",
    "archaeology": "archeology",
    "archaeological": "archeological",
    "archeological": None,
    "cancellation": "cancelation",
    "cancellations": "cancelations",
    "cancelation": None,
    "cancelations": None,
    "flyer": "flier",
    "pummelled": "pummeled",
    "pummelling": "pummeling",
    "snowploughs": "snowplows",
    "travelogue": "travelog",
    "travelogues": "travelogs",
    "travelog": None,
    "travelogs": None,
}
# A name and the variants that count as it
_NAMES = """
aaron: aron; alfonso: alphonso; alison: allison alyson; allen: alan allan; anne: ann;
anthony: antony; arthur: artur; brett: bret; brian: bryan; bridget: bridgette; caitlin:
kaitlin kaitlyn katelyn; carl: karl; carol: carole carrol carroll; catherine: catharine
katherine kathryn; cathy: kathy; charlie: charley charly; chris: kris; christina: kristina;
christopher: cristopher kristopher; colin: collin; deborah: devorah; dennis: denis; dominic:
dominick; douglas: douglass; dylan: dillon; eric: erick erik; fatima: fatimah; frederick:
frederik fredrick; gail: gayle; gary: garry; greg: gregg; henry: henri; ivonne: yvonne;
jackie: jacky; jamie: jaime; jason: jayson; jeff: geoff; jeffrey: geoffrey jeffery; joanne:
joane joann; john: jon; jonathan: johnathan jonathon; joseph: josef; karen: caren caryn
karin; kelly: kelley kelli kellye; kevin: kevan; kristin: kristen; laurie: lori; lawrence:
laurence; lee: leigh; leslie: lesley; lily: lilly; linda: lynda; lindsay: lindsey linsey;
louis: lewis; lucas: lukas; lynn: lynne; mark: marc; martin: martyn; matthew: mathew;
mcarthur: macarthur; mccarthy: macarthy maccarthy; mccartney: macartney; mcdonald:
macdonald; mcgowan: macgowan; mcintosh: macintosh; mcintyre: macintyre; mckay: mackay;
mckenzie: mackenzie; mclean: maclean; mcleod: macleod; mcmillan: macmillan; mcnamara:
macnamara; megan: meghan; michael: micheal; michelle: michele; miriam: myriam; mohammed:
mahomet mohamad mohamed mohammad mouhamad mouhamed muhamad muhammad muhammed; molly: mollie;
natalie: nathalie; neil: neal; nicholas: nicolas; nicole: nikole; patrick: patrik; peter:
pieter; philip: phillip; rachel: rachael; rajiv: rajeev; rebecca: rebekah; rob: robb; robin:
robyn; roger: rodger; ronda: rhonda; russell: russel; sally: sallie; sarah: sara; sean:
shaun shawn; shane: shayne; sherry: cheri sheri sherrie; simon: symon; stacy: stacey stacie;
steven: stephen; stuart: stewart; susanne: suzanne; teresa: theresa; terry: terri; thomas:
tomas; toby: tobey; tony: toni; tracy: tracey tracie; veronica: veronika; victor: viktor;
victoria: viktoria; walter: walther; yousef: yusef yusuf; zach: zak; zachary: zachery
zackary
"""
_ARTICLES = ("a", "i")  # single letters that are words


@lru_cache(maxsize=1)
def build_leaderboard_normalizer() -> Callable[[str], str]:
    """Build the normaliser.

    Raises:
        MissingDependencyError: ``whisper-normalizer`` is not installed.
    """
    needs = "the leaderboard's normalizer needs whisper-normalizer"
    whisper = import_optional("whisper_normalizer.english", needs, _INSTALL)
    normalizer: Any = whisper.EnglishTextNormalizer()
    normalizer.ignore_patterns = rf"\b({'|'.join(_FILLERS.split())})\b"
    normalizer.replacers = dict(_replacers(normalizer.replacers))
    spell: Any = normalizer.standardize_spellings
    spell.mapping = {
        word: spelling
        for word, spelling in {**spell.mapping, **_SPELLINGS}.items()
        if spelling is not None
    }
    number: Any = normalizer.standardize_numbers
    names = _variants()

    def join_and_count(text: str) -> str:
        for parts, joined in _COMPOUNDS.items():
            text = re.sub(rf"\b{parts.replace(' ', chr(92) + 's+')}\b", joined, text)
        return number(text)

    def spell_and_name(text: str) -> str:
        words: list[str] = spell(text).split()
        return " ".join(join_acronyms([names.get(word, word) for word in words]))

    normalizer.standardize_numbers = join_and_count
    normalizer.standardize_spellings = spell_and_name
    return lambda text: normalizer(text).strip()


def _replacers(given: dict[str, str]) -> list[tuple[str, str]]:
    """Return the contractions in their order, with the leaderboard's changes."""
    changed: list[tuple[str, str]] = []
    for pattern, replacement in given.items():
        if pattern == r"'s\b":
            changed.append((rf"\b({'|'.join(_IS.split())})'s\b", r"\1 is"))
        elif pattern.replace(r"\b", "") not in _UNEXPANDED:
            changed.append((pattern, replacement))
    return changed


def _variants() -> dict[str, str]:
    """Map each variant of a name to the name."""
    found: dict[str, str] = {}
    for group in " ".join(_NAMES.split()).split("; "):
        name, _, variants = group.partition(": ")
        found |= dict.fromkeys(variants.split(), name)
    return found


def join_acronyms(words: list[str]) -> list[str]:
    """Join runs of single letters and digits: "b b c" is "bbc".

    A run with "a" or "i" in it, which are words too, must have three.

    Examples:
        >>> join_acronyms("on b b c 1 in a 5 g net".split())
        ['on', 'bbc1', 'in', 'a5g', 'net']
    """
    joined: list[str] = []
    run: list[str] = []
    for word in [*words, ""]:
        if len(word) == 1 and word.isalnum():
            run.append(word)
            continue
        least = 3 if set(run) & set(_ARTICLES) else 2
        joined += ["".join(run)] if len(run) >= least else run
        run = []
        joined += [word] if word else []
    return joined
