import ArgumentParser

/// The part of the command line that says which nodes to load.
struct TargetOptions: ParsableArguments {
    @Option(help: "A node; may be repeated or hold several, separated by commas.")
    var url: [String] = []

    @Argument(help: "Nodes, as with --url: ws://HOST[:PORT]. (default: ws://127.0.0.1:8000)")
    var nodes: [String] = []

    /// One text for each node; at least one.
    var texts: [String] {
        let given = (url + nodes).flatMap { $0.split(separator: ",").map(String.init) }
        return given.isEmpty ? ["ws://127.0.0.1:8000"] : given
    }
}
