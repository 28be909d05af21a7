"""The browser client against a server that the test plays: what a real node does rarely, and in every order."""

import pathlib

import pytest

HARNESS = (pathlib.Path(__file__).parent / "fake_socket.js").read_text()


@pytest.fixture
def run(gateway, browser):
    browser.open(gateway.address + "/docs")

    def run_script(body):
        """Runs JavaScript in the page and gives what it returns."""
        answer = browser.driver.execute_async_script(
            HARNESS
            + "const done = arguments[0]; (async () => {"
            + body
            + "})().then((value) => done({ value }), (error) => done({ error: String(error.stack ?? error) }))"
        )
        assert "error" not in answer, answer["error"]
        return answer["value"]

    return run_script


def test_address_and_position(run):
    first, second = run("""
        const t = await begin({ room: "a bé", user: "q&?#%", token: () => "t+k", device: "d e" });
        const first = t.socket.url.href;
        t.socket.welcome();
        t.socket.joined({ room: "a bé", epoch: "e+1", seq: 41 });
        t.again();
        return [first, t.socket.url.href];""")
    assert "/ws/a%20b%C3%A9/q%26%3F%23%25?device=d%20e&device_type=browser&token=t%2Bk" in first
    assert "since" not in first
    assert second.endswith("&since=41&epoch=e%2B1")


def test_device_is_one_per_tab(run):
    devices = run(
        """
        const { SluiceClient } = await import("/client.js");
        const make = () => new SluiceClient({ room: "r", user: "u" });
        const [a, b] = [make(), make()];
        const renewed = b.renewDevice();
        return [a.device, new SluiceClient({ room: "r", user: "u", device: "mine" }).device, renewed, make().device];"""
    )
    assert devices[1] == "mine"
    assert devices[0] != devices[2] == devices[3]


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "a\x07", "\x9f", "é" * 65])
def test_bad_identifiers(run, bad):
    assert run(
        "const { identifierProblem } = await import('/client.js'); return identifierProblem("
        + repr(bad).replace("\\x", "\\x")
        + ")"
    )


def test_the_longest_identifiers_are_good(run):
    assert run("""const { identifierProblem } = await import("/client.js");
        return [identifierProblem("é".repeat(64)), identifierProblem("...")];""") == [None, None]


def test_delays_follow_the_close_codes(run):
    result = run("""
        const { reconnectDelay } = await import("/client.js");
        const usual = { attempt: 0, baseMs: 500, maxMs: 15000, random: 0.5 };
        const delay = (code, more = {}) => reconnectDelay({ code, ...usual, ...more });
        const final = [1002, 1003, 1007, 1008, 1009, 4001, 4003, 4004, 4005, 4006];
        return {
          atOnce: [1000, 1001, 4201].map((code) => delay(code)),
          after: [1012, 1013, 4100, 4101, 4102].map((code) => delay(code, { retryMs: 4200 })),
          never: final.map((code) => delay(code, { retryMs: 1 })),
          hinted: delay(1006, { hint: { min_ms: 100, max_ms: 300 } }),
          internal: delay(1011),
          again: delay(1000, { attempt: 1 }),
          retry: delay(1013, { attempt: 1, retryMs: 4200 }),
          growing: [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) => delay(1006, { attempt })),
        };""")
    assert result["atOnce"] == [0] * 3
    assert result["after"] == [4200] * 5
    assert result["never"] == [None] * 10
    assert result["hinted"] == 200
    assert result["internal"] == 350 and result["again"] == 600
    assert result["retry"] == 4200
    assert result["growing"] == [350, 600, 1100, 2100, 4100, 7600, 7600, 7600]


def test_messages_come_once_and_in_order(run):
    seqs, position, holes = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined({ seq: 3 });
        for (const seq of [3, 4, 5, 5, 4, 6]) t.socket.message(seq);
        t.again(); t.socket.welcome(); t.socket.joined({ seq: 8, recovered: true, missed: 2 });
        for (const seq of [6, 7, 8]) t.socket.message(seq);
        return [t.of("message").map((m) => m.seq), t.client.position(), t.of("error").length];""")
    assert seqs == [4, 5, 6, 7, 8]
    assert position == {"epoch": "e", "seq": 8}
    assert holes == 0


def test_an_unannounced_hole_is_told(run):
    errors = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined({ seq: 3 });
        t.socket.message(5);
        return t.of("error");""")
    assert [each["code"] for each in errors] == ["hole"]


