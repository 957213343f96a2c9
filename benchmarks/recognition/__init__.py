"""How well calls are recognised: a builder of calls, a runner, a report."""
