"""Speech engines, one vendor per file, all behind `core.transcripts.ports.SpeechEngine`.

`models` finds the weights for faster-whisper, `checkpoints` those for openai-whisper.
"""