def test_unacked_messages_are_sent_again_in_order_with_their_ids(run):
    first, second, outcomes, position = run("""
        const t = await begin();
        const sends = ["a", "b", "c"].map((text) => t.client.send(text));
        const early = t.socket.sent.length;
        t.socket.welcome(); t.socket.joined();
        const first = t.sent("message");
        t.socket.ack(first[0], 1);
        t.again(); t.socket.welcome(); t.socket.joined({ seq: 2, recovered: true, missed: 1 });
        const second = t.sent("message");
        // "b" was committed, but its ack was lost: the duplicate's ack comes before the replay of others' messages.
        t.socket.ack(second[0], 3, { duplicate: true });
        const held = t.client.position().seq;
        t.socket.message(2);
        t.socket.message(3, { user: "alice", id: second[0].id, content: "b" });
        t.socket.ack(second[1], 4);
        const acks = await Promise.all(sends);
        return [
          [early, ...first.map((m) => m.content)],
          second.map((m) => [m.content, first.some((f) => f.id === m.id)]),
          acks.map((ack) => ack.seq),
          [held, t.client.position().seq, t.of("message").length, t.of("error").length],
        ];""")
    assert first == [0, "a", "b", "c"]
    assert second == [["b", True], ["c", True]]
    assert outcomes == [1, 3, 4]
    assert position == [1, 4, 1, 0]


def test_a_replayed_own_message_is_its_ack(run):
    ack, sent, shown = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        const send = t.client.send("mine", { id: "x" });
        t.again(); t.socket.welcome(); t.socket.joined({ seq: 1, recovered: true, missed: 1 });
        t.socket.message(1, { user: "alice", id: "x" });
        const ack = await send;
        t.again(); t.socket.welcome(); t.socket.joined({ seq: 1, recovered: true });
        return [ack, t.sent("message").length, t.of("message").length];""")
    assert (ack["seq"], ack["replayed"]) == (1, True)
    assert (sent, shown) == (0, 0)


def test_rate_limited_waits_and_keeps_the_order(run):
    before, after = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        ["a", "b", "c"].forEach((text) => t.client.send(text));
        const [a, b, c] = t.sent("message");
        t.socket.ack(a, 1);
        t.socket.get({ type: "error", code: "rate_limited", message: "", id: b.id, retry_ms: 60 });
        t.socket.get({ type: "error", code: "rate_limited", message: "", id: c.id, retry_ms: 60 });
        const before = t.sent("message").length;
        t.client.send("d");
        await pause(20);
        const during = t.sent("message").length;
        for (let n = 0; n < 100 && t.sent("message").length < 6; n += 1) await pause(20);
        return [[before, during], t.sent("message").slice(3).map((m) => m.content)];""")
    assert before == [3, 3]
    assert after == ["b", "c", "d"]


def test_refusals_reject_by_name(run):
    result = run("""
        const t = await begin({ maxQueue: 3 });
        t.socket.welcome(); t.socket.joined();
        const refused = t.client.send("x", { id: "1" });
        t.socket.get({ type: "error", code: "room_full", message: "", id: "1" });
        const large = t.client.send("y".repeat(1000));
        const queued = [1, 2, 3].map(() => t.client.send("q"));
        const over = t.client.send("q");
        const unknown = t.client.send("q", { room: "elsewhere" });
        const results = await Promise.all([refused, large, over, unknown, queued[0]].map(outcome));
        t.client.close();
        return [...results, await outcome(queued[0]), await outcome(t.client.send("late"))];""")
    assert result == ["room_full", "too_large", "queue_full", "not_in_room", "waiting", "closed", "closed"]


