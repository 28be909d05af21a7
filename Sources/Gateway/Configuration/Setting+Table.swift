import Core
import Overload
import RedisLink

/// The rows, in the order of `.env.example` and the README.
extension Setting {
    // MARK: Where the node listens and what it is called

    static let port = Setting(
        "PORT", .integer(lower: 1, upper: 65535), default: "8000", "The TCP port that the node listens on.")
    static let host = Setting(
        "HOST", .text(rule: "an IPv4 or IPv6 address, or localhost"), default: "0.0.0.0",
        "The address that the node listens on; 0.0.0.0 is every IPv4 interface, :: every interface.")
    static let workers = Setting(
        "WORKERS", .integer(lower: 1, upper: 256), default: nil, note: "the number of cores",
        "How many worker threads share the connections.")
    static let nodeID = Setting(
        "NODE_ID", .text(rule: Identifier.rule), default: nil, note: "made at the start",
        "The node's name in answers, logs and metrics.")

    // MARK: The cluster

    static let redisURL = Setting(
        "REDIS_URL", .text(rule: RedisURL.rule), default: nil, secret: true,
        "The Redis that makes nodes one cluster; unset, a node is on its own.")
    static let redisTimeout = Setting(
        "REDIS_TIMEOUT", .fraction(lowerMilliseconds: 100, upperMilliseconds: 60_000), default: "5",
        "How long Redis may take to connect, and to answer.")
    static let redisCAFile = Setting(
        "REDIS_CA_FILE", .text(rule: "a file of PEM certificates, for a REDIS_URL of rediss://"), default: nil,
        note: "the system's authorities", "Whom the certificate of Redis must be of; read again at SIGHUP.")
    static let nodeHeartbeat = Setting(
        "NODE_HEARTBEAT_SECONDS", .seconds(lower: 1, upper: nil, decimals: true), default: "3",
        "How often a node of a cluster gives the others a sign of life.")
    static let nodeExpiry = Setting(
        "NODE_EXPIRY_SECONDS", .seconds(lower: 2, upper: nil, decimals: true), default: "9",
        "How long a node may be silent before the others take it for gone; over twice the heartbeat.")

    // MARK: How much one node takes

    static let maxConnections = Setting(
        "MAX_CONNECTIONS", .integer(lower: 1, upper: 10_000_000), default: "100000",
        "The most connections at a time, HTTP included; lowered with a warning to what the open-file limit allows.")
    static let maxConnectionsPerUser = Setting(
        "MAX_CONNECTIONS_PER_USER", .integer(lower: 1, upper: nil), default: "100", canBeOff: true,
        "The most connections of one user; closed with 4006 over it.")
    static let maxConnectionsPerIP = Setting(
        "MAX_CONNECTIONS_PER_IP", .integer(lower: 1, upper: nil), default: "1000", canBeOff: true,
        "The most connections from one address, HTTP included: 4006, or 429; this machine's own only when set.")
    static let httpRequestsPerSecond = Setting(
        "HTTP_REQUESTS_PER_SECOND", .integer(lower: 1, upper: RatePolicy.range.upperBound), default: "100",
        canBeOff: true,
        "Requests and upgrades of one address, with bursts of twice that: 429; this machine's own only when set.")
    static let maxRooms = Setting(
        "MAX_ROOMS", .integer(lower: 1, upper: nil), default: "200000",
        "The most rooms that a node has at a time; for one more, the room that is empty longest goes, never an operator's."
    )
    static let maxRoomsPerConnection = Setting(
        "MAX_ROOMS_PER_CONNECTION", .integer(lower: 1, upper: 1024), default: "32",
        "The most rooms that one connection may be in, the URL's room included.")
    static let maxMessageBytes = Setting(
        "MAX_MESSAGE_BYTES", .integer(lower: 128, upper: 16_777_216), default: "65536",
        "The largest WebSocket message that is taken; closed with 1009 over it.")
    static let messagesPerSecond = Setting(
        "MESSAGES_PER_SECOND", .integer(lower: 1, upper: RatePolicy.range.upperBound), default: "50",
        "How many frames per second each connection may send, with bursts of twice that.")
    static let sendQueueBytes = Setting(
        "SEND_QUEUE_BYTES", .integer(lower: 4096, upper: nil), default: "1048576",
        "How many bytes may wait for one slow reader; closed with 4102 over it.")

