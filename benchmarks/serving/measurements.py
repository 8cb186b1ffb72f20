"""Measurements of a server: throughput, saturation, latency beside a long upload, memory.

Each starts its own server, and returns a plain object. Arrivals are open: a request is sent when it
is due, answered or not, by Poisson's law from a seed; its latency counts from that time.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.serving import workload
from benchmarks.serving.client import Answer, Client, Clip, describe_batches, read_figures
from benchmarks.serving.server import Server, running

_SETTLED = 0.25  # share of the time after which memory should not grow
_HOST = "127.0.0.1"


def measure_throughput(
    package: str, options: Sequence[str], seconds: float, clients: Sequence[int]
) -> dict[str, Any]:
    """Compare a server at saturation with ``voxport transcribe`` on the same files and cores.

    ``seconds`` of audio are transcribed by each. The command's own start is measured with one file
    and not counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = workload.choose(seconds, Path(folder))
        audio = sum(length for _, length in files)
        listed = Path(folder) / "files.txt"
        listed.write_text("".join(f"{path}\n" for path, _ in files), "utf-8")
        start = min(_run_command(package, files[:1], Path(folder)) for _ in range(3))
        spent = min(_run_command(package, files, Path(folder)) for _ in range(2)) - start
        offline = audio / max(spent, 1e-9)
        clips = workload.as_requests(files)
        rows = [
            {"clients": count, **asyncio.run(_saturate(server, clips, count))}
            for count in clients
            for server in _started(package, options)
        ]
    for row in rows:
        row["share_of_offline"] = round(row["audio_seconds_per_second"] / offline, 3)
    return {
        "files": len(files),
        "audio_seconds": round(audio, 1),
        "offline_audio_seconds_per_second": round(offline, 1),
        "offline_start_seconds": round(start, 2),
        "rows": rows,
    }


def measure_saturation(
    package: str, options: Sequence[str], shares: Sequence[float], seconds: float
) -> dict[str, Any]:
    """Offer shares of the throughput at saturation, open-loop, each for so many seconds."""
    with tempfile.TemporaryDirectory() as folder, running(package, *options) as server:
        clips = workload.as_requests(workload.choose(600, Path(folder)))
        full = asyncio.run(_saturate(server, clips, 64))["audio_seconds_per_second"]
        rows = [
            {"share": share, **asyncio.run(_offer(server, clips, share * full, seconds))}
            for share in shares
        ]
        return {"notes": server.notes, "full_audio_seconds_per_second": full, "rows": rows}


def measure_latency(
    package: str, options: Sequence[str], allowance: float, seconds: float, share: float
) -> dict[str, Any]:
    """Offer a share of the throughput while an hour's upload is in progress.

    Each answer's time is compared with its own clip's alone, which it may exceed by ``allowance``.
    """
    with tempfile.TemporaryDirectory() as folder, running(package, *options) as server:
        files = workload.choose(600, Path(folder))
        clips = workload.as_requests(files)
        full = asyncio.run(_saturate(server, clips, 64))["audio_seconds_per_second"]
        alone = asyncio.run(_ask_alone(server, clips))
        long = workload.write_long(Path(folder))
        row = asyncio.run(_offer(server, clips, share * full, seconds, long, alone, allowance))
        return {
            "notes": server.notes,
            "full_audio_seconds_per_second": full,
            "allowance_seconds": allowance,
            "long_upload_seconds": round(long.seconds),
            **row,
        }


