"""What may go wrong in a render, said before it: green, amber or red, with the frames concerned."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from apvgen import project
from apvgen.backbones.options import RenderOptions
from apvgen.config import Trim
from apvgen.inputs import read_voice
from apvgen.media import VideoReader
from apvgen.pipeline import VOICE_RATE, driving_video
from apvgen.preflight import clock, detection, framing, machine, people, sound, steadiness
from apvgen.preflight.finding import Case, Finding, Level, Topic
from apvgen.project import Project

__all__ = ["Case", "Finding", "Level", "Topic", "assess", "assess_pose"]

POSE_CHECKS: tuple[Callable[[Case], Finding | None], ...] = (
    detection.check_face,
    detection.check_body,
    detection.check_hands,
    detection.check_hand_confidence,
    people.check_people,
    steadiness.check_jitter,
    framing.check_face_size,
    framing.check_proportions,
    framing.check_framing,
    framing.check_lips,
)


def assess_pose(case: Case) -> tuple[Finding, ...]:
    """What can be told from the tracks alone, in milliseconds."""
    found = (check(case) for check in POSE_CHECKS)
    return tuple(finding for finding in found if finding is not None)


def _usable(video: VideoReader | None, trim: Trim) -> Fraction | None:
    """Seconds of the driving video between the trim's ends."""
    if video is None:
        return None
    stop = video.info.duration if trim.stop is None else min(trim.stop, video.info.duration)
    return stop - trim.start


def assess(made: Project, how: RenderOptions) -> tuple[Finding, ...]:
    """Everything about an analysed project and the render that is planned for it.

    Raises ProjectError for a project that is not analysed, InputError for inputs that no longer can be read.
    """
    analysis, alignment = project.load_tracks(made)
    options = made.settings.options
    video, voice = driving_video(made), read_voice(made.input_path("voice"), options, VOICE_RATE)
    detector = made.settings.made_with.get("detector", "") if video else ""
    case = Case(analysis, alignment, options, detector, how.renderer)
    motion_frames = int(made.settings.report["motion_frames"])
    return (
        *assess_pose(case),
        clock.check_frame_rate(case, video),
        clock.check_length(case, motion_frames, _usable(video, options.driving_trim), voice.duration),
        sound.check_voice_sound(voice, options, len(case.analysis)),
        *machine.check_machine(how, options, len(case.analysis)),
        machine.check_disk(made.folder, options, len(case.analysis), how),
    )
