import Core
import Overload
import WireProtocol

/// One path and method of the HTTP API, and its handler. `/openapi.json` lists just these; a test holds the two
/// together.
struct Route: Sendable {
    typealias Handler = @Sendable (any APIServices, HTTPCall) throws(APIFault) -> Reply

    let method: HTTPMethod
    /// As in OpenAPI: `/api/rooms/{room_id}`.
    let path: String
    let handle: Handler
    let importance: Importance
    /// Its rank among what the inner controller sheds; nil: that never sheds it.
    let priority: Admission.Priority?
    private let segments: [Segment]

    /// How long a request is answered while the load rises.
    enum Importance: Sendable {
        /// Answered at every tier.
        case essential
        /// Answered from a copy at higher tiers, and with 503 at heavy: the same for everybody, and read only.
        case list, page
        /// Answered with 503 at heavy.
        case ordinary
    }

    private enum Segment: Sendable {
        case fixed(String)
        case parameter
    }

    init(
        _ method: HTTPMethod, _ path: String, _ importance: Importance, sheddable priority: Admission.Priority? = nil,
        _ handle: @escaping Handler
    ) {
        self.method = method
        self.importance = importance
        self.priority = priority
        self.path = path
        self.handle = handle
        segments = path.split(separator: "/").map { $0.hasPrefix("{") ? .parameter : .fixed(String($0)) }
    }

    /// Whether a body of its requests means anything: then it is JSON.
    var takesBody: Bool { method == .post || method == .put }

    /// The values of the path's parameters, if it matches.
    private func match(_ path: [String]) -> [String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [String] = []
        for (segment, value) in zip(segments, path) {
            switch segment {
            case .fixed(let wanted): if wanted != value { return nil }
            case .parameter where value.isEmpty: return nil
            case .parameter: parameters.append(value)
            }
        }
        return parameters
    }

    /// The result of looking for a route.
    enum Finding {
        case found(Route, [String])
        /// The path is there, with these methods.
        case otherMethods(String)
        case unknownMethod
        case unknownPath
    }

    /// The route of a request; HEAD has that of GET.
    static func find(_ method: HTTPMethod, _ path: [String], servesEcho: Bool) -> Finding {
        if case .other = method { return .unknownMethod }
        let wanted = method == .head ? .get : method
        var isKnownPath = false
        for route in servesEcho ? all + [echo] : all {
            guard let parameters = route.match(path) else { continue }
            if route.method == wanted { return .found(route, parameters) }
            isKnownPath = true
        }
        return isKnownPath ? .otherMethods(allowedMethods(path)) : .unknownPath
    }

    /// The value of `Allow` for a path.
    static func allowedMethods(_ path: [String]) -> String {
        var names: [String] = []
        for route in all where route.match(path) != nil { names.append(route.method.name) }
        if names.contains("GET") { names.insert("HEAD", at: 1) }
        return (names + ["OPTIONS"]).joined(separator: ", ")
    }
}
