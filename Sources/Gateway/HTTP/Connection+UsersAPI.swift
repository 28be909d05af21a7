import Foundations
import NetworkIO
import Rooms
import WireProtocol

// `/api/users`
extension Connection {
    /// `GET /api/users/{user_id}`: the home knows the devices, their workers know the rooms.
    func showUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            answerLater(at: worker.context.home(of: id)) { home, completion in home.users.describe(id, completion) }
        }
    }

    /// `POST /api/users/{user_id}/messages`
    func publishToUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            let (from, fields, deviceType) = try messageWish(call, author: .from)
            let direct = Direct(from: from, to: id, sender: nil, deviceType: deviceType, fields: fields)
            let (key, origin) = (key, worker.index)
            worker.post(to: worker.context.home(of: id)) { home in
                let number = home.users.publications.open(for: key, of: origin)
                home.users.open(id).publish(direct, author: .request(number))
            }
        }
    }

    /// `DELETE /api/users/{user_id}/connections`
    func removeUser(_ call: HTTPCall, _ path: [String]) {
        answering { () throws(APIFault) in
            let id = try call.identifier("user_id", path[0])
            answerLater(at: worker.context.home(of: id)) { home, completion in
                home.users.removeConnections(of: id) { completion(.closed($0)) }
            }
        }
    }
}

extension HTTPResponse {
    fileprivate static func closed(_ count: Int) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("closed")
        writer.number(count)
        writer.endObject()
        return .json(200, writer.array)
    }
}
