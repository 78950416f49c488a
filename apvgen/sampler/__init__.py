"""From a reference picture and pose frames to video frames: conditioning, sampling in windows, decoding.

Everything counts *frames of the sequence*: frame 0 is the reference picture with its own pose, frame i the i-th frame
of the video. A render is these calls, each in the module of its name (they import torch; this one does not):

    conditioning.encode_reference(models, image, settings)                        -> Conditioning
    denoise.denoise(models, conditioning, pose_frames, frames, settings, on_step) -> latents [F, 4, h, w]
    decode.decode(models.vae, latents, decoding)                                  -> frames 1 to F - 1, one at a time
    devices.resources(memory)                                                     -> device, dtype, offload, decoding

`rerender` says what a change of some poses makes necessary, `preview` shows latents without the decoder.
"""

from apvgen.sampler.settings import Decoding, Memory, Settings

__all__ = ["Decoding", "Memory", "Settings"]
