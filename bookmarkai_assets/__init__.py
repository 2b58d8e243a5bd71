"""BookmarkAI's media pipeline: every shared link becomes a raw video, stored media and a transcript.

Nothing is imported here: a run's process pays for each import, so whoever needs a part names it.
"""
