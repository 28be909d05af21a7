#!/usr/bin/env python3
"""Feeds the dashboard with this machine's load, over HTTP: python3 examples/producer.py [NODE [COUNT]].

One message each second, COUNT of them, or without end. API_KEY is the node's.
"""

import json
import os
import sys
import time
import urllib.request

node = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
count = int(sys.argv[2]) if len(sys.argv) > 2 else None


def values():
    cores = os.cpu_count() or 1
    return {f"load-{minutes}": {"value": load, "max": cores} for minutes, load in zip((1, 5, 15), os.getloadavg())}


def publish(content):
    headers = {"Content-Type": "application/json"}
    if os.environ.get("API_KEY"):
        headers["X-API-Key"] = os.environ["API_KEY"]
    body = json.dumps({"user": "producer", "content": content}).encode()
    request = urllib.request.Request(f"{node}/api/rooms/dashboard/messages", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["seq"]


while True:
    print(publish(values()), flush=True)
    if count is not None:
        count -= 1
        if count <= 0:
            break
    time.sleep(1)
