"""The 27 classes, against the data that they come from."""

import csv
from pathlib import Path

import pytest

from krabbel.simulator.drawing import LABELS
from proto.taxonomy import entry, taxonomy

SOURCE = Path(__file__).parents[3] / "shared" / "taxa" / "insect_detect_classes.csv"


def test_there_are_27_classes_each_with_both_names_an_icon_and_a_colour_of_its_own():
    classes = taxonomy().values()
    assert len(classes) == 27
    assert all(item.name_de and item.name_en and item.icon for item in classes)
    assert len({item.color for item in classes}) == 27
    assert len({item.name_de for item in classes}) == 27


def test_insects_are_all_but_the_four_classes_without_one():
    assert {label for label, item in taxonomy().items() if not item.is_insect} == {
        "none_bg",
        "none_bird",
        "none_dirt",
        "none_shadow",
    }


def test_the_simulator_draws_exactly_these_classes():
    assert set(LABELS) == set(taxonomy())


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("bee", "Hymenoptera"),
        ("bug", "Hemiptera"),
        ("fly", "Diptera"),
        ("fly_small", "Diptera"),
        ("hfly_eupeo", "Syrphidae"),
    ],
)
def test_classes_that_are_no_taxon_have_a_name_that_gbif_can_match(label, name):
    assert taxonomy()[label].gbif_name == name


def test_a_class_of_another_model_is_shown_as_it_is():
    assert entry("moth_hawk").name("de") == "moth_hawk"
    assert entry("moth_hawk").is_insect
    assert not entry("none_rain").is_insect


@pytest.mark.samples
@pytest.mark.skipif(not SOURCE.exists(), reason="needs ../shared/taxa")
def test_scientific_names_are_those_of_the_source():
    with SOURCE.open(encoding="utf-8") as file:
        rows = {row["label"]: row["scientific_name"] for row in csv.DictReader(file)}
    assert {label: item.scientific_name for label, item in taxonomy().items()} == rows
