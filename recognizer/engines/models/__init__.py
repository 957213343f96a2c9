"""Speech models: what is known of them, where they lie, how they come here.

Not here: loading one; that is for `engines`.
"""
