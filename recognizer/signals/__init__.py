"""What sound is without its words: tones, beeps, speech activity, segments.

Not here: words, and what a signal means for a call.
"""
