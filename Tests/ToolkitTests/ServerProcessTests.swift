import NetworkIO
import Testing
import Toolkit

@Suite("A server that a tool has started")
struct ServerProcessTests {
    private func run(_ body: (ServerProcess, TemporaryFolder) throws -> Void) throws {
        let folder = try TemporaryFolder(in: "/tmp", prefix: "sluice-toolkit-")
        defer { folder.remove() }
        let stage = try Stage()
        defer { stage.close() }
        try body(ServerProcess("sleeper", log: "sleeper.log", in: folder, stage: stage), folder)
    }

    @Test("An end of its own is a fault, reported once; then it is down")
    func fault() throws {
        try run { server, folder in
            #expect(!server.isUp && server.fault() == nil)
            try server.launch("/bin/sh", ["sh", "-c", "exit 3"], environment: [:])
            while server.exitStatus() == nil {}
            #expect(server.isUp)
            #expect(server.fault() == "sleeper has ended by itself with status 3; its log: \(folder.path)/sleeper.log")
            #expect(server.fault() == nil && !server.isUp)
        }
    }

    @Test("One that ends before it is ready says how, and is down")
    func notReady() throws {
        try run { server, folder in
            let fault = #expect(throws: SceneFault.self) {
                try server.launch("/bin/sh", ["sh", "-c", "exit 4"], environment: [:]) { false }
            }
            #expect(
                fault?.description
                    == "sleeper does not start, it ends with status 4; its log: \(folder.path)/sleeper.log")
            #expect(!server.isUp)
        }
    }

    @Test("It is killed, and ends when it is asked to")
    func ends() throws {
        try run { server, _ in
            try server.launch("/bin/sh", ["sh", "-c", "exec sleep 60"], environment: [:]) { true }
            #expect(server.isUp && server.exitStatus() == nil)
            try server.kill()
            #expect(!server.isUp)
            try server.launch("/bin/sh", ["sh", "-c", "exec sleep 60"], environment: [:])
            server.terminate()
            while server.exitStatus() == nil {}
            #expect(server.exitStatus() == 143)
            server.drop()
            #expect(!server.isUp)
        }
    }
}
