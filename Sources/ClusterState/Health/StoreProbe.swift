import Core

/// A probe of the store by one loop of one run of a node: `probe.lua` on keys and a channel that nobody else has.
package struct StoreProbe: Sendable {
    /// Longer than any wait between probes, and soon gone when the loop is.
    private static let keptMilliseconds = 30_000

    /// Brings the numbers of the probes that were written, in decimal digits.
    package let channel: [UInt8]
    private let keys: [[UInt8]]

    /// - Parameter name: the run's and the loop's, which no other loop has.
    package init(name: String) {
        let tag = "sluice:{probe:\(name)}"
        channel = Array(tag.utf8)
        keys = ["place", "log", "id"].map { Array("\(tag):\($0)".utf8) }
    }

    /// The probe of a number above all before.
    package func operation(_ number: Int) -> StoreOperation {
        .script(
            Self.script, keys: keys,
            arguments: [channel, Array(String(number).utf8), Array(String(Self.keptMilliseconds).utf8)])
    }

    /// Reads the answer, and a publication; nil when it is something else.
    package static func number(_ bytes: [UInt8]) -> Int? { Int(String(decoding: bytes, as: UTF8.self)) }

    /// The script `probe.lua`, and the same in Swift.
    package static let script = StoreScript(name: "probe", lua: PackageResources.probe_lua) {
        operations, keys, arguments throws(StoreFault) in
        let (channel, number) = (arguments[0], arguments[1])
        let kept = Int(String(decoding: arguments[2], as: UTF8.self)) ?? 0
        let id = StreamID(UInt64(Self.number(number) ?? 0))
        _ = try operations.call(.hashSet(key: keys[0], pairs: [StorePair(Array("number".utf8), number)]))
        _ = try operations.call(.expire(key: keys[0], milliseconds: kept))
        _ = try operations.call(.streamAppend(key: keys[1], id: id, pairs: [StorePair(Array("m".utf8), [])]))
        _ = try operations.call(.streamTrim(key: keys[1], lengthMax: 1))
        _ = try operations.call(.expire(key: keys[1], milliseconds: kept))
        _ = try operations.call(.set(key: keys[2], value: number, expiry: kept))
        _ = try operations.call(.publish(channel: channel, payload: number))
        return try operations.call(.hashGet(key: keys[0], field: Array("number".utf8)))
    }
}
