"""What every comparison that a manifest records begins with: of what, with what, on how much."""

from dataclasses import dataclass

from voxport.package.json_fields import Fields


@dataclass(frozen=True)
class Measurement:
    """An artifact, reloaded from disk, compared with something on some recordings."""

    artifact: str  # path of the artifact
    reference: str  # what it was compared with: "eager torchaudio 2.11.0"
    against: str  # what ran the artifact: "onnxruntime 1.31.1"
    provider: str  # "CPUExecutionProvider"; for torch the device
    clips: int
    seconds: float  # of audio in those clips


def read_measurement(fields: Fields) -> Measurement:
    """The measurement in a manifest's object."""
    return Measurement(
        artifact=fields.file_name("artifact"),
        reference=fields.text("reference"),
        against=fields.text("against"),
        provider=fields.text("provider"),
        clips=fields.integer("clips"),
        seconds=fields.number("seconds"),
    )
