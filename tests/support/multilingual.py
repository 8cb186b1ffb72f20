"""Texts in many scripts, their romanisation, and emissions of an MMS aligner's labels."""

# ruff: noqa: RUF001

import numpy as np

from support import fakes

LABELS = ("<blank>", "<pad>", "</s>", "<unk>", *"aienoutsrmkldghybpwcvjzf'qx")
MODEL = fakes.model(
    labels=LABELS, blank=0, word_delimiter=None, sample_rate=16_000, frame_stride=320,
    receptive_field=400,
)  # fmt: skip

# Language, text, and the letters of each word by uroman 1.3.1.1
TEXTS: list[tuple[str, str, list[str]]] = [
    ("hin", "नमस्ते दुनिया, आप कैसे हैं?", ["namaste", "duniyaa", "aap", "kaise", "haim"]),
    ("hin", "भारत एक विशाल देश है।", ["bhaarat", "ek", "vishaal", "desh", "hai"]),
    ("ara", "مرحبا بالعالم كيف حالك اليوم", ["mrhba", "bal'alm", "kyf", "halk", "alywm"]),
    ("ara", "القطة تجلس على الحصيرة.", ["alqta", "tjls", "'la", "alhsyra"]),
    ("rus", "Привет, мир! Как дела сегодня?", ["privet", "mir", "kak", "dela", "segodnya"]),
    ("rus", "Съешь ещё этих мягких булок", ["syesh", "yeshchyo", "etikh", "myagkikh", "bulok"]),
    ("ell", "Καλημέρα κόσμε, τι κάνεις;", ["kalemera", "kosme", "ti", "kaneis"]),
    ("ell", "Η γάτα κάθεται στο χαλί.", ["e", "gata", "kathetai", "sto", "chali"]),
    ("amh", "ሰላም ለዓለም። እንዴት ነህ?", ["salaame", "laaalame", "enedeete", "nahe"]),
    ("amh", "ድመቷ ምንጣፉ ላይ ተቀምጣለች", ["dematwa", "menetaafu", "laaye", "taqametaalache"]),
    ("kor", "안녕하세요 세상 오늘 어때요", ["annyeonghaseyo", "sesang", "oneul", "eoddaeyo"]),
    ("tha", "สวัสดี ชาว โลก", ["s", "wa", "s", "dii", "chaa", "w", "lo", "k"]),
    ("heb", "שלום עולם מה שלומך", ["shlvm", "'vlm", "mh", "shlvmk"]),
    (
        "fra",
        "L'été dernier, j'ai vu Noël à Paris.",
        ["l'ete", "dernier", "j'ai", "vu", "noel", "a", "paris"],
    ),
    (
        "deu",
        "Die Straße führt über schöne Hügel",
        ["die", "strasse", "fuehrt", "ueber", "schoene", "huegel"],
    ),
    ("vie", "Xin chào thế giới hôm nay", ["xin", "chao", "the", "gioi", "hom", "nay"]),
    ("tur", "Işık ağaçların gölgesinde söndü", ["ishik", "agachlarin", "goelgesinde", "soendue"]),
    ("kat", "გამარჯობა მსოფლიო როგორ ხარ", ["gamarjoba", "msophlio", "rogor", "xar"]),
    ("ben", "ওহে বিশ্ব তুমি কেমন আছো", ["ohe", "bishba", "tumi", "keman", "aachho"]),
    ("cmn", "你好世界今天好吗", ["ni", "hao", "shi", "jie", "jin", "tian", "hao", "ma"]),
]


def emission(letters: list[str], seed: int) -> np.ndarray:
    """Return noisy log-probabilities (T, C) in which words of these letters are said."""
    rng = np.random.default_rng(seed)
    rows = [_frame(rng, 0) for _ in range(int(rng.integers(2, 12)))]
    for word in letters:
        for letter in word:
            index = LABELS.index(letter)
            rows += [_frame(rng, index) for _ in range(int(rng.integers(1, 4)))]
            rows += [_frame(rng, 0) for _ in range(int(rng.integers(1, 4)))]
        rows += [_frame(rng, int(rng.integers(0, 5))) for _ in range(int(rng.integers(0, 9)))]
    logits = np.array(rows)
    peak = logits.max(axis=1, keepdims=True)
    return (logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))).astype(
        np.float32
    )


def _frame(rng: np.random.Generator, label: int) -> np.ndarray:
    row = rng.standard_normal(len(LABELS)) * 2
    row[label] += 6
    return row
