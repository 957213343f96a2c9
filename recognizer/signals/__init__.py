"""What sound is without its words: tones, beeps, speech activity, segments.

Measures; never recognises speech and never decides.
"""
