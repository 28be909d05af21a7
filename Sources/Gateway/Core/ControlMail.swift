import ClusterState
import NetworkIO
import Overload

/// Mail from workers to the control loop. Any thread.
struct ControlMail: Sendable {
    /// Pushes to be sent, when there is a webhook.
    let pushes = Mailbox<PushJob>()
    /// Events to be sent, when there is a webhook for them.
    let events = EventDesk()
    /// Requests to the governor.
    let governor = Mailbox<GovernorRequest>()
    /// About links: what operators want, and what became of connections.
    let links = Mailbox<LinkNotice>()
}
