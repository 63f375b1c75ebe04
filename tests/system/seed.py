# SPDX-License-Identifier: Apache-2.0
"""What a test draws: the same again with the seed that it printed, whichever other tests run with it."""
import os
import random


def drawn(test):
    """`test`: its name, so that it draws the same alone. The seed is said here, so that the report of a failure of this test has it."""
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{test}: TEST_SEED={seed} draws the same again")
    return random.Random(f"{seed}:{test}")
