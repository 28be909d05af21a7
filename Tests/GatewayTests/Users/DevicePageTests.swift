import Core
import Rooms
import Testing

@testable import Gateway

@Suite("A page of a user's devices")
struct DevicePageTests {
    private func info(_ device: String) -> ConnectionInfo {
        ConnectionInfo(
            user: Identifier(unchecked: "ann"), device: Identifier(unchecked: device), deviceType: nil, worker: 0,
            socketKey: 1, connectedAt: 5, userNumber: 1)
    }

    private func elsewhere(_ devices: String...) -> (boot: String, attendance: RemoteAttendance) {
        let devices = devices.map {
            RemoteAttendance.Device(device: Identifier(unchecked: $0), deviceType: nil, connectedAt: 5)
        }
        return ("boot", RemoteAttendance(node: "other", devices: devices))
    }

    private func names(_ page: DevicePage) -> [String] {
        page.devices.map { device in
            switch device {
            case .here(let index): page.here[index].device.text
            case .elsewhere(let device, let node, _): "\(device.device.text)@\(node)"
            }
        }
    }

    @Test("devices of all nodes come by id, and a page goes on behind the last one")
    func pages() {
        let here = ["c", "a", "e"].map(info)
        let there = [elsewhere("d", "b")]
        let first = DevicePage(here: here, elsewhere: there, after: nil, limit: 3)
        #expect(names(first) == ["a", "b@other", "c"] && first.next?.text == "c" && first.isOnline)
        #expect(first.here.map(\.device.text) == ["a", "c"])
        let second = DevicePage(here: here, elsewhere: there, after: first.next, limit: 3)
        #expect(names(second) == ["d@other", "e"] && second.next == nil)
        #expect(names(DevicePage(here: here, elsewhere: there, after: nil, limit: 5)).count == 5)
        #expect(DevicePage(here: here, elsewhere: there, after: nil, limit: 5).next == nil)
        let behind = DevicePage(here: here, elsewhere: there, after: Identifier(unchecked: "e"), limit: 3)
        #expect(behind.devices.isEmpty && behind.next == nil && behind.isOnline)
        #expect(!DevicePage(here: [], elsewhere: [], after: nil, limit: 3).isOnline)
    }

    @Test("a device that two nodes have stands in one page")
    func twice() {
        let page = DevicePage(here: [info("a"), info("b")], elsewhere: [elsewhere("a")], after: nil, limit: 1)
        #expect(page.devices.count == 2 && page.next?.text == "a")
    }
}
