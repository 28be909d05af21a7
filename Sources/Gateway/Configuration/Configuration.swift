import Core
import Logging
import NetworkIO
import Overload
import RedisLink
import Tokens

/// Everything that an operator may tune, checked: immutable for the life of the process.
///
/// Made by `load`; the meaning, default and range of each field stand in its row (`Setting+Table.swift`). Durations
/// are in milliseconds. Optional fields are nil when unset.
package struct Configuration: Sendable {
    /// PORT
    package let port: Int
    /// HOST; `localhost` is 127.0.0.1.
    package let host: IPAddress
    /// WORKERS
    package let workers: Int
    /// NODE_ID; nil: the caller makes one.
    package let nodeID: Identifier?
    /// REDIS_URL with REDIS_TIMEOUT and REDIS_CA_FILE; nil: single mode.
    package let redis: RedisOptions?
    /// NODE_HEARTBEAT_SECONDS
    package let nodeHeartbeatMilliseconds: Int
    /// NODE_EXPIRY_SECONDS; more than twice the heartbeat.
    package let nodeExpiryMilliseconds: Int

    /// MAX_CONNECTIONS, before it is lowered to what the open-file limit allows.
    package let connectionsMax: Int
    /// MAX_CONNECTIONS_PER_USER; nil: no limit.
    package let connectionsPerUserMax: Int?
    /// MAX_CONNECTIONS_PER_IP and HTTP_REQUESTS_PER_SECOND
    package let addressLimits: AddressLimits
    /// MAX_ROOMS
    package let roomsMax: Int
    /// MAX_ROOMS_PER_CONNECTION
    package let roomsPerConnectionMax: Int
    /// MAX_MESSAGE_BYTES
    package let messageBytesMax: Int
    /// MESSAGES_PER_SECOND
    package let messagesPerSecond: Int
    /// SEND_QUEUE_BYTES
    package let sendQueueBytesMax: Int
    /// COMPRESSION
    package let compresses: Bool

    /// STORED_BYTES_MAX; nil: a part of the memory limit.
    package let storedBytesMax: Int?
    /// HISTORY_SIZE, in messages per room; 0 keeps none.
    package let historySize: Int
    /// HISTORY_TTL_SECONDS
    package let historyTTLMilliseconds: Int
    /// INBOX_SIZE, in messages per user.
    package let inboxSize: Int
    /// INBOX_TTL_SECONDS
    package let inboxTTLMilliseconds: Int
    /// SESSION_TTL_SECONDS
    package let sessionTTLMilliseconds: Int
    /// DEDUPE_WINDOW_SECONDS
    package let dedupeWindowMilliseconds: Int
    /// OUTBOX_MESSAGES
    package let outboxMessagesMax: Int
    /// OUTBOX_BYTES
    package let outboxBytesMax: Int

    /// PRESENCE_GRACE_SECONDS
    package let presenceGraceMilliseconds: Int
    /// HEARTBEAT_INTERVAL_SECONDS
    package let heartbeatIntervalMilliseconds: Int
    /// HEARTBEAT_TIMEOUT_SECONDS; more than the interval.
    package let heartbeatTimeoutMilliseconds: Int
    /// DRAIN_SECONDS
    package let drainMilliseconds: Int

    /// API_KEY, whose keys count alike; empty: none.
    package let apiKeys: [String]
    /// JWT_SECRET, JWT_PUBLIC_KEY_FILE, JWT_AUDIENCE and JWT_ISSUER; nil: clients need no tokens.
    package let tokens: TokenSettings?
    /// ALLOWED_ORIGINS
    package let originPolicy: OriginPolicy
    /// ALLOWED_HOSTS; nil: any.
    package let allowedHosts: AllowedHosts?
    /// TRUSTED_PROXIES
    package let trustedProxies: TrustedProxies

    /// TLS_CERT_FILE with TLS_KEY_FILE; nil: the port speaks plain HTTP.
    package let certificate: ServerCertificate?

    /// PUSH_WEBHOOK_URL with PUSH_WEBHOOK_SECRET; nil: no pushes.
    package let pushWebhook: Webhook?
    /// EVENT_WEBHOOK_URL with EVENT_WEBHOOK_SECRET and EVENT_WEBHOOK_EVENTS; nil: no events.
    package let eventWebhook: EventWebhook?
    /// LINK_ALLOWED_HOSTS; allows nothing when it is not set.
    package let linkHosts: LinkHosts
    /// LINK_CHECK_SECONDS, LINK_HEARTBEAT_TIMEOUT_SECONDS and LINK_COOLDOWN_SECONDS.
    package let linkTimes: LinkTimes

    /// GOVERNOR_DRY_RUN, GOVERNOR_ENTER_MARKS, GOVERNOR_LEAVE_MARKS and GOVERNOR_SIGNAL_MARKS
    package let governor: Governor.Settings
    /// GOVERNOR_INTERVAL_MILLISECONDS
    package let governorIntervalMilliseconds: Int
    /// GOVERNOR_MEMORY_LIMIT_BYTES; nil: the kernel's limits alone.
    package let governorMemoryMax: Int?
    /// LOG_LEVEL
    package let logLevel: Logger.Level
    /// LOG_FORMAT
    package let logFormat: LogFormat
    /// ECHO_ENDPOINT
    package let servesEcho: Bool
    /// PROC_ROOT, absolute.
    package let procRoot: String
    /// CGROUP_ROOT, absolute.
    package let cgroupRoot: String

    /// Warnings for the operator, although the node starts: one line each, without secrets.
    package let warnings: [String]

    /// Reads and checks the whole configuration: the process's environment and the file's text come in, and nothing
    /// else is read but the files of certificates and keys that they name.
    ///
    /// - Parameters:
    ///   - environment: the process's variables; they win over the file.
    ///   - dotEnv: the text of `.env`, nil when there is none.
    ///   - isFileReadableByOthers: whether users other than its owner may read that file.
    ///   - cores: how many workers there are by default (clamped to what WORKERS allows).
    package static func load(
        environment: [String: String], dotEnv: String?, isFileReadableByOthers: Bool = false, cores: Int
    ) throws(ConfigurationError) -> Configuration {
        let file = try dotEnv.map { text throws(ConfigurationError) in try DotEnv(parsing: text) }
        return try Configuration(
            SettingReader(environment: environment, file: file), isFileReadableByOthers: isFileReadableByOthers,
            cores: cores)
    }

    private init(
        _ reader: SettingReader, isFileReadableByOthers: Bool, cores: Int
    ) throws(ConfigurationError) {
        port = try reader.integer(.port)
        host = try reader.value(.host) { $0 == "localhost" ? IPAddress(v4: 0x7F00_0001) : IPAddress($0) }
        workers = try reader.optionalInteger(.workers) ?? min(max(cores, 1), 256)
        nodeID = try reader.optionalValue(.nodeID) { Identifier(validating: $0) }
        let redisTimeout = try reader.milliseconds(.redisTimeout)
        let redisURL = try reader.redisURL()
        let authorities = try reader.redisAuthorities(redisURL)
        redis = redisURL.map { RedisOptions(url: $0, authorities: authorities, timeoutMilliseconds: redisTimeout) }
        nodeHeartbeatMilliseconds = try reader.milliseconds(.nodeHeartbeat)
        nodeExpiryMilliseconds = try reader.milliseconds(.nodeExpiry)

        connectionsMax = try reader.integer(.maxConnections)
        connectionsPerUserMax = try reader.optionalInteger(.maxConnectionsPerUser)
        addressLimits = try reader.addressLimits()
        roomsMax = try reader.integer(.maxRooms)
        roomsPerConnectionMax = try reader.integer(.maxRoomsPerConnection)
        messageBytesMax = try reader.integer(.maxMessageBytes)
        messagesPerSecond = try reader.integer(.messagesPerSecond)
        sendQueueBytesMax = try reader.integer(.sendQueueBytes)
        compresses = try reader.value(.compression) { ["off": false, "on": true][$0.lowercased()] }

        storedBytesMax = try reader.optionalInteger(.storedBytes)
        historySize = try reader.integer(.historySize)
        historyTTLMilliseconds = try reader.milliseconds(.historyTTL)
        inboxSize = try reader.integer(.inboxSize)
        inboxTTLMilliseconds = try reader.milliseconds(.inboxTTL)
        sessionTTLMilliseconds = try reader.milliseconds(.sessionTTL)
        dedupeWindowMilliseconds = try reader.milliseconds(.dedupeWindow)
        outboxMessagesMax = try reader.integer(.outboxMessages)
        outboxBytesMax = try reader.integer(.outboxBytes)

        presenceGraceMilliseconds = try reader.milliseconds(.presenceGrace)
        heartbeatIntervalMilliseconds = try reader.milliseconds(.heartbeatInterval)
        heartbeatTimeoutMilliseconds = try reader.milliseconds(.heartbeatTimeout)
        drainMilliseconds = try reader.milliseconds(.drainTime)

        apiKeys =
            try reader.optionalValue(.apiKey) { text in
                let keys = commaSeparated(text)
                let areSendable = keys.allSatisfy { key in
                    (1...1024).contains(key.utf8.count) && key.utf8.allSatisfy { (0x21...0x7E).contains($0) }
                }
                return areSendable ? keys : nil
            } ?? []
        tokens = try reader.tokenSettings()
        originPolicy = try reader.optionalValue(.allowedOrigins, OriginPolicy.init(configured:)) ?? .ownHost
        allowedHosts = try reader.optionalValue(.allowedHosts) { AllowedHosts(commaSeparated($0)) }
        trustedProxies = try reader.value(.trustedProxies, TrustedProxies.init(configured:))

        certificate = try reader.certificate()
        pushWebhook = try reader.webhook(.pushWebhookURL, .pushWebhookSecret)
        eventWebhook = try reader.eventWebhook()
        linkHosts = try reader.optionalValue(.linkAllowedHosts) { LinkHosts(commaSeparated($0)) } ?? LinkHosts()
        linkTimes = try reader.linkTimes()

        logLevel = try reader.value(.logLevel) { Logger.Level(rawValue: $0.lowercased()) }
        logFormat = try reader.value(.logFormat) { LogFormat(rawValue: $0.lowercased()) }
        servesEcho = try reader.value(.echoEndpoint) { ["0": false, "1": true][$0] }
        procRoot = try reader.value(.procRoot, absolutePath)
        cgroupRoot = try reader.value(.cgroupRoot, absolutePath)
        governor = try reader.governor()
        governorIntervalMilliseconds = try reader.integer(.governorInterval)
        governorMemoryMax = try reader.optionalInteger(.governorMemoryLimit)

        guard heartbeatTimeoutMilliseconds > heartbeatIntervalMilliseconds else {
            throw reader.bad(
                .heartbeatTimeout,
                allowed: "more than HEARTBEAT_INTERVAL_SECONDS, which is \(reader.shown(.heartbeatInterval))")
        }
        guard nodeExpiryMilliseconds > 2 * nodeHeartbeatMilliseconds else {
            throw reader.bad(
                .nodeExpiry,
                allowed: "more than twice NODE_HEARTBEAT_SECONDS, which is \(reader.shown(.nodeHeartbeat))")
        }
        var warnings = reader.unknownWarnings()
        if sendQueueBytesMax < messageBytesMax {
            warnings.append(
                "SEND_QUEUE_BYTES (\(sendQueueBytesMax)) is less than MAX_MESSAGE_BYTES (\(messageBytesMax)): "
                    + "a message that is larger than the queue closes slow readers at once")
        }
        if let secret = tokens?.secret, secret.isShort {
            warnings.append(
                "JWT_SECRET has less than \(TokenSecret.bytesAdvised) bytes: who has one token can find it by trying")
        }
        if reader.hasSecretsInFile, isFileReadableByOthers {
            warnings.append(".env has secrets, and others on this machine can read it: chmod 600 .env")
        }
        self.warnings = warnings
    }
}