def test_the_size_limit_counts_bytes_exactly(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        const bytes = (text) => new TextEncoder().encode(text).length;
        const frame = (text) => bytes(JSON.stringify({ type: "message", room: "r", id: "i", content: text }));
        const fits = "é".repeat(400) + "x".repeat(1000 - frame("é".repeat(400)));
        const first = t.client.send(fits, { id: "i" });
        const sent = t.sent("message").length;
        const second = t.client.send(fits + "x", { id: "j" });
        return [frame(fits), sent, await outcome(first), await outcome(second)];""")
    assert result == [1000, 1, "waiting", "too_large"]


def test_provisional_messages_become_committed_ones(run):
    result = run(
        """
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        const provisional = { provisional: true, epoch: undefined, seq: undefined };
        t.socket.message(0, { ...provisional, id: "p" });
        t.socket.message(0, { ...provisional, id: "p" });
        t.socket.message(0, { ...provisional, id: "q" });
        const mine = t.client.send("mine", { id: "own" });
        t.socket.get({ type: "ack", room: "r", id: "own", ts: 1, durable: "local" });
        const entries = [{ user: "bob", id: "p", seq: 1 }, { user: "alice", id: "own", seq: 2 }];
        t.socket.get({ type: "confirm", room: "r", epoch: "e", entries });
        // "q" is learned of after a reconnect, as a committed message.
        t.again(); t.socket.welcome(); t.socket.joined({ seq: 3, recovered: true, missed: 1 });
        t.socket.message(3, { id: "q" });
        const confirmed = t.of("confirm").flatMap((c) => c.entries.map((e) => [e.id, e.seq]));
        const { durable } = await mine;
        return [t.of("message").map((m) => m.id), confirmed, durable, t.client.position().seq, t.of("error").length];"""
    )
    assert result == [["p", "q"], [["p", 1], ["own", 2], ["q", 3]], "local", 3, 0]


def test_gaps_move_the_position(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined({ seq: 9 });
        t.again(); t.socket.welcome(); t.socket.joined({ epoch: "f", seq: 2, missed: 2 });
        t.socket.get({ type: "gap", room: "r", epoch: "f", next_seq: 1, reason: "epoch_changed" });
        t.socket.message(1, { epoch: "f" }); t.socket.message(2, { epoch: "f" });
        t.socket.get({ type: "gap", room: "r", epoch: "f", next_seq: 8, reason: "not_stored" });
        t.socket.message(8, { epoch: "f" });
        t.again();
        const gaps = t.of("gap").map((g) => [g.reason, g.previous.seq]);
        const position = t.socket.url.search.match(/since=.*/)[0];
        return [gaps, t.of("message").map((m) => m.seq), position, t.of("error").length];""")
    assert result == [[["epoch_changed", 9], ["not_stored", 2]], [1, 2, 8], "since=8&epoch=f", 0]


def test_a_message_seen_in_a_former_epoch_is_moved_not_repeated(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        t.socket.message(1, { id: "kept" });
        t.socket.get({ type: "gap", room: "r", epoch: "f", next_seq: 1, reason: "epoch_changed" });
        t.socket.message(1, { epoch: "f", id: "new" });
        t.socket.message(2, { epoch: "f", id: "kept" });
        return [t.of("message").map((m) => m.id), t.of("confirm").map((c) => [c.epoch, c.entries[0].seq])];""")
    assert result == [["kept", "new"], [["f", 2]]]


def test_further_rooms_are_joined_again_from_their_position(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        const joined = t.client.join("s");
        const first = t.sent("join");
        t.socket.get({ type: "joined_room", room: "s", epoch: "se", seq: 5, recovered: false, missed: 0, users: 1 });
        const seq = (await joined).seq;
        t.socket.message(6, { room: "s", epoch: "se" });
        const waits = t.client.send("later", { room: "s" });
        t.again(); t.socket.welcome();
        const second = t.sent("join");
        const early = t.sent("message").length;
        t.socket.get({ type: "joined_room", room: "s", epoch: "se", seq: 6, recovered: true, missed: 0, users: 1 });
        const resent = t.sent("message").map((m) => [m.room, m.content]);
        t.client.leave("s");
        const refused = t.client.join("u");
        t.socket.get({ type: "error", code: "forbidden", message: "", room: "u" });
        t.again(); t.socket.welcome();
        const outcomes = [await outcome(waits), await outcome(refused)];
        return [first, seq, second, early, resent, ...outcomes, t.sent("join").length];""")
    assert result == [
        [{"type": "join", "room": "s"}],
        5,
        [{"type": "join", "room": "s", "since": 6, "epoch": "se"}],
        0,
        [["s", "later"]],
        "not_in_room",
        "forbidden",
        0,
    ]


