"""The capacity model's arithmetic and its simulated day."""

from dataclasses import replace

import pytest

from benchmarks._capacity_model import DAYLIGHT, PARTS, Costs, Fleet, needs, processes, simulate, storage

COSTS = Costs(
    crops=10,
    processor_ms=dict.fromkeys(PARTS, 10.0) | {"classifier": 50.0},
    object_bytes=120_000,
    objects=10,
    document_bytes=5000,
    database_writes=7,
    messages=1,
    memory_mb={},
    queue_messages_per_s=5000,
    results_per_s=1500,
)


def test_peak_is_the_busiest_hour_times_the_burst() -> None:
    fleet = Fleet(1000, runs_a_day=300, burst=2)
    assert fleet.mean_rate == pytest.approx(300_000 / 86_400)
    assert fleet.peak_rate == pytest.approx(300_000 * max(DAYLIGHT) / sum(DAYLIGHT) / 3600 * 2)


def test_scarcest_comes_first_and_grows_with_the_cameras() -> None:
    small, large = needs(COSTS, Fleet(10)), needs(COSTS, Fleet(1000))
    assert small[0].thing == large[0].thing == "classifier, cores"
    assert large[0].of_one == pytest.approx(100 * small[0].of_one)


def test_slow_queue_becomes_the_bottleneck() -> None:
    assert needs(replace(COSTS, queue_messages_per_s=1), Fleet(1000))[0].thing == "one quorum queue"


def test_storage_of_a_season() -> None:
    objects_gb, documents_gb, millions = storage(COSTS, Fleet(10, runs_a_day=100, season_days=100))
    assert (objects_gb, documents_gb, millions) == pytest.approx((12.0, 0.5, 1.0))


def test_sized_for_its_peak_nothing_piles_up() -> None:
    fleet = Fleet(1000)
    day = simulate(COSTS, fleet, processes(COSTS, fleet.peak_rate, spare=0.75))
    assert day.done == pytest.approx(1)
    assert day.most_queued < 1
    assert day.runs == pytest.approx(300_000, rel=0.3)


def test_with_too_few_workers_the_queue_grows_and_runs_wait_but_none_is_lost() -> None:
    fleet = Fleet(1000)
    cores = processes(COSTS, fleet.peak_rate) | {"classifier": 1}  # 20 runs/s, and the noon brings more
    day = simulate(replace(COSTS, processor_ms={**COSTS.processor_ms, "classifier": 200.0}), fleet, cores)
    assert day.most_queued > 10_000
    assert day.longest_wait_s > 3600
    assert 0.5 < day.done <= 1


def test_with_too_little_ingest_the_spool_grows_instead() -> None:
    fleet = Fleet(1000)
    cores = processes(COSTS, fleet.peak_rate) | {"ingest": 1}
    day = simulate(replace(COSTS, processor_ms={**COSTS.processor_ms, "ingest": 150.0}), fleet, cores)
    assert day.most_spooled > 1000


def test_same_seed_same_day() -> None:
    fleet = Fleet(100)
    cores = processes(COSTS, fleet.mean_rate)
    assert simulate(COSTS, fleet, cores, seed=3) == simulate(COSTS, fleet, cores, seed=3)
    assert simulate(COSTS, fleet, cores, seed=3) != simulate(COSTS, fleet, cores, seed=4)
