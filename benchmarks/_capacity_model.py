"""What a fleet of cameras needs, from what one run costs. Plain arithmetic and a seeded simulation; no I/O.

The simulation is a fluid one, a minute a step: uploads arrive at random along the hours of a summer's day, ingest takes
them into its spool and forwards, the broker's queue holds what workers have not done. It answers what arithmetic
cannot: how much piles up when a peak comes, and how long the last of it waits.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

DAY_S = 86_400
PARTS = ("ingest", "classifier", "broker", "database", "objects", "query")
DAYLIGHT = (0, 0, 0, 0, 0, 1, 2, 4, 7, 11, 15, 18, 20, 19, 18, 15, 12, 9, 6, 4, 2, 1, 0, 0)


@dataclass(frozen=True, slots=True)
class Costs:
    """What one run of ``crops`` crops costs, as measured on one machine."""

    crops: int
    processor_ms: Mapping[str, float]
    """By part, milliseconds of one core."""
    object_bytes: float
    objects: float
    document_bytes: float
    """Documents and indexes, as they lie on the disk."""
    database_writes: float
    messages: float
    memory_mb: Mapping[str, float]
    queue_messages_per_s: float
    """Confirmed publishes of one quorum queue on one node."""
    results_per_s: float
    """Results that one database takes with their statistics (the rollups' write heat)."""

    def rate_of(self, part: str) -> float:
        """Return how many runs a second one core does of this part's work."""
        return 1000 / self.processor_ms[part] if self.processor_ms.get(part) else math.inf


@dataclass(frozen=True, slots=True)
class Fleet:
    """Cameras and what they see."""

    cameras: int
    runs_a_day: float = 300.0
    """Runs of one camera on a good summer's day."""
    burst: float = 3.0
    """How much more than the busiest hour's mean the busiest minutes bring: weather is the same for all cameras."""
    season_days: int = 180

    @property
    def mean_rate(self) -> float:
        """Runs a second over the day."""
        return self.cameras * self.runs_a_day / DAY_S

    @property
    def peak_rate(self) -> float:
        """Runs a second in the busiest minutes."""
        return self.cameras * self.runs_a_day * max(DAYLIGHT) / sum(DAYLIGHT) / 3600 * self.burst


@dataclass(frozen=True, slots=True)
class Need:
    """What a fleet needs of one thing."""

    thing: str
    at_peak: float
    unit: str
    of_one: float
    """How much of one (core, queue, database) that is; above 1 it needs more than one."""


def needs(costs: Costs, fleet: Fleet) -> list[Need]:
    """Return what is used at the peak, the scarcest first. One above 1 has to be divided: that is the bottleneck."""
    rate = fleet.peak_rate
    found = [Need(f"{part}, cores", rate / costs.rate_of(part), "cores", rate / costs.rate_of(part)) for part in PARTS]
    found.append(
        Need(
            "one quorum queue", rate * costs.messages, "messages/s", rate * costs.messages / costs.queue_messages_per_s
        )
    )
    found.append(Need("rollups of one database", rate, "results/s", rate / costs.results_per_s))
    return sorted(found, key=lambda need: need.of_one, reverse=True)


def processes(costs: Costs, rate: float, *, spare: float = 1.0) -> dict[str, int]:
    """Return how many cores of each part do ``rate`` runs a second with ``spare`` of what they can."""
    return {part: max(1, math.ceil(rate / costs.rate_of(part) / spare)) for part in PARTS}


def storage(costs: Costs, fleet: Fleet) -> tuple[float, float, float]:
    """Return what a season adds: GB of objects, GB of documents and indexes, millions of objects."""
    runs = fleet.cameras * fleet.runs_a_day * fleet.season_days
    return runs * costs.object_bytes / 1e9, runs * costs.document_bytes / 1e9, runs * costs.objects / 1e6


@dataclass(frozen=True, slots=True)
class Day:
    """How a simulated day went."""

    runs: int
    busiest_rate: float
    """Runs a second in the busiest minute."""
    most_spooled: float
    most_queued: float
    longest_wait_s: float
    """From upload to result, of the run that waited longest."""
    done: float
    """Share of the day's runs that are classified at midnight."""


def simulate(costs: Costs, fleet: Fleet, cores: Mapping[str, int], *, databases: int = 1, seed: int = 1) -> Day:
    """Let a summer's day pass with so many cores of each part.

    Of the two stages, storing is as fast as the slowest of ingest, object store, database and broker allow, and
    classifying as the slowest of workers and database. Server parts share their cores between both stages.
    """
    chance = random.Random(seed)
    store = min(cores[part] * costs.rate_of(part) for part in ("ingest", "objects", "broker", "database"))
    classify = min(cores["classifier"] * costs.rate_of("classifier"), costs.results_per_s * databases)
    spooled = queued = done = arrived = 0.0
    most_spooled = most_queued = wait = busiest = 0.0
    weather = 0.0
    for minute in range(1440):
        share = DAYLIGHT[minute // 60] / sum(DAYLIGHT) / 60
        # Gusts and clouds: a slow random walk between a third and `burst` times the hour's mean, the same for all.
        weather = min(1.0, max(-1.0, weather * 0.9 + chance.uniform(-0.45, 0.45)))
        mean = fleet.cameras * fleet.runs_a_day * share * fleet.burst**weather
        runs = max(0.0, chance.gauss(mean, math.sqrt(mean))) if mean > 50 else _poisson(chance, mean)
        arrived += runs
        busiest = max(busiest, runs / 60)
        stored = min(spooled + runs, store * 60)
        spooled += runs - stored
        finished = min(queued + stored, classify * 60)
        queued += stored - finished
        done += finished
        most_spooled, most_queued = max(most_spooled, spooled), max(most_queued, queued)
        wait = max(wait, spooled / store + queued / classify)
    return Day(round(arrived), busiest, most_spooled, most_queued, wait, done / arrived if arrived else 1.0)


def _poisson(chance: random.Random, mean: float) -> float:
    """Return a Poisson number (Knuth's method: the mean is small)."""
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return float(count)