    static let compression = Setting(
        "COMPRESSION", .word(["off", "on"]), default: "off",
        "on compresses messages for clients that offer permessage-deflate: fewer bytes for more processor time.")

    // MARK: What is kept, and for how long

    /// A node with less would keep next to nothing.
    static let storedBytesLeast = 1 << 20
    static let storedBytes = Setting(
        "STORED_BYTES_MAX", .integer(lower: storedBytesLeast, upper: nil), default: nil,
        note: "a quarter of the memory limit",
        "How much memory the node's histories and inboxes may take; beyond, the biggest give their oldest messages first."
    )
    static let historySize = Setting(
        "HISTORY_SIZE", .integer(lower: 0, upper: 1_000_000), default: "1000",
        "How many messages each room keeps at least (at most twice that).")
    static let historyTTL = Setting(
        "HISTORY_TTL_SECONDS", .seconds(lower: 1, upper: nil, decimals: false), default: "86400",
        "How long an empty room's history is kept after its last message.")
    static let inboxSize = Setting(
        "INBOX_SIZE", .integer(lower: 1, upper: nil), default: "1000",
        "How many direct messages each user's inbox keeps.")
    static let inboxTTL = Setting(
        "INBOX_TTL_SECONDS", .seconds(lower: 1, upper: nil, decimals: false), default: "604800",
        "How long a user's inbox is kept.")
    static let sessionTTL = Setting(
        "SESSION_TTL_SECONDS", .seconds(lower: 1, upper: nil, decimals: false), default: "300",
        "How long a user's session is kept after the last connection went.")
    static let dedupeWindow = Setting(
        "DEDUPE_WINDOW_SECONDS", .seconds(lower: 1, upper: nil, decimals: false), default: "300",
        "How long a message id is known, so that sending it again commits nothing.")

    static let outboxMessages = Setting(
        "OUTBOX_MESSAGES", .integer(lower: 1, upper: nil), default: "1000000",
        "How many messages a node keeps for Redis while that is away; more are refused.")
    static let outboxBytes = Setting(
        "OUTBOX_BYTES", .integer(lower: 1024, upper: nil), default: "268435456",
        "How many bytes these messages may have.")

    // MARK: Signs of life, and the end

    static let presenceGrace = Setting(
        "PRESENCE_GRACE_SECONDS", .seconds(lower: 0, upper: 300, decimals: true), default: "5",
        "How long a user whose connection was lost still counts as present.")
    static let heartbeatInterval = Setting(
        "HEARTBEAT_INTERVAL_SECONDS", .seconds(lower: 1, upper: nil, decimals: true), default: "30",
        "How often each connection is pinged.")
    static let heartbeatTimeout = Setting(
        "HEARTBEAT_TIMEOUT_SECONDS", .seconds(lower: 2, upper: nil, decimals: true), default: "90",
        "How long a connection may be silent; closed with 4201 after it; over the interval.")
    static let drainTime = Setting(
        "DRAIN_SECONDS", .seconds(lower: 0, upper: 3600, decimals: true), default: "10",
        "Over how long connections are closed when the node is asked to stop.")

    // MARK: Who may do what

