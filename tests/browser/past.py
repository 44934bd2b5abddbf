"""Writes into a data directory what a hashserver has noted in the months before: growth and dead sources."""

import datetime
import json
import pathlib
import sys

data = pathlib.Path(sys.argv[1])
today = datetime.date.today()

growth = {}
for back in range(700, 0, -1):
    grown = 200_000 - 250 * back - (9_000 if back < 300 else 0)
    day = today - datetime.timedelta(days=back)
    if back % 9:  # Not every day.
        growth[day.isoformat()] = {
            "packages": grown,
            "digests": grown * 61,
            "packages_bytes": grown * 1_400_000,
            "store_bytes": grown * 1_900,
        }
(data / "growth.json").write_text(json.dumps(growth))

yesterday = (today - datetime.timedelta(days=1)).isoformat()
death = {"since": yesterday, "checked": yesterday, "reason": "the server answered with status 404 Not Found"}
dead = {f"http://example.org/pool/main/{'deep/' * (n % 12)}gone-{n}.deb": death for n in range(130)}
(data / "health.json").write_text(
    json.dumps({"cursor": None, "dead": dead, "last": {"began": yesterday, "to": 1000}})
)