def measure_memory(
    package: str, options: Sequence[str], minutes: float, share: float
) -> dict[str, Any]:
    """Follow the memory of a server and all of its processes under a mixed load."""
    readings: list[int] = []
    with tempfile.TemporaryDirectory() as folder, running(package, *options) as server:
        clips = workload.as_requests(workload.choose(1200, Path(folder)))
        full = asyncio.run(_saturate(server, clips, 64))["audio_seconds_per_second"]
        long = workload.write_long(Path(folder), 900)
        row = asyncio.run(
            _offer(
                server,
                clips,
                share * full,
                60 * minutes,
                long,
                observe=lambda: readings.append(server.memory_bytes),
            )
        )
    settled = readings[int(len(readings) * _SETTLED) :]
    quarter = max(1, len(settled) // 4)
    first, last = (sorted(part)[len(part) // 2] for part in (settled[:quarter], settled[-quarter:]))
    return {
        "minutes": minutes,
        "first_bytes": first,
        "last_bytes": last,
        "largest_bytes": max(readings),
        "growth": round(last / first - 1, 4),
        "readings": readings,
        **row,
    }


def _run_command(package: str, files: list[tuple[Path, float]], folder: Path) -> float:
    listed = folder / "files.txt"
    listed.write_text("".join(f"{path}\n" for path, _ in files), "utf-8")
    command = [sys.executable, "-m", "voxport", "transcribe", package, "--files-from", str(listed)]
    start = time.perf_counter()
    subprocess.run([*command, "--quiet"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _started(package: str, options: Sequence[str]) -> Iterator[Server]:
    with running(package, *options) as server:
        yield server


@contextmanager
def _client(server: Server) -> Iterator[Client]:
    client = Client(_HOST, server.port)
    try:
        yield client
    finally:
        client.close()


async def _saturate(server: Server, clips: list[Clip], clients: int) -> dict[str, Any]:
    """Ask for each clip once, by clients that wait for their answers."""
    with _client(server) as client:
        before = read_figures(await client.get("/metrics"))
        waiting = iter(clips)
        answers: list[Answer] = []

        async def work() -> None:
            for clip in waiting:
                answers.append(await client.ask(clip))

        start = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        spent = time.perf_counter() - start
        after = read_figures(await client.get("/metrics"))
    return _describe(answers, spent) | describe_batches(before, after)


async def _ask_alone(server: Server, clips: list[Clip]) -> dict[str, float]:
    """Return each clip's best time of three, alone."""
    found: dict[str, float] = {}
    with _client(server) as client:
        for clip in {clip.name: clip for clip in clips}.values():
            times = [(await client.ask(clip)).latency for _ in range(3)]
            found[clip.name] = min(times)
    return found


async def _offer(
    server: Server,
    clips: list[Clip],
    rate: float,  # seconds of audio a second
    seconds: float,
    long: Clip | None = None,
    alone: dict[str, float] | None = None,
    allowance: float = 0.0,
    observe: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    draw = random.Random(0)
    mean = sum(clip.seconds for clip in clips) / len(clips)
    uploads = 0
    with _client(server) as client:

        async def keep_uploading(clip: Clip) -> None:
            nonlocal uploads
            while True:
                answer = await client.ask(clip)
                uploads += answer.status == 200
                await asyncio.sleep(0 if answer.status == 200 else 1)

        async def keep_observing() -> None:
            while True:
                observe()
                await asyncio.sleep(2)

        beside = [asyncio.ensure_future(keep_observing())]
        if long is not None:
            beside.append(asyncio.ensure_future(keep_uploading(long)))
            await asyncio.sleep(2)  # it is under way
        before = read_figures(await client.get("/metrics"))
        start = due = time.perf_counter()
        asked: list[asyncio.Future[Answer]] = []
        while due < start + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asked.append(asyncio.ensure_future(client.ask(draw.choice(clips), due)))
            due += draw.expovariate(rate / mean)
        answers = await asyncio.gather(*asked)
        spent = time.perf_counter() - start
        after = read_figures(await client.get("/metrics"))
        for task in beside:
            task.cancel()
    row = {"offered_audio_seconds_per_second": round(rate, 2), **_describe(answers, spent)}
    if long is not None:
        row["long_uploads_done"] = uploads
    if alone is not None:
        row |= _describe_excess(answers, alone, allowance)
    return row | describe_batches(before, after)


def _describe(answers: Sequence[Answer], spent: float) -> dict[str, Any]:
    good = [answer for answer in answers if answer.status == 200]
    latencies = [answer.latency for answer in good]
    audio = sum(answer.clip.seconds for answer in good)
    return {
        "requests": len(answers),
        "statuses": {str(key): n for key, n in Counter(one.status for one in answers).items()},
        "audio_seconds_per_second": round(audio / spent, 2),
        **{f"p{share}_s": percentile(latencies, share) for share in (50, 95, 99)},
    }


def _describe_excess(
    answers: Sequence[Answer], alone: dict[str, float], allowance: float
) -> dict[str, Any]:
    """Compare the times of answers with those of their clips alone; one without is beyond all."""
    excess = [
        answer.latency - alone[answer.clip.name] if answer.status == 200 else float("inf")
        for answer in answers
    ]
    within = sum(value <= allowance for value in excess)
    return {
        "within_allowance": round(within / max(1, len(excess)), 4),
        **{f"excess_p{share}_s": percentile(excess, share) for share in (50, 95, 99)},
    }


def percentile(values: Sequence[float], share: int) -> float | None:
    """Return the value that ``share`` of 100 do not exceed; None without any."""
    ordered = sorted(values)
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 4)