    static let apiKey = Setting(
        "API_KEY", .text(rule: "1 to 1024 visible ASCII characters without spaces; several separated by commas"),
        default: nil, note: "none", secret: true,
        "The keys that /api/ and /metrics ask for; without one, deleting and operating are for this machine only."
    )
    static let jwtSecret = Setting(
        "JWT_SECRET", .text(rule: "1 to 1024 bytes, better 32 or more; no key in PEM"), default: nil, secret: true,
        "The secret of tokens (HS256) that /ws then asks for; read again at SIGHUP.")
    static let jwtPublicKeyFile = Setting(
        "JWT_PUBLIC_KEY_FILE", .text(rule: "the path of a file with public keys in PEM, or a JWKS"), default: nil,
        "The keys of tokens (RS256, ES256, EdDSA) that /ws then asks for; read again at SIGHUP.")
    static let jwtAudience = Setting(
        "JWT_AUDIENCE", .text(rule: "any text"), default: nil, note: "any",
        "What the aud of each token must be, or have among others.")
    static let jwtIssuer = Setting(
        "JWT_ISSUER", .text(rule: "any text"), default: nil, note: "any", "What the iss of each token must be.")
    static let allowedOrigins = Setting(
        "ALLOWED_ORIGINS", .text(rule: "origins such as https://chat.example.com, separated by commas, or *"),
        default: nil, note: "the request's own host",
        "Whose web pages may connect and write; when set, list the node's own origin too if its pages are used.")
    static let allowedHosts = Setting(
        "ALLOWED_HOSTS", .text(rule: "host names or addresses without a port, separated by commas"), default: nil,
        note: "any", "The names under which the node answers; 421 for requests to others.")
    static let trustedProxies = Setting(
        "TRUSTED_PROXIES", .text(rule: "addresses or CIDR blocks, separated by commas"), default: "127.0.0.0/8,::1",
        "Whose Forwarded, X-Forwarded-For and X-Real-IP are believed.")

    // MARK: TLS

    static let tlsCertFile = Setting(
        "TLS_CERT_FILE", .text(rule: "a file of PEM certificates, the node's own first, together with TLS_KEY_FILE"),
        default: nil, note: "no TLS",
        "The certificate for https and wss, which the port then speaks alone; read again at SIGHUP.")
    static let tlsKeyFile = Setting(
        "TLS_KEY_FILE", .text(rule: "a file with a PEM key without a passphrase, together with TLS_CERT_FILE"),
        default: nil, note: "no TLS", "The private key of that certificate.")

    // MARK: Pushes and events

    static let pushWebhookURL = Setting(
        "PUSH_WEBHOOK_URL", .text(rule: Webhook.rule), default: nil, secret: true,
        "Where a POST goes when a direct message came for a user who is away; unset, none is sent.")
    static let pushWebhookSecret = Setting(
        "PUSH_WEBHOOK_SECRET", .text(rule: Webhook.secretRule("PUSH_WEBHOOK_URL")), default: nil, secret: true,
        "What these POSTs are signed with; unset, they are not signed.")
    static let eventWebhookURL = Setting(
        "EVENT_WEBHOOK_URL", .text(rule: Webhook.rule), default: nil, secret: true,
        "Where POSTs go with what happens: who comes and goes, and messages; unset, none is sent.")
    static let eventWebhookSecret = Setting(
        "EVENT_WEBHOOK_SECRET", .text(rule: Webhook.secretRule("EVENT_WEBHOOK_URL")), default: nil, secret: true,
        "What these POSTs are signed with; unset, they are not signed.")
    static let eventWebhookEvents = Setting(
        "EVENT_WEBHOOK_EVENTS", .text(rule: EventWebhook.rule), default: EventWebhook.namesDefault,
        "Which events these POSTs carry.")

    // MARK: Links

    static let linkAllowedHosts = Setting(
        "LINK_ALLOWED_HOSTS", .text(rule: LinkHosts.rule), default: nil, note: "none",
        "Where links may lead; private addresses must stand here themselves, whatever name leads to them.")
    static let linkCheck = Setting(
        "LINK_CHECK_SECONDS", .fraction(lowerMilliseconds: 500, upperMilliseconds: 60_000), default: "2",
        "How often a node of a cluster renews its claim to its links, and looks for those that nobody has.")
    static let linkTimeout = Setting(
        "LINK_HEARTBEAT_TIMEOUT_SECONDS", .fraction(lowerMilliseconds: 2_000, upperMilliseconds: 90_000), default: "8",
        "How long an owner of links may be silent before others take them over; at least four times LINK_CHECK_SECONDS."
    )
    static let linkCooldown = Setting(
        "LINK_COOLDOWN_SECONDS", .fraction(lowerMilliseconds: 0, upperMilliseconds: 60_000), default: "0",
        "How long a link that was taken over from a silent owner waits before it is dialled.")

