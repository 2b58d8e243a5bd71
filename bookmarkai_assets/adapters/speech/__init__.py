"""Speech engines, one vendor per file, all behind `core.ports.SpeechEngine`; `models` finds the weights they share."""
