"""What every package stands on: errors, settings, data files, progress, similarity of texts.

Nothing of calls, sound or words; imports nothing of this project.
"""
