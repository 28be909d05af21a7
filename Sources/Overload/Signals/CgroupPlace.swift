/// Where a process's control group lies, and the groups around it: for each controller the folders from its own group
/// up to the root of the mount, whose limits hold all at once.
struct CgroupPlace: Sendable, Equatable {
    /// A group's folder and which version's files it has.
    struct Group: Sendable, Equatable {
        let folder: String
        let isV2: Bool
    }

    /// From the innermost outwards; empty without such a controller.
    var cpu: [Group] = []
    var memory: [Group] = []
    var io: [Group] = []

    /// Files that show a folder to be a group of the controller. Which of them there are depends on the kernel, and on
    /// whether it is the root.
    private static let marksV2 = ["cgroup.controllers", "cpu.stat", "cpu.max", "memory.current", "memory.max"]
    private static let marksCPU = ["cpu.cfs_quota_us", "cpu.stat", "cpu.shares"]
    private static let marksMemory = ["memory.usage_in_bytes", "memory.limit_in_bytes"]
    /// Groups above each other that are looked at, beside the root.
    private static let depthMax = 16

    /// Finds the groups.
    ///
    /// A container sees its own group as the root of the mount, while `self/cgroup` may name the path as the host has
    /// it: where that does not exist, the root of the mount stands in.
    ///
    /// - Parameters:
    ///   - text: `self/cgroup`; nil when it can't be read.
    ///   - root: where the groups are mounted.
    ///   - read: a file's text.
    static func find(_ text: String?, root: String, read: (String) -> String?) -> CgroupPlace {
        let paths = Paths(text ?? "")
        var place = CgroupPlace()
        let unified = [root, root + "/unified"].first { exists($0, marksV2, read) }
        let cpu = ["cpu", "cpu,cpuacct", "cpuacct,cpu"].map { "\(root)/\($0)" }.first { exists($0, marksCPU, read) }
        let memory = exists(root + "/memory", marksMemory, read) ? root + "/memory" : nil
        let groupsV2 = unified.map { groups($0, paths.v2, isV2: true, marksV2, read) } ?? []
        place.cpu = cpu.map { groups($0, paths.v1["cpu"], isV2: false, marksCPU, read) } ?? groupsV2
        place.memory = memory.map { groups($0, paths.v1["memory"], isV2: false, marksMemory, read) } ?? groupsV2
        place.io = groupsV2
        return place
    }

    private static func exists(_ folder: String, _ marks: [String], _ read: (String) -> String?) -> Bool {
        marks.contains { read("\(folder)/\($0)") != nil }
    }

    private static func groups(
        _ mount: String, _ path: Substring?, isV2: Bool, _ marks: [String], _ read: (String) -> String?
    ) -> [Group] {
        var parts = (path ?? "").split(separator: "/")
        // A path out of the mount is that of a group that can't be seen from here.
        if parts.count > depthMax || parts.contains("..") { parts = [] }
        let own = ([Substring(mount)] + parts).joined(separator: "/")
        if !parts.isEmpty, !exists(own, marks, read) { parts = [] }
        return (0...parts.count).reversed().map { depth in
            let folder = ([Substring(mount)] + parts.prefix(depth)).joined(separator: "/")
            return Group(folder: folder, isV2: isV2)
        }
    }

    /// `self/cgroup`: a line `number:controllers:path` for each hierarchy; v2's has no controllers.
    private struct Paths {
        var v2: Substring?
        var v1: [Substring: Substring] = [:]

        init(_ text: String) {
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                guard parts.count == 3, parts[2].hasPrefix("/") else { continue }
                if parts[1].isEmpty { v2 = parts[2] }
                for controller in parts[1].split(separator: ",") { v1[controller] = parts[2] }
            }
        }
    }
}
