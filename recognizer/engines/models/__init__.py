"""Speech models: what is known of them, where they lie, how they come here.

Never loads one; that is for `engines`.
"""
