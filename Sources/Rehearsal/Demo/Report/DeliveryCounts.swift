/// The outcome of the messages of a scene, or of all.
struct DeliveryCounts: Equatable {
    var sent = 0
    /// Summed over those for whom they are.
    var received = 0
    var lost = 0
    var duplicated = 0
    var misordered = 0
    /// Sent, and no ack came.
    var unacked = 0

    var isClean: Bool { lost == 0 && duplicated == 0 && misordered == 0 && unacked == 0 }

    static func += (sum: inout DeliveryCounts, other: DeliveryCounts) {
        sum.sent += other.sent
        sum.received += other.received
        sum.lost += other.lost
        sum.duplicated += other.duplicated
        sum.misordered += other.misordered
        sum.unacked += other.unacked
    }
}

extension DeliveryCounts: CustomStringConvertible {
    var description: String {
        "\(lost) lost, \(duplicated) duplicated, \(misordered) out of order, \(unacked) without an ack"
    }
}