extension Configuration {
    /// The warning that a node begins with where anybody may knock, and nobody is asked for a key.
    package var openNodeWarning: String? {
        guard apiKeys.isEmpty, tokens == nil, !host.isLoopback else { return nil }
        return "there is no API_KEY, no JWT_SECRET and no JWT_PUBLIC_KEY_FILE, and the node listens on \(host): "
            + "whoever reaches it may read and write all rooms"
    }
}

extension SettingReader {
    /// The limits by MAX_CONNECTIONS_PER_IP and HTTP_REQUESTS_PER_SECOND.
    fileprivate func addressLimits() throws(ConfigurationError) -> AddressLimits {
        let sockets = try optionalInteger(.maxConnectionsPerIP)
        let requests = try optionalInteger(.httpRequestsPerSecond).map { RatePolicy(perSecond: $0) }
        return AddressLimits(
            socketsMax: sockets, requests: requests, countsOwnSockets: isSet(.maxConnectionsPerIP) && sockets != nil,
            countsOwnRequests: isSet(.httpRequestsPerSecond) && requests != nil)
    }
}

extension SettingReader {
    /// The parsed REDIS_URL; nil when it is not set.
    fileprivate func redisURL() throws(ConfigurationError) -> RedisURL? {
        guard let text = try optionalValue(.redisURL, { $0 }) else { return nil }
        do throws(RedisURL.Fault) { return try RedisURL(text) } catch {
            throw bad(.redisURL, fault: "\(error)", allowed: Setting.redisURL.rule)
        }
    }
}

