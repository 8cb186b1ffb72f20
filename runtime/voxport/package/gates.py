"""What a manifest tells of an artifact of fewer bits: what it loses against fp32, what it gains.

Such an artifact does not answer as the model does, within rounding, so there is no parity to
record. Export measures instead how far it is off on real speech and how fast it is, refuses to
write one that is not worth it, and records what it measured here.
"""

from dataclasses import dataclass

from voxport.package.json_fields import Fields
from voxport.package.measurement import Measurement, read_measurement

# Other processors and later runtimes round otherwise. What was measured once is a sample of it.
_SLACK = 2.0


@dataclass(frozen=True)
class Gate(Measurement):
    """A comparison of an artifact, reloaded from disk, with fp32, and the limits it had to keep."""

    max_emission_difference: float
    equal_transcripts: float  # the share of clips, 0 to 1
    cer: float  # character error rate against fp32's transcripts
    cer_limit: float  # the most that was allowed
    speed: float | None  # times as fast as fp32 on that provider, one recording; None: not measured
    forced: bool  # written although it loses more than the limit, or is not faster

    @property
    def difference_limit(self) -> float:
        """The most that emissions of the same recordings may be off anywhere."""
        return _SLACK * self.max_emission_difference

    def edits_limit(self, characters: int) -> float:
        """The most edits in so many characters; one is always allowed, as few make coarse rates."""
        return 1 + max(self.cer, self.cer_limit) * characters


def read_gate(fields: Fields) -> Gate:
    """One of the objects at ``gates`` in a manifest."""
    return Gate(
        **vars(read_measurement(fields)),
        max_emission_difference=fields.number("max_emission_difference"),
        equal_transcripts=fields.number("equal_transcripts"),
        cer=fields.number("cer"),
        cer_limit=fields.number("cer_limit"),
        speed=None if fields.value("speed") is None else fields.number("speed"),
        forced=fields.boolean("forced"),
    )
