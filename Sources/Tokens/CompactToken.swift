/// A signed token in its compact form, taken apart (RFC 7515 §3.1). Nobody may believe it yet.
struct CompactToken {
    /// A limit of this program; the longest request line is as long.
    static let bytesMax = 8192

    let header: [UInt8]
    let claims: [UInt8]
    let signature: [UInt8]
    /// The bytes that the signature is made of: the first two parts as they came.
    let signed: ArraySlice<UInt8>

    init(_ token: [UInt8]) throws(TokenFault) {
        guard !token.isEmpty else { throw .missing }
        guard token.count <= Self.bytesMax else { throw .tooLong }
        let parts = token.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let claims = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .malformed }
        (self.header, self.claims, self.signature) = (header, claims, signature)
        signed = token[..<parts[1].endIndex]
    }
}