extension SettingReader {
    /// The authorities of REDIS_CA_FILE; nil when it is not set.
    fileprivate func redisAuthorities(_ url: RedisURL?) throws(ConfigurationError) -> TLSAuthorities? {
        guard let path = try optionalValue(.redisCAFile, { $0 }) else { return nil }
        // Who sets it takes the connection for encrypted.
        guard url?.isSecure == true else {
            throw bad(.redisCAFile, fault: "REDIS_URL does not begin with rediss://")
        }
        do throws(TLSClientContext.Fault) {
            return try TLSAuthorities(path)
        } catch {
            throw bad(.redisCAFile, fault: error.description)
        }
    }

    /// The certificate of TLS_CERT_FILE and TLS_KEY_FILE; nil when neither is set.
    fileprivate func certificate() throws(ConfigurationError) -> ServerCertificate? {
        let certificate = try optionalValue(.tlsCertFile) { $0 }
        let key = try optionalValue(.tlsKeyFile) { $0 }
        guard let certificate, let key else {
            if certificate != nil { throw bad(.tlsCertFile, fault: "TLS_KEY_FILE is not set") }
            if key != nil { throw bad(.tlsKeyFile, fault: "TLS_CERT_FILE is not set") }
            return nil
        }
        do throws(TLSFiles.Fault) {
            return try ServerCertificate(TLSFiles(certificate: certificate, key: key))
        } catch {
            throw bad(error.file == .key ? .tlsKeyFile : .tlsCertFile, fault: error.description)
        }
    }

