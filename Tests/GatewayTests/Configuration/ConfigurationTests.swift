import ClusterState
import Core
import Gateway
import Overload
import TestSupport
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    private func load(
        _ environment: [String: String] = [:], file: String? = nil, cores: Int = 2
    ) throws(ConfigurationError) -> Configuration {
        try Configuration.load(environment: environment, dotEnv: file, cores: cores)
    }

    /// The error for one variable's value.
    private func refusal(_ environment: [String: String], file: String? = nil) -> ConfigurationError? {
        do throws(ConfigurationError) {
            _ = try load(environment, file: file)
            return nil
        } catch {
            return error
        }
    }

    @Test("Nothing set: the contract's defaults, and no warning")
    func defaults() throws {
        let configuration = try load()
        #expect(configuration.port == 8000 && configuration.host.description == "0.0.0.0")
        #expect(configuration.nodeID == nil)
        #expect(configuration.redis == nil)
        #expect(configuration.outboxMessagesMax == 1_000_000 && configuration.outboxBytesMax == 268_435_456)
        #expect(configuration.connectionsMax == 100_000)
        #expect(configuration.connectionsPerUserMax == 100 && configuration.allowedHosts == nil)
        #expect(
            configuration.addressLimits
                == AddressLimits(
                    socketsMax: 1000, requests: RatePolicy(perSecond: 100), countsOwnSockets: false,
                    countsOwnRequests: false))
        #expect(configuration.roomsMax == 200_000 && configuration.storedBytesMax == nil)
        #expect(configuration.roomsPerConnectionMax == 32)
        #expect(configuration.messageBytesMax == 65_536 && configuration.messagesPerSecond == 50)
        #expect(configuration.sendQueueBytesMax == 1_048_576 && !configuration.compresses)
        #expect(configuration.historySize == 1000 && configuration.historyTTLMilliseconds == 86_400_000)
        #expect(configuration.inboxSize == 1000 && configuration.inboxTTLMilliseconds == 604_800_000)
        #expect(configuration.sessionTTLMilliseconds == 300_000 && configuration.dedupeWindowMilliseconds == 300_000)
        #expect(configuration.presenceGraceMilliseconds == 5000)
        #expect(configuration.heartbeatIntervalMilliseconds == 30_000)
        #expect(configuration.heartbeatTimeoutMilliseconds == 90_000)
        #expect(configuration.drainMilliseconds == 10_000)
        #expect(configuration.nodeHeartbeatMilliseconds == 3_000 && configuration.nodeExpiryMilliseconds == 9_000)
        #expect(configuration.apiKeys.isEmpty && configuration.originPolicy == .ownHost)
        #expect(configuration.trustedProxies == .loopback)
        #expect(configuration.logLevel == .info && configuration.logFormat == .text)
        #expect(!configuration.servesEcho && configuration.procRoot == "/proc")
        #expect(configuration.cgroupRoot == "/sys/fs/cgroup" && configuration.governor == Governor.Settings())
        #expect(configuration.governorIntervalMilliseconds == 250 && configuration.governorMemoryMax == nil)
        #expect(configuration.warnings == [])
    }

    @Test("By default as many workers as cores, within what WORKERS allows")
    func workers() throws {
        for (cores, workers) in [(-1, 1), (0, 1), (1, 1), (7, 7), (256, 256), (257, 256)] {
            #expect(try load(cores: cores).workers == workers)
        }
        #expect(try load(["WORKERS": "3"], cores: 8).workers == 3)
    }

    /// A value other than the default for every variable.
    private static let others = [
        "PORT": "9001", "HOST": "::1", "WORKERS": "5", "NODE_ID": "köln-1", "MAX_CONNECTIONS": "1234",
        "MAX_CONNECTIONS_PER_USER": "11", "MAX_CONNECTIONS_PER_IP": "12", "MAX_ROOMS_PER_CONNECTION": "13",
        "MAX_ROOMS": "25", "STORED_BYTES_MAX": "1048577",
        "HTTP_REQUESTS_PER_SECOND": "9", "ALLOWED_HOSTS": "a.example, [::1]",
        "MAX_MESSAGE_BYTES": "4001", "MESSAGES_PER_SECOND": "14", "SEND_QUEUE_BYTES": "5001", "HISTORY_SIZE": "15",
        "HISTORY_TTL_SECONDS": "16", "INBOX_SIZE": "17", "INBOX_TTL_SECONDS": "18", "SESSION_TTL_SECONDS": "19",
        "DEDUPE_WINDOW_SECONDS": "20", "PRESENCE_GRACE_SECONDS": "0.021", "HEARTBEAT_INTERVAL_SECONDS": "2.2",
        "HEARTBEAT_TIMEOUT_SECONDS": "2.23", "DRAIN_SECONDS": "24", "API_KEY": "key", "ALLOWED_ORIGINS": "*",
        "JWT_SECRET": "a secret of thirty-two bytes, or more", "JWT_PUBLIC_KEY_FILE": "keys.pem",
        "JWT_AUDIENCE": "chat", "JWT_ISSUER": "me",
        "TRUSTED_PROXIES": "10.0.0.0/8", "LOG_LEVEL": "Debug", "LOG_FORMAT": "JSON", "ECHO_ENDPOINT": "1",
        "PROC_ROOT": "/fake/proc", "CGROUP_ROOT": "/fake/cgroup", "GOVERNOR_DRY_RUN": "1",
        "GOVERNOR_INTERVAL_MILLISECONDS": "51", "GOVERNOR_MEMORY_LIMIT_BYTES": "52",
        "GOVERNOR_ENTER_MARKS": "0.5,0.6,0.7", "GOVERNOR_LEAVE_MARKS": "0.1,0.2,0.3",
        "GOVERNOR_SIGNAL_MARKS": "cpu=0.1:0.2", "COMPRESSION": "On", "REDIS_URL": "redis://redis/4",
        "REDIS_TIMEOUT": "0.125",
        "OUTBOX_MESSAGES": "21", "OUTBOX_BYTES": "2048", "NODE_HEARTBEAT_SECONDS": "1.5",
        "NODE_EXPIRY_SECONDS": "3.001", "PUSH_WEBHOOK_URL": "http://hooks:9/a", "PUSH_WEBHOOK_SECRET": "hush",
        "EVENT_WEBHOOK_URL": "https://events/b", "EVENT_WEBHOOK_SECRET": "tacit", "EVENT_WEBHOOK_EVENTS": "left",
        "LINK_ALLOWED_HOSTS": "feed.example", "LINK_CHECK_SECONDS": "0.75", "LINK_HEARTBEAT_TIMEOUT_SECONDS": "3.5",
        "LINK_COOLDOWN_SECONDS": "1.25",
    ]

    @Test("Every variable reaches its own field, from the environment as from the file", arguments: [true, false])
    func everyVariable(fromFile: Bool) throws {
        // Files, which `certificate` has.
        let files: Set = ["TLS_CERT_FILE", "TLS_KEY_FILE", "REDIS_CA_FILE"]
        #expect(files.union(Self.others.keys) == Set(Setting.all.map(\.name)))
        let text = Self.others.map { "\($0)='\($1)'\n" }.joined()
        let configuration = try fromFile ? load(file: text) : load(Self.others)
        #expect(configuration.port == 9001 && configuration.host.description == "::1" && configuration.workers == 5)
        #expect(configuration.nodeID == Identifier(validating: "köln-1"))
        #expect(configuration.redis?.url.description == "redis://redis:6379/4")
        #expect(configuration.redis?.timeoutMilliseconds == 125)
        #expect(configuration.outboxMessagesMax == 21 && configuration.outboxBytesMax == 2048)
        #expect(configuration.nodeHeartbeatMilliseconds == 1500 && configuration.nodeExpiryMilliseconds == 3001)
        #expect(configuration.connectionsMax == 1234)
        #expect(configuration.connectionsPerUserMax == 11 && configuration.addressLimits.socketsMax == 12)
        #expect(configuration.addressLimits.countsOwnSockets && configuration.addressLimits.countsOwnRequests)
        #expect(configuration.addressLimits.requests == RatePolicy(perSecond: 9))
        #expect(configuration.allowedHosts?.contains("A.example:80") == true)
        #expect(configuration.roomsMax == 25 && configuration.storedBytesMax == 1_048_577)
        #expect(configuration.roomsPerConnectionMax == 13 && configuration.messageBytesMax == 4001)
        #expect(configuration.messagesPerSecond == 14 && configuration.sendQueueBytesMax == 5001)
        #expect(configuration.compresses)
        #expect(configuration.historySize == 15 && configuration.historyTTLMilliseconds == 16_000)
        #expect(configuration.inboxSize == 17 && configuration.inboxTTLMilliseconds == 18_000)
        #expect(configuration.sessionTTLMilliseconds == 19_000 && configuration.dedupeWindowMilliseconds == 20_000)
        #expect(configuration.presenceGraceMilliseconds == 21 && configuration.heartbeatIntervalMilliseconds == 2200)
        #expect(configuration.heartbeatTimeoutMilliseconds == 2230 && configuration.drainMilliseconds == 24_000)
        #expect(configuration.apiKeys == ["key"] && configuration.originPolicy == .any)
        #expect(configuration.tokens?.secret != nil && configuration.tokens?.keyFile == "keys.pem")
        #expect(configuration.tokens?.audience == "chat" && configuration.tokens?.issuer == "me")
        #expect(configuration.trustedProxies == TrustedProxies([try #require(CIDR("10.0.0.0/8"))]))
        let webhook = configuration.pushWebhook
        #expect(webhook?.url.authority == "hooks:9" && webhook?.secret?.count == 4)
        let events = configuration.eventWebhook
        #expect(events?.webhook.url.authority == "events" && events?.webhook.secret?.count == 5)
        #expect(events?.kinds == [.left])
        #expect(configuration.linkHosts.allows("feed.example", port: 443))
        let times = configuration.linkTimes
        #expect(times.check == 750 && times.timeout == 3500 && times.cooldown == 1250)
        #expect(configuration.logLevel == .debug && configuration.logFormat == .json && configuration.servesEcho)
        #expect(configuration.procRoot == "/fake/proc" && configuration.cgroupRoot == "/fake/cgroup")
        let signals = try #require(SignalMarks(overriding: "cpu=0.1:0.2"))
        let ladder = try #require(LadderMarks(enter: [0.5, 0.6, 0.7], leave: [0.1, 0.2, 0.3]))
        #expect(
            configuration.governor == Governor.Settings(signals: signals, ladder: ladder, isDryRun: true))
        #expect(configuration.governorIntervalMilliseconds == 51 && configuration.governorMemoryMax == 52)
        #expect(configuration.warnings == [])
    }

    @Test("A limit that has a default can be off")
    func limitsOff() throws {
        let limits = try load(["MAX_CONNECTIONS_PER_IP": "off", "HTTP_REQUESTS_PER_SECOND": "off"]).addressLimits
        #expect(limits.socketsMax == nil && limits.requests == nil)
        // Who is not limited is not counted.
        #expect(!limits.countsOwnSockets && !limits.countsOwnRequests)
    }

    @Test("An open node says so, and so does a file with secrets that others can read")
    func openness() throws {
        #expect(try load().openNodeWarning?.contains("API_KEY") == true)
        #expect(try load(["HOST": "127.0.0.1"]).openNodeWarning == nil)
        #expect(try load(["API_KEY": "key"]).openNodeWarning == nil)
        for (file, isWarned) in [("API_KEY=key", true), ("API_KEY=", false), ("PORT=9000", false)] {
            let warnings = try Configuration.load(
                environment: [:], dotEnv: file, isFileReadableByOthers: true, cores: 1
            ).warnings
            #expect(warnings.contains { $0.contains("chmod 600 .env") } == isWarned, "\(file)")
        }
    }

    @Test("The environment wins; an empty value is unset and hides nothing")
    func precedence() throws {
        #expect(try load(["PORT": "1111"], file: "PORT=2222").port == 1111)
        #expect(try load(["PORT": ""], file: "PORT=2222").port == 2222)
        #expect(try load(["PORT": ""], file: "PORT=").port == 8000)
        #expect(try load(["API_KEY": ""]).apiKeys.isEmpty)
        #expect(
            try load(["MAX_CONNECTIONS_PER_USER": "off"], file: "MAX_CONNECTIONS_PER_USER=3").connectionsPerUserMax
                == nil)
        // What the file says about a variable that the environment sets is not even read.
        #expect(try load(["PORT": "1111"], file: "PORT=rubbish").port == 1111)
    }

    @Test("Each bound of each number is allowed, one step beyond is not")
    func bounds() {
        for setting in Setting.all {
            let limits: (lower: Int, upper: Int, decimals: Bool)
            switch setting.kind {
            case .integer(let lower, let upper): limits = (lower, upper ?? Setting.openUpperBound, false)
            case .seconds(let lower, let upper, let decimals):
                limits = (lower, upper ?? Setting.openUpperBound, decimals)
            default: continue
            }
            // The heartbeats' pairs must stay in order while one of each goes to its bounds.
            let most = "\(Setting.openUpperBound)"
            let others = [
                "HEARTBEAT_INTERVAL_SECONDS": "1", "HEARTBEAT_TIMEOUT_SECONDS": most,
                "NODE_HEARTBEAT_SECONDS": "1", "NODE_EXPIRY_SECONDS": most,
            ]
            func error(_ value: String) -> ConfigurationError? {
                refusal(others.merging([setting.name: value]) { _, new in new })
            }
            let (lower, upper) =
                switch setting.name {
                case "HEARTBEAT_INTERVAL_SECONDS": ("1", "\(limits.upper - 1)")
                case "NODE_HEARTBEAT_SECONDS": ("1", "\(limits.upper / 2 - 1)")
                case "NODE_EXPIRY_SECONDS": ("2.001", "\(limits.upper)")
                default: ("\(limits.lower)", "\(limits.upper)")
                }
            #expect(error(lower) == nil, "\(setting.name)")
            #expect(error(upper) == nil, "\(setting.name)")
            for value in [
                "\(limits.lower - 1)", "\(limits.upper + 1)", "-1", "+5", " 5", "5 ", "5x", "0x10", "1e3", "٥", "1_000",
                ".",
                "9223372036854775807", "99999999999999999999", "18446744073709551617", "five", "1.0001", "1..2", "1.",
                ".5", "1.2.3", "NaN",
            ] {
                let found = error(value)
                #expect(found?.variable == setting.name, "\(setting.name)=\(value)")
                #expect(found?.description.contains(setting.rule) == true, "\(setting.name)=\(value)")
            }
            #expect((error("\(limits.lower).500") == nil) == limits.decimals, "\(setting.name)")
            #expect((error("\(limits.upper).001") == nil) == false, "\(setting.name)")
        }
    }

    @Test("Every word of a row is taken, in any case, and no other")
    func words() {
        for setting in Setting.all {
            guard case .word(let words) = setting.kind else { continue }
            for word in words + words.map({ $0.lowercased() }) + words.map({ $0.uppercased() }) {
                #expect(refusal([setting.name: word]) == nil, "\(setting.name)=\(word)")
            }
            for word in ["verbose", "xml", "1", words[0] + " "] {
                #expect(refusal([setting.name: word])?.variable == setting.name, "\(setting.name)=\(word)")
            }
        }
        for value in ["2", "yes", "true", "01"] {
            #expect(refusal(["ECHO_ENDPOINT": value])?.variable == "ECHO_ENDPOINT")
        }
    }

    @Test(
        "Texts with a rule of their own",
        arguments: [
            (
                "HOST", ["example.com", "1.2.3", "[::1]", "0.0.0.0:80", "*"],
                ["localhost", "127.0.0.1", "::", "2001:db8::1"]
            ),
            (
                "NODE_ID", ["a/b", ".", "..", "a\nb", String(repeating: "n", count: 129)],
                ["n", String(repeating: "n", count: 128)]
            ),
            (
                "API_KEY", ["a b", "a\tb", "a,", ",", "schlüssel", "\u{7F}", String(repeating: "k", count: 1025)],
                [String(repeating: "k", count: 1024), "~!\"#", "one, two"]
            ),
            (
                "ALLOWED_ORIGINS",
                ["example.com", "http://a.example,", ",", "*,http://a.example", "null", "http://a.example/"],
                ["*", "http://a.example", "http://a.example, https://b.example:8443"]
            ),
            (
                "TRUSTED_PROXIES", ["none", "10.0.0.0/33", "10.0.0.1,,10.0.0.2", "10.0.0.1 10.0.0.2", ","],
                ["10.0.0.1", "10.0.0.0/8, 2001:db8::/32 ,::1"]
            ),
            ("PROC_ROOT", ["proc", "./proc"], ["/", "/proc"]),
            ("CGROUP_ROOT", ["cgroup", "./cgroup"], ["/", "/cgroup"]),
            ("GOVERNOR_ENTER_MARKS", ["0.6", "0.6,0.5,0.9", "0.6,0.7,1.1", "a,b,c"], ["0.6,0.7,1"]),
            ("GOVERNOR_LEAVE_MARKS", ["0.4", "0.4,0.3,0.5", "0,0.3,0.5"], ["0.1,0.2,0.3"]),
            ("GOVERNOR_SIGNAL_MARKS", ["cpu", "cpu=1", "cpu=2:1", "cup=1:2"], ["cpu=0.5:0.9,loop_lag=1:2"]),
        ] as [(String, [String], [String])])
    func texts(name: String, bad: [String], good: [String]) {
        for value in bad { #expect(refusal([name: value])?.variable == name, "\(name)=\(value)") }
        for value in good { #expect(refusal([name: value]) == nil, "\(name)=\(value)") }
    }

    @Test("Lists are read as they are meant")
    func lists() throws {
        let configuration = try load([
            "ALLOWED_ORIGINS": "https://a.example ,http://b.example:8000", "TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
            "HOST": "localhost",
        ])
        for (origin, isAllowed) in [
            ("https://a.example", true), ("http://b.example:8000", true), ("http://c.example", false),
        ] {
            #expect(configuration.originPolicy.isAllowed(origin: origin, host: "c.example") == isAllowed)
        }
        for (address, isTrusted) in [
            ("10.255.0.1", true), ("192.0.2.1", true), ("192.0.2.2", false), ("127.0.0.1", false),
        ] {
            #expect(configuration.trustedProxies.contains(try #require(IPAddress(address))) == isTrusted)
        }
        #expect(configuration.host.isLoopback)
    }

    @Test("The timeout must be over the interval, also when one of them is the default")
    func heartbeatRelation() {
        #expect(refusal(["HEARTBEAT_INTERVAL_SECONDS": "5", "HEARTBEAT_TIMEOUT_SECONDS": "5.001"]) == nil)
        let equal = refusal(["HEARTBEAT_INTERVAL_SECONDS": "5", "HEARTBEAT_TIMEOUT_SECONDS": "5"])
        #expect(
            equal?.description
                == "HEARTBEAT_TIMEOUT_SECONDS is \"5\"; allowed is more than HEARTBEAT_INTERVAL_SECONDS, which is \"5\""
        )
        #expect(refusal(["HEARTBEAT_INTERVAL_SECONDS": "90"])?.variable == "HEARTBEAT_TIMEOUT_SECONDS")
        #expect(
            refusal(["HEARTBEAT_TIMEOUT_SECONDS": "30"])?.description
                == "HEARTBEAT_TIMEOUT_SECONDS is \"30\"; "
                + "allowed is more than HEARTBEAT_INTERVAL_SECONDS, which is 30 (default)")
        #expect(refusal(["NODE_HEARTBEAT_SECONDS": "2", "NODE_EXPIRY_SECONDS": "4.001"]) == nil)
        #expect(
            refusal(["NODE_EXPIRY_SECONDS": "6"])?.description
                == "NODE_EXPIRY_SECONDS is \"6\"; "
                + "allowed is more than twice NODE_HEARTBEAT_SECONDS, which is 3 (default)")
    }

    @Test("A tier is left below where it is entered, also when one of the marks is the default")
    func governorRelation() {
        #expect(
            refusal(["GOVERNOR_ENTER_MARKS": "0.40,0.75,0.90"])?.description
                == "GOVERNOR_LEAVE_MARKS is 0.45,0.60,0.70 (default); "
                + "allowed is each below its mark of GOVERNOR_ENTER_MARKS, which is \"0.40,0.75,0.90\"")
        #expect(refusal(["GOVERNOR_LEAVE_MARKS": "0.45,0.75,0.80"])?.variable == "GOVERNOR_LEAVE_MARKS")
        #expect(refusal(["GOVERNOR_ENTER_MARKS": "0.46,0.61,0.71"]) == nil)
    }

    @Test("An error is one line: variable, value, place and what is allowed")
    func errorText() {
        #expect(
            refusal(["PORT": "70000"])?.description == "PORT is \"70000\"; allowed is a whole number from 1 to 65535")
        #expect(
            refusal([:], file: "\n# x\nPORT=http\n")?.description
                == "PORT is \"http\" (.env line 3); allowed is a whole number from 1 to 65535")
        #expect(
            refusal(["MAX_CONNECTIONS_PER_IP": "0"])?.description
                == "MAX_CONNECTIONS_PER_IP is \"0\"; allowed is a whole number from 1 up, or off")
        let odd =
            refusal(["LOG_LEVEL": "a\nb\u{1B}[31m\u{9B}" + String(repeating: "x", count: 5000)])?.description ?? "\n"
        #expect(!odd.unicodeScalars.contains { $0.properties.generalCategory == .control } && odd.utf8.count < 300)
        #expect(ConfigurationError.exitStatus == 78)
    }

    @Test("Secrets stand in no message", arguments: ["pass word", "pässword", "\u{7F}secret"])
    func secretsAreHidden(secret: String) {
        for error in [refusal(["API_KEY": secret]), refusal([:], file: "API_KEY=\"\(secret)\"")] {
            #expect(error?.variable == "API_KEY")
            #expect(error?.description.contains("(hidden)") == true)
            #expect(error?.description.contains("ss") == false && error?.description.contains("secret") == false)
        }
    }

    @Test("Tokens are asked for with a secret or a key file; audience and issuer alone are an error")
    func tokens() throws {
        #expect(try load().tokens == nil && load(["JWT_SECRET": ""]).tokens == nil)
        let long = try load(["JWT_SECRET": String(repeating: "s", count: 32), "HOST": "0.0.0.0"])
        #expect(long.tokens?.secret != nil && long.warnings.isEmpty && long.openNodeWarning == nil)
        let short = try load(["JWT_SECRET": "hush", "JWT_AUDIENCE": "chat", "JWT_ISSUER": "me"])
        #expect(short.tokens?.audience == "chat" && short.tokens?.issuer == "me")
        #expect(short.warnings.count == 1 && !short.warnings.joined().contains("hush") && !"\(short)".contains("hush"))
        #expect(try load(["JWT_PUBLIC_KEY_FILE": "keys.pem"]).tokens?.keyFile == "keys.pem")
        #expect(refusal(["JWT_AUDIENCE": "chat"])?.variable == "JWT_AUDIENCE")
        #expect(refusal(["JWT_ISSUER": "me"])?.variable == "JWT_ISSUER")
        let pem = try #require(refusal(["JWT_SECRET": "-----BEGIN PUBLIC KEY-----"]))
        #expect(pem.variable == "JWT_SECRET" && !pem.description.contains("BEGIN"))
        #expect(refusal(["JWT_SECRET": String(repeating: "s", count: 1025)])?.variable == "JWT_SECRET")
    }

    @Test("API_KEY has one key, or several")
    func apiKeys() throws { #expect(try load(["API_KEY": "one, two"]).apiKeys == ["one", "two"]) }

    @Test("TLS_CERT_FILE and TLS_KEY_FILE go together, and what is wrong with a file is said")
    func certificate() throws {
        let made = try #require(TestCertificate())
        let both = ["TLS_CERT_FILE": made.certificate, "TLS_KEY_FILE": made.key]
        #expect(try load(both).certificate != nil && load([:]).certificate == nil)
        for (variables, variable, words) in [
            (["TLS_CERT_FILE": made.certificate], "TLS_CERT_FILE", "TLS_KEY_FILE is not set"),
            (["TLS_KEY_FILE": made.key], "TLS_KEY_FILE", "TLS_CERT_FILE is not set"),
            (both.merging(["TLS_CERT_FILE": "/none"]) { $1 }, "TLS_CERT_FILE", "No such file"),
            (both.merging(["TLS_KEY_FILE": made.certificate]) { $1 }, "TLS_KEY_FILE", "no private key"),
            (["REDIS_CA_FILE": made.certificate], "REDIS_CA_FILE", "rediss://"),
            (["REDIS_CA_FILE": made.key, "REDIS_URL": "rediss://a"], "REDIS_CA_FILE", "no certificate"),
        ] {
            let error = refusal(variables)
            #expect(error?.variable == variable && error?.description.contains(words) == true, "\(words)")
        }
        #expect(try load(["REDIS_CA_FILE": made.certificate, "REDIS_URL": "rediss://a"]).redis?.peer != nil)
        #expect(try load(["REDIS_URL": "redis://a"]).redis?.peer == nil)
    }

    @Test("REDIS_URL is read; what is wrong with it is said without showing it")
    func redis() throws {
        let configuration = try load(["REDIS_URL": "redis://:hush@redis:7000"])
        let redis = try #require(configuration.redis)
        #expect(redis.url.password == Array("hush".utf8) && redis.timeoutMilliseconds == 5000)
        #expect(configuration.warnings == [])
        #expect(!"\(configuration)".contains("hush"))
        for value in ["hush", "redisss://:hush@redis", "redis://:hush@redis:0", "redis://:hush@redis/hush"] {
            let error = try #require(refusal(["REDIS_URL": value]))
            #expect(error.variable == "REDIS_URL" && !error.description.contains("hush"))
            #expect(error.description.contains("(hidden), and ") && error.description.contains("redis://[[user]:pass"))
        }
    }

    @Test("The push webhook is read; what is wrong with it is said without showing it")
    func pushWebhook() throws {
        #expect(try load([:]).pushWebhook == nil)
        let url = "http://hooks.example:8080/hush?token=hush"
        let plain = try #require(try load(["PUSH_WEBHOOK_URL": url]).pushWebhook)
        #expect(plain.url.authority == "hooks.example:8080" && plain.url.target == "/hush?token=hush")
        #expect(plain.secret == nil)
        let configuration = try load(["PUSH_WEBHOOK_URL": url, "PUSH_WEBHOOK_SECRET": "hush"])
        #expect(configuration.pushWebhook?.secret == Array("hush".utf8) && configuration.warnings == [])
        #expect(!"\(configuration)".contains("hush"))
        let message = try #require(refusal(["PUSH_WEBHOOK_URL": "ftp://hooks.example/hush"])?.description)
        #expect(
            message.hasPrefix("PUSH_WEBHOOK_URL is (hidden), and it does not begin with") && !message.contains("hush"))
        for (variables, name) in [
            (["PUSH_WEBHOOK_URL": "hush"], "PUSH_WEBHOOK_URL"),
            (["PUSH_WEBHOOK_URL": url, "PUSH_WEBHOOK_SECRET": ""], "PUSH_WEBHOOK_SECRET"),
            (
                ["PUSH_WEBHOOK_URL": url, "PUSH_WEBHOOK_SECRET": String(repeating: "hush", count: 257)],
                "PUSH_WEBHOOK_SECRET"
            ),
            (["PUSH_WEBHOOK_SECRET": "hush"], "PUSH_WEBHOOK_SECRET"),
        ] {
            let error = try #require(refusal(variables))
            #expect(error.variable == name && error.description.contains("(hidden)"))
            #expect(!error.description.contains("hush"))
        }
        #expect(refusal([:], file: "PUSH_WEBHOOK_URL=\(url)\nPUSH_WEBHOOK_SECRET=")?.variable == "PUSH_WEBHOOK_SECRET")
        #expect(try load(["PUSH_WEBHOOK_SECRET": ""]).pushWebhook == nil)
        let longest = String(repeating: "x", count: 1024)
        #expect(try load(["PUSH_WEBHOOK_URL": url, "PUSH_WEBHOOK_SECRET": longest]).pushWebhook?.secret?.count == 1024)
    }

    @Test("The webhook of events is read, and which of them it gets")
    func eventWebhook() throws {
        #expect(try load(["EVENT_WEBHOOK_EVENTS": "joined"]).eventWebhook == nil)
        let url = "https://hooks.example/hush"
        let plain = try #require(try load(["EVENT_WEBHOOK_URL": url]).eventWebhook)
        #expect(plain.kinds == Set(EventKind.allCases).subtracting([.message]) && plain.webhook.secret == nil)
        let some = ["EVENT_WEBHOOK_URL": url, "EVENT_WEBHOOK_EVENTS": "message, left", "EVENT_WEBHOOK_SECRET": "hush"]
        let configuration = try load(some)
        #expect(configuration.eventWebhook?.kinds == [.message, .left])
        #expect(configuration.eventWebhook?.webhook.secret == Array("hush".utf8))
        #expect(!"\(configuration)".contains("hush"))
        for (variables, name) in [
            (["EVENT_WEBHOOK_URL": "hush"], "EVENT_WEBHOOK_URL"),
            (["EVENT_WEBHOOK_SECRET": "hush"], "EVENT_WEBHOOK_SECRET"),
            (["EVENT_WEBHOOK_URL": url, "EVENT_WEBHOOK_EVENTS": "left,"], "EVENT_WEBHOOK_EVENTS"),
            (["EVENT_WEBHOOK_EVENTS": "left,gone"], "EVENT_WEBHOOK_EVENTS"),
        ] {
            let error = try #require(refusal(variables))
            #expect(error.variable == name && !error.description.contains("hush"))
        }
    }

    @Test("A duration whose bounds are no whole seconds")
    func fractions() throws {
        for (value, milliseconds) in [("0.1", 100), ("0.100", 100), ("0.101", 101), ("60", 60_000), ("60.0", 60_000)] {
            let configuration = try load(["REDIS_URL": "redis://h", "REDIS_TIMEOUT": value])
            #expect(configuration.redis?.timeoutMilliseconds == milliseconds)
        }
        for value in ["0", "0.099", "0.0999", "60.001", "61", "-1", ".5", "1.", "5s", "99999999999999999999"] {
            let message =
                "REDIS_TIMEOUT is \"\(value)\"; allowed is a number of seconds from 0.1 to 60, with up to three decimals"
            #expect(refusal(["REDIS_TIMEOUT": value])?.description == message)
        }
    }

    @Test("Compression is off or on, in any case")
    func compression() throws {
        for value in ["off", "OFF"] { #expect(try !load(["COMPRESSION": value]).compresses) }
        for value in ["on", "On"] { #expect(try load(["COMPRESSION": value]).compresses) }
        let message = "COMPRESSION is \"1\"; allowed is off or on (in any case)"
        #expect(refusal(["COMPRESSION": "1"])?.description == message)
    }

    @Test("Hosts of links are names, with a port or as a domain; none are allowed unless they are listed")
    func linkHosts() throws {
        #expect(!(try load([:]).linkHosts.allows("example.com", port: 443)))
        let hosts = try load(["LINK_ALLOWED_HOSTS": "example.com, a.example.org:8443,*.example.net"]).linkHosts
        #expect(hosts.allows("example.com", port: 1) && hosts.allows("A.example.org", port: 8443))
        #expect(!hosts.allows("a.example.org", port: 443) && !hosts.allows("example.net", port: 443))
        let message = "LINK_ALLOWED_HOSTS is \"a b\"; allowed is \(LinkHosts.rule)"
        #expect(refusal(["LINK_ALLOWED_HOSTS": "a b"])?.description == message)
    }

    @Test("An owner of links may be silent for at least four checks")
    func linkTimes() throws {
        let times = try load(["LINK_CHECK_SECONDS": "0.5", "LINK_HEARTBEAT_TIMEOUT_SECONDS": "2"]).linkTimes
        #expect(times.check == 500 && times.timeout == 2_000 && times.cooldown == 0)
        #expect(refusal(["LINK_CHECK_SECONDS": "3"])?.description.hasPrefix("LINK_HEARTBEAT_TIMEOUT_SECONDS") == true)
    }

    @Test("A slip of the pen in the file is warned of; others' variables in the environment are not")
    func unknownNames() throws {
        #expect(
            try load(file: "PROT=1\nPORT=1\n\nHISTORY=2").warnings == [
                ".env line 1: PROT is not a variable of this program",
                ".env line 4: HISTORY is not a variable of this program",
            ])
        #expect(try load(["PROT": "1", "PATH": "/bin", "HISTORY": "2"]).warnings == [])
        // A prefix that nobody else has.
        #expect(
            try load(["GOVERNOR_ANYTHING": "hush"], file: "GOVERNOR_X=2").warnings == [
                ".env line 1: GOVERNOR_X is not a variable of this program",
                "GOVERNOR_ANYTHING is not a variable of this program",
            ])
    }

    @Test("A send queue smaller than a message is warned of")
    func smallQueue() throws {
        #expect(try load(["MAX_MESSAGE_BYTES": "8192", "SEND_QUEUE_BYTES": "8192"]).warnings == [])
        let warnings = try load(["MAX_MESSAGE_BYTES": "8193", "SEND_QUEUE_BYTES": "8192"]).warnings
        #expect(warnings.count == 1 && warnings[0].contains("SEND_QUEUE_BYTES (8192)"))
    }
}