def test_directs_are_confirmed_after_the_listeners_have_them(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        let acksWhileListening = -1;
        t.client.on("direct", () => (acksWhileListening = t.sent("inbox_ack").length));
        const direct = (seq, epoch = "i") => t.socket.get({
          type: "direct", epoch, seq, id: `d${seq}`, from: "bob", to: "alice", message_type: "text", content: seq,
          ts: 1,
        });
        direct(4);
        const listened = acksWhileListening;
        direct(4); direct(7);
        t.again(); t.socket.welcome(); t.socket.joined();
        direct(7); direct(9);
        t.socket.get({ type: "gap", inbox: true, epoch: "j", next_seq: 2, reason: "epoch_changed" });
        direct(2, "j");
        const sent = t.client.direct("bob", "hi");
        const frame = t.sent("direct")[0];
        t.socket.get({ type: "ack", to: "bob", id: frame.id, epoch: "b", seq: 12, ts: 1, durable: "memory" });
        return [listened, t.of("direct").map((d) => d.seq), t.sent("inbox_ack"), (await sent).seq];""")
    assert result == [
        0,
        [4, 7, 9, 2],
        [{"type": "inbox_ack", "epoch": "i", "seq": 9}, {"type": "inbox_ack", "epoch": "j", "seq": 2}],
        12,
    ]


def test_requests_survive_a_reconnect_and_a_refusal(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        const history = t.client.history({ before: 5, limit: 7 });
        const first = t.sent("history")[0];
        t.again(); t.socket.welcome(); t.socket.joined({ recovered: true });
        const second = t.sent("history")[0];
        t.socket.get({ type: "error", code: "feature_suspended", message: "", id: second.id, retry_ms: 30 });
        for (let n = 0; n < 100 && t.sent("history").length < 2; n += 1) await pause(20);
        t.socket.get({ type: "history", id: second.id, room: "r", epoch: "e", messages: [], complete: true });
        const users = t.client.users();
        t.socket.get({ type: "error", code: "feature_suspended", message: "", id: t.sent("users")[0].id });
        return [first.before, first.limit, first.id === second.id, (await history).complete, await outcome(users)];""")
    assert result == [5, 7, True, True, "feature_suspended"]


def test_suspended_features_are_not_asked_for(run):
    result = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined({ seq: 9 });
        const tier = (suspended) => t.socket.get({
          type: "tier", tier: "t", previous: "p", reason: "x", suspended, messages_per_second: 1000,
          message_bytes: 1000,
        });
        tier(["typing", "read_marks"]);
        const typed = t.client.typing(true);
        t.client.markRead(5);
        const during = t.socket.sent.length;
        tier([]);
        const typedAfter = t.client.typing(true);
        t.client.markRead(3); t.client.markRead(6);
        return [typed, during, typedAfter, t.sent("read").map((f) => f.seq)];""")
    assert result == [False, 0, True, [6]]


def test_a_silent_link_is_probed_and_given_up(run):
    result = run("""
        const t = await begin({ idleMs: 1200, pingTimeoutMs: 1200 });
        t.socket.welcome(); t.socket.joined();
        const first = t.socket;
        for (let n = 0; n < 200 && t.sent("ping").length === 0; n += 1) await pause(20);
        first.get({ type: "pong", ts: 1 });
        await pause(600);
        const kept = t.socket === first;
        for (let n = 0; n < 400 && t.socket === first; n += 1) await pause(20);
        return [kept, t.socket !== first, first.readyState, first.sent.filter((f) => f.type === "ping").length];""")
    assert result == [True, True, 3, 2]


@pytest.mark.parametrize("code", [1008, 4001, 4003, 4004, 4005, 4006])
def test_some_ends_are_final(run, code):
    result = run("""
        const t = await begin();
        const connected = t.client.connect();
        const send = t.client.send("x");
        t.socket.lose(CODE, '{"reason":"why"}');
        await pause(300);
        const made = FakeSocket.made.length;
        t.client.connect();
        const outcomes = [await outcome(connected), await outcome(send)];
        return [...outcomes, made, FakeSocket.made.length, t.of("state").at(-2)];""".replace("CODE", str(code)))
    assert result == ["closed", "closed", 1, 2, {"state": "closed", "code": code, "reason": "why"}]


def test_the_servers_delay_is_kept(run):
    early, late, states = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined();
        t.socket.lose(1013, '{"reason":"shed","retry_ms":400}');
        await pause(250);
        const early = FakeSocket.made.length;
        for (let n = 0; n < 100 && FakeSocket.made.length < 2; n += 1) await pause(20);
        return [early, FakeSocket.made.length, t.of("state").map((s) => [s.state, s.delayMs ?? null])];""")
    assert (early, late) == (1, 2)
    assert ["waiting", 400] in states


