import Core

// A member of an object: its name and its value in one call. Members whose value is an object or an array begin with
// `name`.
extension JSONWriter {
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: String) {
        self.name(name)
        string(value)
    }

    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: StaticString) {
        self.name(name)
        string(value)
    }

    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Identifier) {
        self.name(name)
        string(value)
    }

    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: UInt64) {
        self.name(name)
        number(value)
    }

    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Int) {
        self.name(name)
        number(value)
    }

    /// At most three digits of the fraction are written.
    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Double) {
        self.name(name)
        number(value)
    }

    @inline(__always)
    package mutating func member(_ name: StaticString, _ value: Bool) {
        self.name(name)
        bool(value)
    }
}
