"""Open-loop load on a running server: requests arrive at a rate, answered or not.

    python -m benchmarks.serving.load http://127.0.0.1:8000 commands FILE… --rates 2,4,8

Arrivals are Poisson's, from a seed. Each rate prints a row for people and one JSON line: requests
offered and answered by status, seconds of audio a second, and percentiles of the latency from the
time that a request was due. ``--upload FILE`` keeps one more recording, a long one, in progress.
"""

import argparse
import asyncio
import json
import random
import time
from collections import Counter
from pathlib import Path

import httpx2 as httpx

_TIMEOUT_S = 600.0


async def measure(options: argparse.Namespace, rate: float) -> dict[str, object]:
    """Offer requests at a rate and return the row."""
    draw = random.Random(options.seed)
    files = [Path(name).read_bytes() for name in options.files]
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    audio = 0.0
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits) as client:

        async def ask(content: bytes, due: float, is_counted: bool = True) -> None:
            nonlocal audio
            answer = await client.post(
                f"{options.url}/v1/audio/transcriptions",
                files={"file": ("a", content)},
                data={"model": options.model, "response_format": "verbose_json"},
            )
            if not is_counted:
                return
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                latencies.append(time.perf_counter() - due)
                audio += answer.json()["duration"]

        async def keep_uploading(content: bytes) -> None:
            while True:
                await ask(content, time.perf_counter(), is_counted=False)

        long = None
        if options.upload:
            long = asyncio.ensure_future(keep_uploading(Path(options.upload).read_bytes()))
        start = due = time.perf_counter()
        asked = []
        while due < start + options.seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asked.append(asyncio.ensure_future(ask(draw.choice(files), due)))
            due += draw.expovariate(rate)
        await asyncio.gather(*asked)
        spent = time.perf_counter() - start
        if long is not None:
            long.cancel()
    return {
        "rate": rate,
        "offered": len(asked),
        "statuses": dict(statuses),
        "audio_seconds_per_second": round(audio / spent, 2),
        **{f"p{share}_s": percentile(latencies, share) for share in (50, 95, 99)},
    }


def percentile(values: list[float], share: int) -> float | None:
    """Return the value that ``share`` of 100 do not exceed; None without any."""
    ordered = sorted(values)
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 4)


def main() -> None:
    """Measure each rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--rates", default="1,2,4", help="requests a second, comma-separated")
    parser.add_argument("--seconds", type=float, default=30.0, help="of arrivals, for each rate")
    parser.add_argument("--upload", help="a long recording that is in progress all the time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("   rate  answered  audio s/s     p50     p95     p99")
    for rate in (float(text) for text in options.rates.split(",")):
        row = asyncio.run(measure(options, rate))
        numbers = [row[name] for name in ("p50_s", "p95_s", "p99_s")]
        shown = "".join(
            f"{number:8.3f}" if number is not None else "       -" for number in numbers
        )
        answered = row["statuses"].get(200, 0)
        print(f"{rate:7.2f}  {answered:8d}  {row['audio_seconds_per_second']:9.2f}{shown}")
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
