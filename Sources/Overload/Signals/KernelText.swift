/// Reads numbers out of the kernel's text files (proc(5), cgroups(7)). What is not as it should be gives nil.
enum KernelText {
    /// The numbers of the first line that begins with `name` and a blank or a colon, up to what is no number: "name 1
    /// 2" is [1, 2], "Name:  5 kB" is [5]. nil without such a line, or without a number in it.
    static func numbers(after name: StaticString, in text: String) -> [Int]? {
        var text = text
        return text.withUTF8 { bytes in
            let numbers = line(after: name, in: bytes).map { leadingNumbers($0) } ?? []
            return numbers.isEmpty ? nil : numbers
        }
    }

    /// The first of them.
    static func number(after name: StaticString, in text: String) -> Int? { numbers(after: name, in: text)?.first }

    /// The number that is the whole text, with white space around it.
    static func number(_ text: String) -> Int? {
        var text = text
        return text.withUTF8 { bytes in
            let numbers = leadingNumbers(bytes)
            return numbers.count == 1 && bytes.allSatisfy { isDigit($0) || isBlank($0) } ? numbers[0] : nil
        }
    }

    /// The number right behind `mark` in the first line that begins with `name` and a blank or a colon.
    static func number(behind mark: StaticString, after name: StaticString, in text: String) -> Int? {
        var text = text
        return text.withUTF8 { bytes in
            guard let line = line(after: name, in: bytes), mark.utf8CodeUnitCount <= line.count else { return nil }
            for start in 0...(line.count - mark.utf8CodeUnitCount) {
                let end = start + mark.utf8CodeUnitCount
                guard (start..<end).allSatisfy({ line[$0] == mark.utf8Start[$0 - start] }) else { continue }
                guard end < line.count, isDigit(line[end]) else { return nil }
                return leadingNumbers(UnsafeBufferPointer(rebasing: line[end...]), most: 1).first
            }
            return nil
        }
    }

    /// The words of a text, separated by white space.
    static func words(_ text: some StringProtocol) -> [Substring] {
        Substring(text).split { $0 == " " || $0 == "\n" || $0 == "\t" }
    }

    private static let newline = UInt8(ascii: "\n")

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == newline }

    /// The rest of the first line that begins with the name.
    private static func line(
        after name: StaticString, in bytes: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: newline) ?? bytes.count
            if let rest = rest(of: UnsafeBufferPointer(rebasing: bytes[start..<end]), after: name) { return rest }
            start = end + 1
        }
        return nil
    }

    private static func rest(of line: UnsafeBufferPointer<UInt8>, after name: StaticString)
        -> UnsafeBufferPointer<UInt8>?
    {
        let count = name.utf8CodeUnitCount
        guard line.count > count, isBlank(line[count]) || line[count] == UInt8(ascii: ":") else { return nil }
        for index in 0..<count where line[index] != name.utf8Start[index] { return nil }
        return UnsafeBufferPointer(rebasing: line[(count + 1)...])
    }

    /// Numbers separated by blanks, up to what is none: a word with a digit in it is not half a number.
    private static func leadingNumbers(_ bytes: UnsafeBufferPointer<UInt8>, most: Int = .max) -> [Int] {
        var numbers: [Int] = []
        var index = 0
        while numbers.count < most {
            while index < bytes.count, isBlank(bytes[index]) { index += 1 }
            guard index < bytes.count, isDigit(bytes[index]) else { return numbers }
            var number = 0
            while index < bytes.count, isDigit(bytes[index]) {
                let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
                let (sum, isOver) = product.addingReportingOverflow(Int(bytes[index] - UInt8(ascii: "0")))
                // v1's "unlimited" fits; a counter above that is none.
                guard !isTooLarge, !isOver else { return numbers }
                number = sum
                index += 1
            }
            guard index == bytes.count || isBlank(bytes[index]) else { return numbers }
            numbers.append(number)
        }
        return numbers
    }
}
