"""What every package stands on: errors, settings, files, time, progress, similarity of texts.

Not here: anything of calls, sound or words. Imports nothing of this project.
"""
