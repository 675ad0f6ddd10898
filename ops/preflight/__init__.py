"""``make preflight``: what an AWS account can be asked before anything is deployed into it.

One module a subject, in one shape: ``questions(plan)`` gives what to ask, each with ``ask``, which
only fetches facts, and ``judge``, which is pure and turns them into answers.
"""
