import Core
import Testing

struct BucketHistogramTests {
    @Test func aDurationCountsInTheFirstBucketThatHoldsIt() {
        let histogram = BucketHistogram()
        let bounds = BucketHistogram.boundsMicroseconds
        for bound in bounds {
            histogram.observe(bound)
            histogram.observe(bound + 1, times: 2)
        }
        #expect(histogram.counts == [1] + Array(repeating: 3, count: bounds.count - 1) + [2])
        #expect(histogram.sumMicroseconds == bounds.reduce(0) { $0 + 3 * $1 + 2 })
    }
}
