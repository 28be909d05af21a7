/// The scripts on locks. All take the keys of `LockKeys`, and the arguments that the Lua files name.
package enum LockScripts {
    package static let enter = script("lock_enter", PackageResources.lock_enter_lua) { $0.enter }
    package static let acquire = script("lock_acquire", PackageResources.lock_acquire_lua) { $0.acquire }
    package static let renew = script("lock_renew", PackageResources.lock_renew_lua) { $0.renew }
    package static let reclaim = script("lock_reclaim", PackageResources.lock_reclaim_lua) { $0.reclaim }
    package static let held = script("lock_held", PackageResources.lock_held_lua) { $0.held }
    package static let release = script("lock_release", PackageResources.lock_release_lua) { $0.release }

    /// All of them, to be loaded when a connection stands.
    package static let all = [enter, acquire, renew, reclaim, held, release]

    private static func script(
        _ name: String, _ body: [UInt8],
        _ run: @escaping @Sendable (LockTwin) -> () throws(StoreFault) -> StoreReply
    ) -> StoreScript {
        StoreScript(name: name, lua: PackageResources.generation_lua + body) {
            operations, keys, arguments throws(StoreFault) in
            try run(LockTwin(operations: operations, keys: keys, arguments: arguments))()
        }
    }
}

/// Where locks are kept. All keys share one hash tag: a script may touch only one slot of a Redis cluster.
package enum LockKeys {
    private static let prefix = "sluice:{locks}:"

    /// The keys of a script on the lock `name`.
    package static func all(_ name: String) -> [[UInt8]] {
        ["generation", "lock:\(name)", "queue:\(name)", "waiters:\(name)"].map { Array((prefix + $0).utf8) }
    }

    /// The channel on which a keeper hears that one of its waiters is next.
    package static func channel(keeper: String) -> String {
        "\(prefix)wake:\(keeper)"
    }
}
