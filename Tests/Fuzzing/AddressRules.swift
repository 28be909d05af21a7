import Core
import Gateway

/// Who a request comes from.
enum AddressRules {
    // MARK: Forwarding

    private static let peer = IPAddress(v4: 0x7F00_0001)
    /// An address that a trusted proxy has seen itself.
    private static let seen = IPAddress(v4: 0xC633_6407)

    /// The input: lines `name: value`, of which several of one name are joined by commas, as a request's head has them.
    static func checkForwarding(_ text: String) throws {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let name = parts[0].lowercased()
            values[name] = values[name].map { "\($0), \(parts[1])" } ?? String(parts[1])
        }
        let (forwarded, list, real) = (values["forwarded"], values["x-forwarded-for"], values["x-real-ip"])
        func address(forwarded: String?, forwardedFor: String?, realIP: String?) -> IPAddress? {
            TrustedProxies.loopback.effectiveAddress(
                peer: peer, .init(forwarded: forwarded, forwardedFor: forwardedFor, realIP: realIP))
        }
        _ = address(forwarded: forwarded, forwardedFor: list, realIP: real)
        let stranger = TrustedProxies.loopback.effectiveAddress(
            peer: seen, .init(forwarded: forwarded, forwardedFor: list, realIP: real))
        try holdEqual(stranger, seen, "a peer that is not trusted names another address")

        // A trusted proxy appends whom it heard to what the client wrote.
        let longerField = forwarded.map { "\($0), for=\(seen)" } ?? "for=\(seen)"
        let longerList = list.map { "\($0), \(seen)" } ?? "\(seen)"
        let byList = address(forwarded: nil, forwardedFor: longerList, realIP: nil)
        try holdEqual(byList, seen, "a client chose its address by X-Forwarded-For")
        let found = [
            address(forwarded: longerField, forwardedFor: nil, realIP: nil),
            address(forwarded: forwarded, forwardedFor: longerList, realIP: real),
            address(forwarded: longerField, forwardedFor: list, realIP: real),
            address(forwarded: longerField, forwardedFor: longerList, realIP: "\(seen)"),
        ]
        for (index, address) in found.enumerated() {
            try hold(address == nil || address == seen, "a client chose its address, by way \(index)")
        }
    }

    // MARK: Blocks

    static func checkBlocks(_ text: String) throws {
        if let address = IPAddress(text) {
            try holdEqual(IPAddress(address.description), address, "an address, written anew")
            try hold(CIDR(text)?.contains(address) == true, "an address that is not in its own block")
        }
        if let block = CIDR(text) {
            try holdEqual(CIDR(block.description), block, "a block, written anew")
            try hold(block.contains(block.network) || block.network.isV4, "a block without its first address")
        }
        if let origin = Origin(text) {
            try holdEqual(Origin(origin.description), origin, "an origin, written anew")
        }
        let host = HostName(text)
        if host.isLoopback { try hold(text.utf8.count >= 3, "a loopback address of \(text.utf8.count) bytes") }
        try checkList(text)
    }

    /// TRUSTED_PROXIES is taken as a whole, or refused: a slip must not trust less or more than was meant.
    private static func checkList(_ text: String) throws {
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            String(item.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        let blocks = items.compactMap { CIDR($0) }
        let configuration = try? Configuration.load(
            environment: ["TRUSTED_PROXIES": text, "ALLOWED_HOSTS": "localhost"], dotEnv: nil, cores: 1)
        guard !text.isEmpty else { return }
        try holdEqual(
            configuration?.trustedProxies.blocks, blocks.count == items.count ? blocks : nil, "TRUSTED_PROXIES")
    }
}
