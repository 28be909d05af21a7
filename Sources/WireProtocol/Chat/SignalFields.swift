/// The fields of a signal that the gateway passes on, as slices of what was received.
package struct SignalFields {
    /// The inside of the JSON string.
    package let name: UnsafeRawBufferPointer
    /// Any JSON value, byte for byte; nil when absent.
    package let data: UnsafeRawBufferPointer?

    package init(_ table: borrowing FieldTable) throws(FieldFault) {
        name = try table.required(.name, table.typeName(.name)).raw
        data = try table.written(.data)
    }
}

/// A signal on its way to its room's home, or to other nodes: the object of its name and data, with memory of its own.
package struct SignalBody: Sendable, Equatable {
    /// `{"name":…,"data":…}`
    package let json: [UInt8]

    package init(_ fields: SignalFields) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("name")
        writer.rawString(fields.name)
        if let data = fields.data {
            writer.name("data")
            writer.raw(data)
        }
        writer.endObject()
        json = writer.array
    }

    /// Reads what another node has sent; nil when it is no signal.
    package init?(_ bytes: [UInt8]) {
        let body: SignalBody? = bytes.withUnsafeBytes { bytes in
            guard let table = try? FieldTable(scanning: bytes) else { return nil }
            return (try? SignalFields(table)).map(SignalBody.init)
        }
        guard let body else { return nil }
        self = body
    }
}
