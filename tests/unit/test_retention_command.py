"""What an operator types at `krabbel retention set`, and how rules read."""

import pytest

from krabbel.commands.retention import number_of, rules_in_words, size, with_classes
from proto.errors import BadRequest
from proto.retention import RetentionRules


def test_numbers_have_scales_and_off():
    assert [number_of(text) for text in ("90", "200G", "5M", "off")] == [90, 200 * 10**9, 5 * 10**6, None]
    for wrong in ("", "G", "-3", "9 days", "1.5G"):
        with pytest.raises(BadRequest):
            number_of(wrong)
    assert [size(number) for number in (5, 1500, 2_000_000, 3_400_000_000)] == ["5 bytes", "1.5 kB", "2.0 MB", "3.4 GB"]


def test_classes_change_one_by_one():
    known: dict[str, int | None] = {"ant": 30, "bee": 3}
    assert with_classes(known, ["ant=off", "wasp=never", "fly=7"]) == {"bee": 3, "wasp": None, "fly": 7}
    assert known == {"ant": 30, "bee": 3}
    for wrong in ("ant", "=3", "ant=", "ant=soon"):
        with pytest.raises(BadRequest):
            with_classes(known, [wrong])


def test_rules_read_as_sentences():
    assert rules_in_words(RetentionRules()) == ["mode: off", "thumbnails stay"]
    rules = RetentionRules(false_sightings_days=90, class_days={"wasp": None}, max_bytes=10**10, keep_thumbnails=False)
    assert rules_in_words(rules) == [
        "mode: off",
        "false sightings: pictures go after 90 days",
        "wasp: pictures never go",
        "all pictures together: 10.0 GB at most",
        "thumbnails go, too",
    ]
