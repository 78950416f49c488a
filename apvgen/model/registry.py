"""Weights that others publish: where they are, what they weigh, under which licence. Imports nothing heavy.

Hashes and revisions are those shown by the publishers' own pages on the model hub (file or commit page of each
repository). None means: not known to us; the hub's own hash is then what a download is checked against.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from apvgen.errors import MissingModelError


@dataclass(frozen=True)
class PublishedFile:
    """One file. path: inside its repository. size: bytes, rounded as its page shows it; for display only."""

    path: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True)
class Published:
    """One model on the hub, as this program uses it.

    revision: commit, None for the newest. licence: None if its page names none. gated: its licence must be accepted on
    its page, and a token is needed. needs: names of what it cannot be used without. use: what to do with it.
    """

    name: str
    repository: str
    files: tuple[PublishedFile, ...]
    use: str
    licence: str | None = None
    revision: str | None = None
    gated: bool = False
    needs: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.repository}"

    @property
    def size(self) -> int:
        """Bytes of all files, rounded."""
        return sum(file.size for file in self.files)

    def missing(self, folder: Path) -> tuple[PublishedFile, ...]:
        """The files that are not under `folder`."""
        return tuple(file for file in self.files if not (folder / file.path).is_file())


# Its own page is closed without an account: sizes are those that public copies of it show.
SVD = Published(
    "svd-xt-1.1",
    "stabilityai/stable-video-diffusion-img2vid-xt-1-1",
    (
        PublishedFile("unet/config.json", 984),
        PublishedFile("vae/config.json", 607),
        PublishedFile("vae/diffusion_pytorch_model.safetensors", 391_000_000),
        PublishedFile("image_encoder/config.json", 685),
        PublishedFile("image_encoder/model.safetensors", 2_530_000_000),
    ),
    use="base of every ControlNeXt-SVD checkpoint (autoencoder and image encoder)",
    licence="Stability AI's own; read it on the model page",
    gated=True,
)

CONTROLNEXT_SVD = Published(
    "controlnext-svd-v2",
    "Pbihao/ControlNeXt",
    (
        PublishedFile(
            "ControlNeXt-SVD/v2/unet.bin",
            6_100_000_000,
            "e32948c7a02516705df5c3bb5f4d852200f15a08d5a3335304d66fe8cda351df",
        ),
        PublishedFile(
            "ControlNeXt-SVD/v2/controlnet.bin",
            14_122_234,
            "2a60c6e9cfde16adb1d2bf41b8a19a4929b0ba5b206d8bdf7125329c2a684b7c",
        ),
    ),
    use="diffusion render; then run: python -m apvgen checkpoints convert",
    licence="apache-2.0",
    needs=("svd-xt-1.1",),
)

ANIPORTRAIT = Published(
    "aniportrait",
    "ZJYang/AniPortrait",
    (
        PublishedFile("audio2mesh.pt", 382_031_763, "04996bebdad780a33642b0046036dae5d3c6db76e8f4ef5860e551fb9a1f0a1a"),
        PublishedFile("audio2pose.pt", 481_586_148, "e61ffd104f8d1fe40476de1a8df9050559315976c830e5fdead1c31d1c5661f3"),
    ),
    use="voice to face",
    licence="apache-2.0",
    revision="dae14841c66884c3cd65fff5d294d70c4f0d1417",
    needs=("wav2vec2-base-960h",),
)

WAV2VEC2 = Published(
    "wav2vec2-base-960h",
    "facebook/wav2vec2-base-960h",
    # AniPortrait's two files carry wav2vec2's weights; only the architecture is missing in them.
    (PublishedFile("config.json", 1_600),),
    use="architecture of the speech features of voice to face",
    licence="apache-2.0",
    revision="22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
)

DWPOSE = Published(
    "dwpose",
    "yzd-v/DWPose",
    (
        PublishedFile("yolox_l.onnx", 216_746_733, "7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411"),
        PublishedFile(
            "dw-ll_ucoco_384.onnx", 134_399_116, "724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843"
        ),
    ),
    use="--detector rtmlib, with APVGEN_RTMLIB_WEIGHTS set to its folder",
    revision="f7c16a3d45ad3783db41471848c80fbc281cabac",
)

PUBLISHED = {entry.name: entry for entry in (CONTROLNEXT_SVD, SVD, ANIPORTRAIT, WAV2VEC2, DWPOSE)}


def published(name: str) -> Published:
    """The entry called `name`; raises MissingModelError, which lists the names, if there is none."""
    if name not in PUBLISHED:
        raise MissingModelError(f"No published weights are called {name!r}; the names are {', '.join(PUBLISHED)}.")
    return PUBLISHED[name]


def with_needs(names: tuple[str, ...]) -> tuple[Published, ...]:
    """The entries called `names`, each after what it needs, none twice."""
    wanted: dict[str, Published] = {}
    for entry in map(published, names):
        wanted |= {need.name: need for need in with_needs(entry.needs)} | {entry.name: entry}
    return tuple(wanted.values())
