"""Speech that depends on nothing but text and voice: each is spoken in a process of its own.

espeak-ng keeps traces of what it said before, which no call of its interface removes. So a small single-threaded helper
process forks for every text; forking here, among the threads of a training run, would not be safe.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import BinaryIO

from train.voice_speech import Synthesizer, Utterance, Voice

_ROOT = Path(__file__).parents[2]
_SEED = 1


def say(text: str, voice: Voice) -> Utterance:
    """`Synthesizer.speak` without a past; the same on every call and in every process."""
    helper = _helper(os.getpid())
    pickle.dump((text, voice), helper.stdin)
    helper.stdin.flush()
    answer = pickle.load(helper.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more, each from a fork of this process."""
    while True:
        try:
            request = pickle.load(requests)
        except EOFError:
            return
        if not (child := os.fork()):
            pickle.dump(_answer(*request), answers)
            answers.flush()
            os._exit(0)
        os.waitpid(child, 0)


@cache
def _helper(_process: int) -> subprocess.Popen:
    """The helper of a process; a fork of that process needs one of its own. It ends when its owner does."""
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "train.synthetic.speaker"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _answer(text: str, voice: Voice) -> Utterance | Exception:
    try:
        return Synthesizer(_SEED).speak(text, voice)
    except Exception as error:  # whatever it is, it is raised again where it was asked for
        return error


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