def test_a_listeners_fault_is_not_anothers_loss(run, expected_complaints):
    expected_complaints.append("a fault on purpose")
    seqs = run("""
        const t = await begin();
        const seqs = [];
        t.client.on("message", () => { throw new Error("a fault on purpose"); });
        t.client.on("message", (m) => seqs.push(m.seq));
        t.socket.welcome(); t.socket.joined();
        t.socket.message(1); t.socket.message(2);
        return seqs;""")
    assert seqs == [1, 2]


def test_read_marks_start_anew_with_an_epoch(run):
    marks = run("""
        const t = await begin();
        t.socket.welcome(); t.socket.joined({ seq: 70 });
        t.client.markRead(70);
        t.again(); t.socket.welcome(); t.socket.joined({ epoch: "f", seq: 0 });
        t.socket.get({ type: "gap", room: "r", epoch: "f", next_seq: 1, reason: "epoch_changed" });
        t.socket.message(1, { epoch: "f" });
        t.client.markRead(1);
        for (let n = 0; n < 100 && t.sent("read").length === 0; n += 1) await pause(20);
        return t.sent("read").map((f) => f.seq);""")
    assert marks == [1]


def test_tokens_are_fetched_anew(run):
    """At each attempt, when the server says that one ends, and once after 4001; the next refusal is final."""
    result = run("""
        let made = 0;
        const t = await begin({ getToken: async () => `t${(made += 1)}` });
        await pause(0);
        const asked = () => t.socket.url.searchParams.get("token");
        const first = asked();
        t.socket.welcome({ expires_at: 1000 });
        t.socket.joined();
        t.socket.get({ type: "token", expires_at: 1000 });
        await pause(0);
        const [renewal] = t.sent("token");
        t.socket.get({ type: "token", expires_at: 2000 });
        t.socket.get({ type: "token", expires_at: 2000 });
        await pause(0);
        const renewals = t.sent("token").map((frame) => frame.token);
        t.socket.lose(4001, '{"reason":"token_expired"}');
        await pause(0);
        const afterEnd = asked();
        t.socket.lose(4001, '{"reason":"token_signature"}');
        await pause(0);
        return { first, renewal: renewal.token, renewals, afterEnd, state: t.client.state, made };""")
    assert result == {
        "first": "t1",
        "renewal": "t2",
        "renewals": ["t2", "t3"],
        "afterEnd": "t4",
        "state": "closed",
        "made": 4,
    }


def test_a_token_that_comes_too_late_opens_nothing(run):
    result = run("""
        const waiting = [];
        const t = await begin({ getToken: () => new Promise((resolve, reject) => waiting.push({ resolve, reject })) });
        const before = FakeSocket.made.length;
        t.client.close();
        waiting[0].resolve("late");
        await pause(0);
        const late = FakeSocket.made.length - before;
        t.client.connect();
        waiting[1].reject(new Error("signed out"));
        await pause(0);
        const [error] = t.of("error");
        return { late, code: error.code, state: t.client.state };""")
    assert result == {"late": 0, "code": "no_token", "state": "waiting"}
