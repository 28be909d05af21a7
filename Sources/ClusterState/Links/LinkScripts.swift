/// The scripts on links. All take the keys of `LinkKeys`, and the arguments that the Lua files name.
package enum LinkScripts {
    package static let beat = script("links_beat", PackageResources.links_beat_lua) { $0.beat }
    package static let read = script("links_read", PackageResources.links_read_lua) { $0.read }
    package static let claim = script("links_claim", PackageResources.links_claim_lua) { $0.claim }
    package static let release = script("links_release", PackageResources.links_release_lua) { $0.release }
    package static let report = script("links_report", PackageResources.links_report_lua) { $0.report }
    package static let define = script("links_define", PackageResources.links_define_lua) { $0.define }

    /// All of them, to be loaded when a connection stands.
    package static let all = [beat, read, claim, release, report, define]

    private static func script(
        _ name: String, _ body: [UInt8],
        _ run: @escaping @Sendable (LinkTwin) -> () throws(StoreFault) -> StoreReply
    ) -> StoreScript {
        StoreScript(name: name, lua: PackageResources.generation_lua + body) {
            operations, keys, arguments throws(StoreFault) in
            try run(LinkTwin(operations: operations, keys: keys, arguments: arguments))()
        }
    }
}

/// Where links are kept. All keys share one hash tag: a script may touch only one slot of a Redis cluster.
package enum LinkKeys {
    package static let leases = key("leases")
    package static let definitions = key("definitions")
    package static let owners = key("owners")
    /// Where is published that definitions or owners changed; the payload is the boot of the node that changed them.
    package static let channel = owners

    package static let states = key("states")
    /// By link how many messages the log has refused, that came from an owner whose token was not the highest any more.
    package static let refused = key("refused")

    /// The keys of each script.
    package static let all = [key("generation"), leases, definitions, owners, key("versions"), states, refused]

    private static func key(_ name: String) -> [UInt8] { Array("sluice:{links}:\(name)".utf8) }
}