    // MARK: Giving up service under load

    static let governorDryRun = Setting(
        "GOVERNOR_DRY_RUN", .flag, default: "0",
        "1 decides on tiers and reports them, and gives up nothing.")
    static let governorInterval = Setting(
        "GOVERNOR_INTERVAL_MILLISECONDS", .integer(lower: 50, upper: 1000), default: "250",
        "How often the node's load is sampled.")
    static let governorMemoryLimit = Setting(
        "GOVERNOR_MEMORY_LIMIT_BYTES", .integer(lower: 1, upper: nil), default: nil,
        note: "the control group's limit, else the machine's memory", "How much memory the node may use.")
    static let governorEnterMarks = Setting(
        "GOVERNOR_ENTER_MARKS", .text(rule: LadderMarks.rule), default: "0.60,0.75,0.90",
        "The pressures from which on the node goes to the tiers light, moderate and heavy.")
    static let governorLeaveMarks = Setting(
        "GOVERNOR_LEAVE_MARKS", .text(rule: LadderMarks.rule), default: "0.45,0.60,0.70",
        "The pressures below which it may leave them, each below its mark of GOVERNOR_ENTER_MARKS.")
    static let governorSignalMarks = Setting(
        "GOVERNOR_SIGNAL_MARKS", .text(rule: SignalMarks.rule), default: nil, note: "the marks in docs/limits.md",
        "From which values on single signals press, and where they press with all they have.")

    // MARK: What the operator sees

    static let logLevel = Setting(
        "LOG_LEVEL", .word(["TRACE", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"]), default: "INFO",
        "The least severe log lines that are written.")
    static let logFormat = Setting(
        "LOG_FORMAT", .word(["text", "json"]), default: "text", "How log lines on standard error are written.")
    static let echoEndpoint = Setting(
        "ECHO_ENDPOINT", .flag, default: "0", "1 serves the WebSocket endpoint /echo, for conformance suites.")
    static let procRoot = Setting(
        "PROC_ROOT", .text(rule: "an absolute path"), default: "/proc", "Where the kernel's process files are read.")
    static let cgroupRoot = Setting(
        "CGROUP_ROOT", .text(rule: "an absolute path"), default: "/sys/fs/cgroup",
        "Where the kernel's control groups are mounted.")

    /// Every variable that this version knows, in order.
    package static let all: [Setting] = [
        port, host, workers, nodeID,
        redisURL, redisTimeout, redisCAFile, nodeHeartbeat, nodeExpiry,
        maxConnections, maxConnectionsPerUser, maxConnectionsPerIP, httpRequestsPerSecond,
        maxRooms, maxRoomsPerConnection, maxMessageBytes, messagesPerSecond,
        sendQueueBytes, compression,
        storedBytes, historySize, historyTTL, inboxSize, inboxTTL, sessionTTL, dedupeWindow, outboxMessages,
        outboxBytes,
        presenceGrace, heartbeatInterval, heartbeatTimeout, drainTime,
        apiKey, jwtSecret, jwtPublicKeyFile, jwtAudience, jwtIssuer, allowedOrigins, allowedHosts, trustedProxies,
        tlsCertFile, tlsKeyFile,
        pushWebhookURL, pushWebhookSecret, eventWebhookURL, eventWebhookSecret, eventWebhookEvents,
        linkAllowedHosts, linkCheck, linkTimeout, linkCooldown,
        governorDryRun, governorInterval, governorMemoryLimit, governorEnterMarks, governorLeaveMarks,
        governorSignalMarks,
        logLevel, logFormat, echoEndpoint, procRoot, cgroupRoot,
    ]
}
