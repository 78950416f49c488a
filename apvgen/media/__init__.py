"""Pictures, video and sound, in and out: the only package that knows containers and codecs."""

from apvgen.media.image import read_image
from apvgen.media.sound import check_voice, read_audio
from apvgen.media.source import content_hash
from apvgen.media.video import VideoInfo, VideoReader, probe_video
from apvgen.media.writer import check_output, read_metadata, write_video

__all__ = [
    "VideoInfo",
    "VideoReader",
    "check_output",
    "check_voice",
    "content_hash",
    "probe_video",
    "read_audio",
    "read_image",
    "read_metadata",
    "write_video",
]
