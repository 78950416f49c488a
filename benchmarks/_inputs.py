"""Real media for benchmarks: a folder beside the repository, which is not part of the project."""

from pathlib import Path

MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"


def real_media() -> dict[str, Path] | None:
    """Photo, dance video and speech, or None where the folder is absent."""
    inputs = {
        "reference": MEDIA / "reference" / "woman_flux_1.png",
        "driving": MEDIA / "driving" / "dance_576x1024_29fps.mp4",
        "voice": MEDIA / "voice" / "news_zh.wav",
    }
    return inputs if all(path.exists() for path in inputs.values()) else None
