/// Work that a store does as a whole: nothing of others comes between its operations.
///
/// It is there twice: as Lua for Redis, and as a twin for the memory store; tests hold the two equal. It validates
/// before it writes, for Redis does not roll back.
package struct StoreScript: Sendable {
    /// Runs the twin: `operations` stand in the place of `redis.call`.
    package typealias Twin =
        @Sendable (_ operations: any StoreOperations, _ keys: [[UInt8]], _ arguments: [[UInt8]]) throws(StoreFault) ->
        StoreReply

    /// For logs and tests, and the name of the Lua file.
    package let name: String
    /// The text that EVAL takes.
    package let lua: [UInt8]
    package let twin: Twin

    package init(name: String, lua: [UInt8], twin: @escaping Twin) {
        self.name = name
        self.lua = lua
        self.twin = twin
    }
}

/// The operations open to a script's twin; they end at once.
package protocol StoreOperations {
    /// Runs `operation`, which is no script; throws `.refused` where Redis answers with an error.
    func call(_ operation: StoreOperation) throws(StoreFault) -> StoreReply
}