    private func bad(_ setting: Setting, fault: String) -> ConfigurationError {
        bad(setting, fault: fault, allowed: setting.rule)
    }
}

extension SettingReader {
    /// The webhook of a URL and a secret; nil when neither is set.
    fileprivate func webhook(_ url: Setting, _ secretSetting: Setting) throws(ConfigurationError) -> Webhook? {
        let secret = try optionalValue(secretSetting) { $0 }
        guard let text = try optionalValue(url, { $0 }) else {
            guard secret == nil else {
                throw bad(secretSetting, fault: "\(url.name) is not set", allowed: secretSetting.rule)
            }
            return nil
        }
        let webhook: Webhook
        do throws(ServerURL.Fault) { webhook = try Webhook(url: text) } catch {
            throw bad(url, fault: "\(error)", allowed: url.rule)
        }
        // Elsewhere an empty value is as good as none; here it would send unsigned what was meant to be signed.
        guard !isEmpty(secretSetting) else {
            throw bad(secretSetting, fault: "it is empty", allowed: secretSetting.rule)
        }
        guard let secret else { return webhook }
        guard let signed = webhook.signed(with: secret) else {
            throw bad(secretSetting, allowed: secretSetting.rule)
        }
        return signed
    }

    /// The webhook of EVENT_WEBHOOK_URL, and the events that go there; nil when it is not set.
    fileprivate func eventWebhook() throws(ConfigurationError) -> EventWebhook? {
        let kinds = try value(.eventWebhookEvents) { EventWebhook.kinds(commaSeparated($0)) }
        return try webhook(.eventWebhookURL, .eventWebhookSecret).map { EventWebhook($0, kinds) }
    }
}

