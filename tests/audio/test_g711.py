"""G.711 against the decision values of the Recommendation, on every possible input."""

import numpy as np
import pytest

from portevoix.audio import g711

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))


def decision_values(steps: list[tuple[int, int]]) -> list[int]:
    """Decision values from (count, step) runs, as the columns of the Recommendation's tables give them."""
    values = [0]
    for count, step in steps:
        values += [values[-1] + step * (n + 1) for n in range(count)]
    return values


# Table 1a, column 5, in units of 1/4096: 32 steps of 2, then 16 of each doubled step. In 16 bits: times 8.
ALAW_DECISIONS = [
    8 * value for value in decision_values([(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)])
]
# Table 2a, column 5, in units of 1/8159: a step of 1, 15 of 2, then 16 of each doubled. In 16 bits: times 4.
ULAW_DECISIONS = [
    4 * value for value in decision_values([(1, 1), (15, 2), *((16, step) for step in (4, 8, 16, 32, 64, 128, 256))])
]


def interval(sample: int, decisions: list[int]) -> int:
    """Which decision interval holds a sample; a tie leaves zero when positive and seeks it when negative."""
    magnitude = sample if sample >= 0 else -sample - 1
    return min(int(np.searchsorted(decisions, magnitude, side="right")) - 1, 127)


def test_alaw_is_right_on_all_65536_inputs():
    expected = bytes((interval(s, ALAW_DECISIONS) | (0x80 if s >= 0 else 0)) ^ 0x55 for s in EVERY_SAMPLE.tolist())
    assert g711.alaw_encode(EVERY_SAMPLE) == expected


def test_ulaw_is_right_on_all_65536_inputs():
    expected = bytes((interval(s, ULAW_DECISIONS) ^ 0x7F) | (0x80 if s >= 0 else 0) for s in EVERY_SAMPLE.tolist())
    assert g711.ulaw_encode(EVERY_SAMPLE) == expected


def test_alaw_decodes_to_the_middle_of_each_interval():
    values = g711.alaw_decode(EVERY_CODE)
    for code in range(256):
        index = (code ^ 0x55) & 0x7F
        middle = (ALAW_DECISIONS[index] + ALAW_DECISIONS[index + 1]) // 2
        assert values[code] == (middle if (code ^ 0x55) & 0x80 else -middle)


def test_ulaw_decodes_to_the_middle_of_each_interval_and_zero_to_zero():
    values = g711.ulaw_decode(EVERY_CODE)
    for code in range(256):
        index = ~code & 0x7F
        middle = (ULAW_DECISIONS[index] + ULAW_DECISIONS[index + 1]) // 2 if index else 0
        assert values[code] == (middle if code & 0x80 else -middle)


@pytest.mark.parametrize("law", ["alaw", "ulaw"])
def test_a_code_survives_decoding_and_encoding(law):
    encode, decode = getattr(g711, f"{law}_encode"), getattr(g711, f"{law}_decode")
    again = encode(decode(EVERY_CODE))
    # µ-law has two zeros: the negative one, 0x7F, comes back as the positive one.
    assert again == (EVERY_CODE if law == "alaw" else EVERY_CODE.replace(b"\x7f", b"\xff"))


def test_silence_is_the_smallest_positive_code():
    assert g711.alaw_encode(np.zeros(1, np.int16)) == b"\xd5"
    assert g711.ulaw_encode(np.zeros(1, np.int16)) == bytes([g711.ULAW_SILENCE])


def test_transcoding_to_ulaw_is_decoding_and_encoding():
    assert g711.alaw_to_ulaw(EVERY_CODE) == g711.ulaw_encode(g711.alaw_decode(EVERY_CODE))
