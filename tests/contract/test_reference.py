"""Generated reference pages are fresh, so that no setting goes undocumented."""

from krabbel.reference import FILE, page


def test_every_setting_is_documented_and_the_page_is_fresh():
    assert FILE.read_text(encoding="utf-8") == page(), "run python -m krabbel.reference"