/// The spans of links, milliseconds.
package struct LinkTimes: Equatable, Sendable {
    package let check: Int
    /// At least four times `check`.
    package let timeout: Int
    package let cooldown: Int
}

extension SettingReader {
    /// The spans of links.
    fileprivate func linkTimes() throws(ConfigurationError) -> LinkTimes {
        let times = LinkTimes(
            check: try milliseconds(.linkCheck), timeout: try milliseconds(.linkTimeout),
            cooldown: try milliseconds(.linkCooldown))
        guard times.timeout >= 4 * times.check else {
            throw bad(
                .linkTimeout, allowed: "at least four times LINK_CHECK_SECONDS, which is \(shown(.linkCheck))")
        }
        return times
    }
}

extension SettingReader {
    /// The settings of the governor.
    fileprivate func governor() throws(ConfigurationError) -> Governor.Settings {
        let enter = try value(.governorEnterMarks, LadderMarks.marks)
        let leave = try value(.governorLeaveMarks, LadderMarks.marks)
        guard let ladder = LadderMarks(enter: enter, leave: leave) else {
            throw bad(
                .governorLeaveMarks,
                allowed: "each below its mark of GOVERNOR_ENTER_MARKS, which is \(shown(.governorEnterMarks))")
        }
        let signals = try optionalValue(.governorSignalMarks, SignalMarks.init(overriding:)) ?? SignalMarks()
        let isDryRun = try value(.governorDryRun) { ["0": false, "1": true][$0] }
        return Governor.Settings(signals: signals, ladder: ladder, isDryRun: isDryRun)
    }
}

/// A path that does not depend on where the process is, or nil.
private func absolutePath(_ text: String) -> String? {
    text.utf8.first == UInt8(ascii: "/") && !text.utf8.contains(0) ? text : nil
}

extension OriginPolicy {
    /// The policy that ALLOWED_ORIGINS asks for, or nil if it is not of the allowed form.
    init?(configured text: String) {
        let items = commaSeparated(text)
        if items == ["*"] {
            self = .any
            return
        }
        let origins = items.compactMap { Origin($0) }
        guard !items.isEmpty, origins.count == items.count else { return nil }
        self = .list(Set(origins))
    }
}

extension TrustedProxies {
    /// The proxies that TRUSTED_PROXIES names, or nil if it is not of the allowed form.
    init?(configured text: String) {
        let items = commaSeparated(text)
        let blocks = items.compactMap { CIDR($0) }
        guard !items.isEmpty, blocks.count == items.count else { return nil }
        self.init(blocks)
    }
}

/// The items of a list without the blanks around them; a comma at the end makes an empty item, which no list allows.
private func commaSeparated(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map { item in
        let blanks: Set<Character> = [" ", "\t"]
        var item = item.drop { blanks.contains($0) }
        while let last = item.last, blanks.contains(last) {
            item.removeLast()
        }
        return String(item)
    }
}
