/// A moment as ISO 8601 in UTC with milliseconds, without a calendar library.
package enum Timestamp {
    /// `2026-01-31T12:00:00.000Z` for milliseconds since the Unix epoch; years 0000 to 9999, clamped.
    ///
    /// The date comes from days by Howard Hinnant's `civil_from_days` ("chrono-compatible low-level date algorithms").
    package static func iso8601(milliseconds: Int) -> String {
        let moment = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let day = 86_400_000
        // Towards the past, also before 1970.
        let days = (moment - (moment % day + day) % day) / day
        let inDay = moment - days * day

        // Days since 0000-03-01, so that a leap day is the last of its year.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        let date =
            padded(year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, 2)
        let time =
            padded(inDay / 3_600_000, 2) + ":" + padded(inDay / 60_000 % 60, 2) + ":" + padded(inDay / 1000 % 60, 2)
        return date + "T" + time + "." + padded(inDay % 1000, 3) + "Z"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
