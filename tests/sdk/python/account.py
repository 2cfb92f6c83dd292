"""What every suite knows: the server, the key, the pool and its numbers.

The values come from the environment, set by `cargo xtask sdk`. Nothing here
knows a particular client.
"""

import itertools
import os
import time


ENDPOINT = os.environ["AXBRIDGE_TEST_ENDPOINT"]
ACCESS_KEY = os.environ["AXBRIDGE_TEST_ACCESS_KEY"]
SECRET_KEY = os.environ["AXBRIDGE_TEST_SECRET_KEY"]
POOL = os.environ["AXBRIDGE_TEST_POOL"]

# Each X of the pool with its city.
NUMBERS = dict(
    entry.split(":") for entry in os.environ["AXBRIDGE_TEST_NUMBERS"].split(",")
)

# A recorded call that was made before the suites began.
CALL_ID, ACCOUNT_ID, CALL_A, CALL_B, CALL_X = os.environ["AXBRIDGE_TEST_CALL"].split(",")

# A number and a city of each kind that the tests speak of.
BEIJING, SHANGHAI, JINAN = "010", "021", "0531"
QINGDAO, SHENZHEN = "0532", "0755"  # no number of the pool is there

# The digit by which the suites of one run differ.
SUITE = next(iter(NUMBERS))[7]

_counter = itertools.count(1)


def party_in_shenyang():
    """A real number that nobody used before, of a city without numbers."""
    return f"1370000{SUITE}{next(_counter):03}"


def party_in_jinan():
    """A real number that nobody used before, of the city 0531."""
    return f"1860531{SUITE}{next(_counter):03}"


def in_an_hour():
    """Unix seconds, well past the least allowed."""
    return int(time.time()) + 3600


class Refused(Exception):
    """The server's answer was an error. All clients are brought to this form."""

    def __init__(self, error, status=None):
        super().__init__(f"{status} {error}")
        self.code = error.get("Code")
        # Only errors of the gateway carry a number.
        self.number = error.get("CodeN") or None
        self.message = error.get("Message", "")
        self.status = status
