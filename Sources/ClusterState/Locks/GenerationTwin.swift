/// The twin of `generation.lua`: what each script on leases finds when it begins.
struct GenerationTwin {
    /// Names this data of this server: another one may lack leases.
    let generation: Int
    /// When the quarantine of this data ends: Unix milliseconds.
    let ends: Int
    /// The highest token that is known.
    let token: Int
    /// The store's clock, in Unix microseconds.
    let micros: Int

    var now: Int { micros / 1000 }

    /// - Parameters:
    ///   - key: a hash: run, generation, until, token.
    ///   - highest: the highest token that the caller has seen.
    ///   - quarantine: its length in milliseconds. A memory store does not begin anew: it is never shortened.
    static func enter(
        _ operations: any StoreOperations, _ key: [UInt8], highest: Int, quarantine: Int
    ) throws(StoreFault) -> GenerationTwin {
        let (micros, run) = (try micros(operations), try serverRun(operations))
        let fields = ["run", "generation", "until", "token"].map { Array($0.utf8) }
        guard case .array(let known) = try operations.call(.hashGetSome(key: key, fields: fields)), known.count == 4
        else { preconditionFailure("HMGET answers with an array") }
        let stored = Stored.number(known[3]) ?? 0
        let token = max(stored, highest)
        guard known[0] == .bytes(run), let generation = Stored.number(known[1]), let until = Stored.number(known[2])
        else {
            let (next, ends) = (max(token + 1, micros), micros / 1000 + quarantine)
            let pairs = [run, decimal(next), decimal(ends), decimal(next)]
            _ = try operations.call(.hashSet(key: key, pairs: zip(fields, pairs).map { StorePair($0, $1) }))
            return GenerationTwin(generation: next, ends: ends, token: next, micros: micros)
        }
        if token > stored {
            _ = try operations.call(.hashSet(key: key, pairs: [StorePair(fields[3], decimal(token))]))
        }
        return GenerationTwin(generation: generation, ends: until, token: token, micros: micros)
    }

    static func micros(_ operations: any StoreOperations) throws(StoreFault) -> Int {
        guard case .array(let parts) = try operations.call(.time), parts.count == 2 else { return 0 }
        return (Stored.number(parts[0]) ?? 0) * 1_000_000 + (Stored.number(parts[1]) ?? 0)
    }

    private static func serverRun(_ operations: any StoreOperations) throws(StoreFault) -> [UInt8] {
        guard case .bytes(let text) = try operations.call(.serverInfo) else { return [] }
        let lines = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.first { $0.hasPrefix("run_id:") }.map { Array($0.dropFirst("run_id:".count).utf8) } ?? []
    }
}
