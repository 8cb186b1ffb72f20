"""Parsing of the error rates in ``manifest.json``."""

from voxport.package.json_fields import Fields
from voxport.package.manifest import Evaluation


def read_evaluation(fields: Fields) -> Evaluation:
    """Read the error rates of an artifact on a test set."""
    return Evaluation(
        artifact=fields.file_name("artifact"),
        dataset=fields.text("dataset"),
        normalizer=fields.text("normalizer"),
        provider=fields.text("provider"),
        measured_by=fields.text("measured_by"),
        clips=fields.integer("clips"),
        seconds=fields.number("seconds"),
        speakers=fields.integer("speakers"),
        words=fields.integer("words"),
        wer=fields.number("wer"),
        wer_interval=_interval(fields, "wer_interval"),
        cer=fields.number("cer"),
        cer_interval=_interval(fields, "cer_interval"),
        rtfx=_optional_number(fields, "rtfx"),
        language=fields.optional_text("language") if "language" in fields.data else None,
        merged_wer=_optional_number(fields, "merged_wer"),
    )


def _optional_number(fields: Fields, key: str) -> float | None:
    return None if fields.data.get(key) is None else fields.number(key)


def _interval(fields: Fields, key: str) -> tuple[float, float] | None:
    if fields.value(key) is None:
        return None
    low, high = fields.numbers(key, 2)
    return low, high
