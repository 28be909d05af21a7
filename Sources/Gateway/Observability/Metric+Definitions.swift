extension Metric {
    package var definition: Definition {
        switch self {
        case .buildInfo:
            Definition(
                "sluice_build_info", .gauge, "Always 1: which version this is, and the node's name.",
                labels: ["version", "node"])
        case .mode:
            Definition("sluice_mode", .gauge, "1 for how the node stands to its cluster now, else 0.", labels: ["mode"])
        case .draining:
            Definition("sluice_draining", .gauge, "1 while the node is on its way out.")
        case .alertActive:
            Definition("sluice_alert_active", .gauge, "1 for each alert that is on, else 0.", labels: ["name"])
        case .eventStreams:
            Definition("sluice_event_streams", .gauge, "Clients that listen to the node's events.")
        case .connections:
            Definition("sluice_connections", .gauge, "WebSocket connections that are open.")
        case .connectionsMax:
            Definition("sluice_connections_max", .gauge, "The most of them that the node takes.")
        case .connectionsAccepted:
            Definition(
                "sluice_connections_accepted_total", .counter, "TCP connections that were accepted, HTTP included.")
        case .connectionsRefused:
            Definition(
                "sluice_connections_refused_total", .counter, "Connections that were refused.", labels: ["reason"])
        case .slowConsumersClosed:
            Definition(
                "sluice_slow_consumers_closed_total", .counter,
                "Connections that were closed because they read too slowly.")
        case .sendQueueBytes:
            Definition("sluice_send_queue_bytes", .gauge, "Bytes that wait until clients read.")
        case .rooms:
            Definition("sluice_rooms", .gauge, "Rooms that this node has in memory.")
        case .storedBytes:
            Definition("sluice_stored_bytes", .gauge, "Memory that histories and inboxes take.")
        case .storedBytesMax:
            Definition("sluice_stored_bytes_max", .gauge, "The most that they may take (STORED_BYTES_MAX).")
        case .messageIDs:
            Definition("sluice_message_ids", .gauge, "Message ids that are known.")
        case .dedupeWindow:
            Definition(
                "sluice_dedupe_window_seconds", .gauge,
                "How long an id is known: DEDUPE_WINDOW_SECONDS, or less while memory is short.")
        case .messagesReceived:
            Definition("sluice_messages_received_total", .counter, "Frames that clients sent, of all types.")
        case .messagesCommitted:
            Definition(
                "sluice_messages_committed_total", .counter,
                "Room and direct messages of this node's clients that got their place.")
        case .messagesDelivered:
            Definition(
                "sluice_messages_delivered_total", .counter,
                "Messages that were handed to connections: one per receiver.")
        case .messagesProvisional:
            Definition("sluice_messages_provisional_total", .counter, "Messages that were taken while Redis was away.")
        case .messagesRefused:
            Definition("sluice_messages_refused_total", .counter, "Frames that were refused.", labels: ["reason"])
        case .deliveryLatency:
            Definition(
                "sluice_delivery_latency_seconds", .histogram,
                "From a message's arrival until it was handed to the kernel for its members.")
        case .queueDelay:
            Definition("sluice_queue_delay_seconds", .histogram, "How long what arrives waits until it is looked at.")
        case .commitLatency:
            Definition(
                "sluice_commit_latency_seconds", .histogram,
                "How long Redis took to commit what was sent to it, one per message; empty in single mode.")
        case .loopLag:
            Definition(
                "sluice_loop_lag_seconds", .gauge,
                "How late the worker's loop lately was, or how long it has been standing still.", labels: ["worker"])
        case .tier:
            Definition("sluice_tier", .gauge, "What the governor decided: 0 normal, 1 light, 2 moderate, 3 heavy.")
        case .tierTransitions:
            Definition("sluice_tier_transitions_total", .counter, "Changes to each tier.", labels: ["to"])
        case .pressure:
            Definition(
                "sluice_pressure", .gauge, "How hard each signal that the machine has presses, 0 to 1.",
                labels: ["signal"])
        case .governorPressure:
            Definition("sluice_governor_pressure", .gauge, "The pressure that decides, 0 to 1, smoothed.")
        case .governorPinned:
            Definition("sluice_governor_pinned", .gauge, "1 while an operator holds the tier.")
        case .governorDryRun:
            Definition("sluice_governor_dry_run", .gauge, "1 when tiers are decided and nothing is shed.")
        case .governorSampling:
            Definition(
                "sluice_governor_sampling_seconds_total", .counter, "Processor time that reading the signals took.")
        case .shed:
            Definition(
                "sluice_shed_total", .counter, "What was not done, or done late or in part, because of the load.",
                labels: ["kind"])
        case .redisState:
            Definition("sluice_redis_state", .gauge, "1 for how Redis stands now, else 0.", labels: ["state"])
        case .redisRoundTrip:
            Definition(
                "sluice_redis_roundtrip_seconds", .histogram,
                "How long Redis took to answer, of one command per worker and quarter of a second.")
        case .redisReconnects:
            Definition(
                "sluice_redis_reconnects_total", .counter, "Connections to Redis that were made after the first.")
        case .outboxMessages:
            Definition("sluice_outbox_messages", .gauge, "Messages that are kept until Redis is back.")
        case .outboxMessagesMax:
            Definition("sluice_outbox_messages_max", .gauge, "The most messages that are kept (OUTBOX_MESSAGES).")
        case .outboxBytes:
            Definition("sluice_outbox_bytes", .gauge, "The bytes of these.")
        case .clusterNodes:
            Definition("sluice_cluster_nodes", .gauge, "Nodes of the cluster that this one knows, itself included.")
        case .locksHeld:
            Definition("sluice_locks_held", .gauge, "Locks of the cluster that this node has.")
        case .locksLost:
            Definition("sluice_lock_lost_total", .counter, "Locks that were lost instead of given back.")
        case .links:
            Definition("sluice_links", .gauge, "Outbound links that this node owns.", labels: ["state"])
        case .webhookEventsSent:
            Definition(
                "sluice_webhook_events_sent_total", .counter, "Events that the server of EVENT_WEBHOOK_URL has taken.")
        case .webhookEventsDropped:
            Definition(
                "sluice_webhook_events_dropped_total", .counter,
                "Events that were given up: too many waited, or the server refused them or was away for too long.")
        case .webhookEventsWaiting:
            Definition("sluice_webhook_events_waiting", .gauge, "Events that wait for that server, or are under way.")
        case .processCPU:
            Definition("process_cpu_seconds_total", .counter, "Processor time used.")
        case .processMemory:
            Definition("process_resident_memory_bytes", .gauge, "Resident memory.")
        case .processOpenFiles:
            Definition("process_open_fds", .gauge, "Open file descriptors.")
        case .processOpenFilesMax:
            Definition("process_max_fds", .gauge, "The most descriptors that may be open.")
        case .processStart:
            Definition("process_start_time_seconds", .gauge, "When the node started, seconds since the Unix epoch.")
        }
    }

    /// The table of docs/monitoring.md.
    package static func documentTable() -> String {
        let rows = allCases.map { metric in
            let definition = metric.definition
            let labels = definition.labels.map { "\($0)" }.joined(separator: ", ")
            let name = labels.isEmpty ? "\(definition.name)" : "\(definition.name){\(labels)}"
            return "| `\(name)` | \(definition.kind.rawValue) | \(definition.help) |\n"
        }
        return "| Metric | Type | Meaning |\n|---|---|---|\n" + rows.joined()
    }
}
