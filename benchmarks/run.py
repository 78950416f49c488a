"""The whole command, as a person starts it: 4.2 s of speech at 25 fps, 768 x 512, a photo and a 576 x 1024 dance."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

from benchmarks._inputs import real_media

SPEECH_SECONDS = 4.2
RUNS = 3


def run() -> dict[str, object]:
    """Median wall seconds of `apvgen run`, cold (nothing cached) and warm (detections cached), and peak memory."""
    inputs = real_media()
    if inputs is None:
        return {"skipped": "no real media beside the repository"}
    with tempfile.TemporaryDirectory() as folder:
        inputs["voice"] = _cut_voice(inputs["voice"], Path(folder) / "voice.wav")
        pairs = [_cold_and_warm(inputs, Path(folder) / str(k)) for k in range(RUNS)]
    cold, warm = ([pair[k]["seconds"] for pair in pairs] for k in range(2))
    return {
        "run_cold_seconds": statistics.median(cold),
        "run_warm_seconds": statistics.median(warm),
        "run_cold_seconds_all": cold,
        "run_warm_seconds_all": warm,
        "peak_memory_mb": max(result["peak_mb"] for pair in pairs for result in pair),
        "frames": pairs[-1][1]["summary"]["frames"],
        "render_seconds_warm": statistics.median(pair[1]["summary"]["render_seconds"] for pair in pairs),
    }


def _cut_voice(source: Path, target: Path) -> Path:
    with av.open(str(source)) as original, av.open(str(target), "w") as cut:
        stream = original.streams.audio[0]
        copy = cut.add_stream_from_template(stream)
        for packet in original.demux(stream):
            if packet.dts is not None and packet.pts * packet.time_base < SPEECH_SECONDS:
                packet.stream = copy
                cut.mux(packet)
    return target


def _cold_and_warm(inputs: dict[str, Path], folder: Path) -> tuple[dict, dict]:
    return tuple(_timed(inputs, folder / name, folder / "cache") for name in ("cold", "warm"))


def _timed(inputs: dict[str, Path], folder: Path, cache: Path) -> dict[str, object]:
    given = [part for role, path in inputs.items() for part in (f"--{role}", str(path))]
    command = [sys.executable, "-m", "apvgen", "run", *given, "--out", str(folder / "out.mp4"), "--json"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "APVGEN_CACHE": str(cache)})
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return {"seconds": round(seconds, 2), "peak_mb": usage.ru_maxrss // 1024, "summary": json.loads(output)}
