"""What a node says by its webhook for events: its POSTs, taken apart."""

import time

from node import seconds
from webhook import Webhook, is_signed

SECRET = "it's a secret"


class EventHook(Webhook):
    """As `Webhook`. Each request is looked at: the signature, the shape, the bounds."""

    def __init__(self, *answers, **more):
        super().__init__(*answers, **more)
        # All that was taken so far, in order; of a repeated delivery the first one counts.
        self.events = []
        self.deliveries = []

    @property
    def settings(self):
        return {"EVENT_WEBHOOK_URL": self.url, "EVENT_WEBHOOK_SECRET": SECRET}

    def take_post(self, bound=10.0):
        post = self.take(bound)
        assert is_signed(SECRET, post.headers, post.body)
        assert set(post.json) == {"events"} and 1 <= len(post.json["events"]) <= 500
        if post.delivery not in self.deliveries:
            self.deliveries.append(post.delivery)
            self.events += post.json["events"]
        return post

    def until(self, bound=15.0, **fields):
        """Takes until an event with these fields has come; gives all events so far."""
        end = time.monotonic() + seconds(bound)

        def has_come():
            return any(all(event.get(name) == value for name, value in fields.items()) for event in self.events)

        while not has_come():
            left = end - time.monotonic()
            assert left > 0, f"no {fields} among {self.events}"
            self.take_post(left)
        return self.events

    def of(self, **fields):
        """What came with these fields: the type, with the user if there is one."""
        return [
            f"{event['type']} {event['user']}" if "user" in event else event["type"]
            for event in self.events
            if all(event.get(name) == value for name, value in fields.items())
        ]
